package mfa

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// A recovery code is 80 random bits as 16 characters of Crockford's base32, in
// groups of four. That alphabet has no letter that is mistaken for a digit.
const (
	codeBytes    = 10
	codeLength   = 16
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// newCodes returns n recovery codes and what the store keeps of them.
func newCodes(subject string, n int) ([]string, []CodeHash) {
	codes, hashes := make([]string, n), make([]CodeHash, n)
	for i := range codes {
		var raw [codeLength]byte
		_, _ = rand.Read(raw[:]) // never fails
		for j := range raw {
			raw[j] = codeAlphabet[raw[j]%32] // 32 divides 256: no bias
		}
		text := string(raw[:])
		hashes[i] = hashCode(subject, text)
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	}
	return codes, hashes
}

// normalCode returns the one form of a recovery code that was typed: without
// spaces and dashes, in upper case, with O for 0 and I or L for 1 undone. What has
// anything else in it, or another length, is none.
func normalCode(typed string) (string, bool) {
	if len(typed) > 4*codeLength {
		return "", false
	}
	var b strings.Builder
	for i := range len(typed) {
		c := typed[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch c {
		case ' ', '-':
			continue
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		if strings.IndexByte(codeAlphabet, c) < 0 {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), b.Len() == codeLength
}

// hashCode is what the store keeps of a code. With 80 random bits a fast hash is
// enough; the subject keeps the same code of two users apart.
func hashCode(subject, normal string) CodeHash {
	return CodeHash(secret.HandleOf("mfa recovery\x00" + normal + "\x00" + subject))
}

// Recover accepts a recovery code of subject, once, and returns how many are left.
// Dashes, spaces and case do not matter. The user is told (Config.Notify).
//
// Errors are those of Verify, and attempts are counted with those of Verify.
func (m *Manager) Recover(ctx context.Context, subject, code string) (left int, err error) {
	err = m.attempt(ctx, subject, auth.FactorRecovery, func(ctx context.Context) error {
		left, err = m.useCode(ctx, subject, code)
		return err
	})
	if err != nil {
		return 0, err
	}
	m.emit(ctx, auth.Event{Kind: EventCodeUsed, Subject: subject})
	m.notify(ctx, Notice{Kind: EventCodeUsed, Subject: subject, CodesLeft: left})
	return left, nil
}

func (m *Manager) useCode(ctx context.Context, subject, code string) (left int, err error) {
	if subject == "" || len(subject) > MaxSubject {
		return 0, errNoPrincipal
	}
	normal, ok := normalCode(code)
	if !ok {
		return 0, ErrCode
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	used, left, err := m.store.ConsumeCode(ctx, subject, hashCode(subject, normal), newCall())
	switch {
	case err != nil:
		return 0, unavailable("consume", err)
	case !used:
		return 0, ErrCode
	}
	return left, nil
}

// IssueCodes gives the user of p new recovery codes, which void all they had. It
// wants a proof or, with the zero Proof, a factor that p has proved not longer ago
// than Config.FreshFor. It is a change of factors, see Change.
//
// Errors are those of Disable.
func (m *Manager) IssueCodes(ctx context.Context, p *auth.Principal, proof Proof) ([]string, error) {
	if err := m.mayChange(ctx, p, proof); err != nil {
		return nil, err
	}
	codes, hashes := newCodes(p.Subject, m.cfg.RecoveryCodes)
	err := m.change(ctx, p, EventCodesReplaced, func(ctx context.Context) error {
		return unavailable("replace codes", m.store.ReplaceCodes(ctx, p.Subject, hashes))
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}
