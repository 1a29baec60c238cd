package mfa

import (
	"crypto/rand"
	"fmt"

	"github.com/go-sallyport/auth/problem"
)

// minSecret and maxSecret bound a secret, in bytes. RFC 4226 §4 R6 wants 128 bits
// and recommends 160.
const (
	minSecret = 16
	maxSecret = 128
)

// newTOTP makes a secret as long as the output of the hash, which RFC 6238 §5.1
// asks for: 160 bits or more.
func newTOTP(a Algorithm, digits int) totpFactor {
	size := map[Algorithm]int{SHA1: 20, SHA256: 32, SHA512: 64}[a]
	t := totpFactor{algorithm: a, digits: digits, secret: make([]byte, size)}
	_, _ = rand.Read(t.secret) // never fails
	return t
}

// A secret is sealed with its parameters:
//
//	version (1) || algorithm (1) || digits (1) || secret
//
// The associated data is the subject and the id of the factor, so that it opens in
// no other row, nor as an earlier factor of the same subject. The id has a fixed
// length and no NUL.
const secretVersion = 1

func secretData(subject, id string) []byte {
	return []byte(subject + "\x00" + id)
}

func (m *Manager) sealSecret(subject, id string, t totpFactor) string {
	plain := append([]byte{secretVersion, byte(t.algorithm), byte(t.digits)}, t.secret...) //nolint:gosec // 6 or 8
	return m.secrets.SealString(plain, secretData(subject, id))
}

// openSecret opens what sealSecret made. A value that does not open is a fault of
// the service: a key is missing, or somebody has written to the store.
func (m *Manager) openSecret(subject, id, sealed string) (t totpFactor, outdated bool, err error) {
	plain, outdated, err := m.secrets.OpenString(sealed, secretData(subject, id))
	if err == nil {
		t, err = parseSecret(plain)
	}
	if err != nil {
		return totpFactor{}, false, problem.Wrap(problem.Internal, fmt.Errorf("mfa: the secret of a factor: %w", err))
	}
	return t, outdated, nil
}

func parseSecret(plain []byte) (totpFactor, error) {
	if len(plain) < 3+minSecret || len(plain) > 3+maxSecret || plain[0] != secretVersion || Algorithm(plain[1]) > SHA512 || plain[2] != 6 && plain[2] != 8 {
		return totpFactor{}, errSecret
	}
	return totpFactor{algorithm: Algorithm(plain[1]), digits: int(plain[2]), secret: plain[3:]}, nil
}
