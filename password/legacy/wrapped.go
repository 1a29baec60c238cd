package legacy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sallyport/auth/password"
)

// WrappedConfig configures a Wrapped.
type WrappedConfig struct {
	// Prefix is what the strings begin with, before those of the outer Hasher: up
	// to 32 printable ASCII characters, the first of them no "$". If there is an
	// Inner, the last one is no letter, digit, "-" or "_", such as "md5:". It names
	// Inner for good: another Inner wants another Prefix.
	Prefix string
	// Inner computes what the outer Hasher is given of a password, such as the hex
	// of its SHA-256 with the salt, exactly as it stood in the old table. It is
	// called with a salt of sixteen zeros for logins that nobody has. Nil: the
	// password itself, and no string has a salt.
	Inner func(password, salt string) string
}

// Wrapped verifies strings that are those of another Hasher, in disguise.
//
// One use is a table of fast hashes, salted or not. Wrap every row with an
// Argon2id: no password is needed for that, and from then on no fast hash is at
// rest, also of users who never come back:
//
//	md5:c2FsdA$argon2id$v=19$m=19456,t=2,p=1$…$…
//
// is the prefix "md5:", the old salt in base64url, and the Argon2id of the hex of
// the old MD5. The other use is strings with a word in front, with or without a
// digest of the password: Django's argon2 and bcrypt_sha256, Spring's {bcrypt}.
//
// It does not protect who had the fast hash stolen before it was wrapped, nor from
// somebody who knows the same digest from another site and tries that instead of
// passwords: unsalted digests are worth replacing, which the next login does.
//
// Its bounds, its Pool and its parameters are those of the outer Hasher, one of
// package password, and not what password.Upgrade returns.
//
// It is safe for concurrent use if Inner is.
type Wrapped struct {
	prefix string
	inner  func(password, salt string) string
	outer  password.Hasher
}

var _ password.Hasher = (*Wrapped)(nil)

const (
	maxPrefix = 32
	noSalt    = "0000000000000000"
)

// NewWrapped returns a Wrapped of outer.
func NewWrapped(outer password.Hasher, cfg WrappedConfig) (*Wrapped, error) {
	p := cfg.Prefix
	if outer == nil {
		return nil, errors.New("legacy: NewWrapped wants the Hasher that does the work")
	}
	if p == "" || len(p) > maxPrefix || p[0] == '$' || strings.ContainsFunc(p, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, fmt.Errorf("legacy: the Prefix %q: it must have 1 to %d printable characters of ASCII, the first no $", p, maxPrefix)
	}
	if last := p[len(p)-1:]; cfg.Inner != nil && strings.ContainsAny(last, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		return nil, fmt.Errorf("legacy: the Prefix %q: a salt may follow, so end it with another character, such as a colon", p)
	}
	return &Wrapped{prefix: p, inner: cfg.Inner, outer: outer}, nil
}

// Wrap returns the string to store in place of a fast hash: digest is what Inner
// makes of the password and salt, exactly as it stands in the old table. It needs
// no password. Salt has up to 64 bytes; empty is none.
func (w *Wrapped) Wrap(ctx context.Context, digest, salt string) (encoded string, err error) {
	if w.inner == nil {
		return "", errors.New("legacy: Wrap without an Inner: nobody could sign in with it")
	}
	if digest == "" || len(salt) > maxSalt {
		return "", fmt.Errorf("legacy: Wrap of %d bytes with a salt of %d: a digest must be there, and a salt have at most %d bytes", len(digest), len(salt), maxSalt)
	}
	encoded, err = w.outer.Hash(ctx, digest)
	if err != nil {
		return "", err
	}
	return w.prefix + urlSafe.encode([]byte(salt)) + encoded, nil
}

// Hash does the work of one hash of the outer Hasher and returns an error that
// wraps password.ErrUnknownScheme: for new passwords there is no reason to wrap.
func (w *Wrapped) Hash(ctx context.Context, password string) (string, error) {
	digest, err := w.digest(password, noSalt)
	if err != nil {
		return "", err
	}
	if _, err := w.outer.Hash(ctx, digest); err != nil {
		return "", err
	}
	return "", errReadOnly
}

// Verify implements password.Hasher. What matches is outdated; what does not has
// cost what the outer Hasher costs, if its Pool lets it.
func (w *Wrapped) Verify(ctx context.Context, encoded, pw string) (ok, outdated bool, err error) {
	salt, inside, err := w.parse(encoded)
	if err != nil {
		return false, false, err
	}
	digest, err := w.digest(pw, salt)
	if err != nil {
		return false, false, err
	}
	ok, _, err = w.outer.Verify(ctx, inside, digest)
	if err == nil && !ok {
		_ = password.TopUp(ctx, w.outer, inside, digest) // the password was compared: no error, see password.Hasher
	}
	return ok, ok, err
}

// parse returns the salt and the string of the outer Hasher, which begins with
// the first "$" after the prefix.
func (w *Wrapped) parse(s string) (salt, inside string, err error) {
	rest, ok := strings.CutPrefix(s, w.prefix)
	at := strings.IndexByte(rest, '$')
	switch {
	case !ok || w.inner == nil && at != 0:
		return "", "", password.ErrUnknownScheme
	case len(s) > maxPrefix+maxSalt*2+maxEncoded || at < 0:
		return "", "", bad("wrapped", "too long, or with nothing inside")
	}
	raw, ok := urlSafe.bytes(rest[:at], 0, maxSalt)
	if !ok {
		return "", "", bad("wrapped", "salt")
	}
	return string(raw), rest[at:], nil
}

func (w *Wrapped) digest(password, salt string) (string, error) {
	if err := checkPassword(password); err != nil {
		return "", err
	}
	if w.inner == nil {
		return password, nil
	}
	return w.inner(password, salt), nil
}
