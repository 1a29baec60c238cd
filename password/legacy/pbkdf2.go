package legacy

import (
	"context"
	"crypto"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // inside of PBKDF2, where its collisions are of no use
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"strings"

	"github.com/go-sallyport/auth/password"
)

// PBKDF2Config configures a PBKDF2.
type PBKDF2Config struct {
	// Iterations is the greatest number in the strings of the table, up to
	// 10,000,000. There is no default: too small a number would refuse users.
	Iterations int
	// Hash is crypto.SHA1, crypto.SHA256 or crypto.SHA512. Zero: crypto.SHA256.
	// Strings with another one are of another scheme.
	Hash crypto.Hash
	// Pool is that of password.Argon2idConfig. One hash takes less than 1 MiB of
	// it, and a processor.
	Pool *password.Pool
}

// PBKDF2 verifies PBKDF2 with HMAC ([RFC 8018]) in the strings of three programs:
//
//	pbkdf2_sha256$870000$salt$base64      Django
//	pbkdf2:sha256:600000$salt$hex         Werkzeug
//	$pbkdf2-sha256$29000$salt$ab64        passlib; with SHA-1 it is $pbkdf2$
//
// The key must be as long as the digest. More than the configured iterations are
// an error that wraps password.ErrBadHash, before any work.
//
// PBKDF2 needs no memory, which makes guessing cheap for special hardware: hashes
// of it should not stay longer than they must.
//
// It is safe for concurrent use.
//
// [RFC 8018]: https://www.rfc-editor.org/rfc/rfc8018#section-5.2
type PBKDF2 struct {
	iterations int
	size       int // of the key
	forms      []pbkdf2Form
	pool       *password.Pool
	derive     func(password string, salt []byte, iterations int) ([]byte, error)
}

// A pbkdf2Form is how one program writes: prefix, iterations, salt and key, with
// '$' between the last three.
type pbkdf2Form struct {
	prefix    string
	salt, key codec
}

type pbkdf2String struct {
	iterations int
	salt, key  []byte
}

var _ password.Hasher = (*PBKDF2)(nil)

const (
	maxIterations = 10_000_000 // some 3 seconds with SHA-256, 12 with SHA-512
	pbkdf2MiB     = 1
)

// NewPBKDF2 returns a PBKDF2.
func NewPBKDF2(cfg PBKDF2Config) (*PBKDF2, error) {
	if cfg.Iterations < 1 || cfg.Iterations > maxIterations {
		return nil, fmt.Errorf("legacy: PBKDF2 with %d iterations: name the greatest number in the table, 1 to %d", cfg.Iterations, maxIterations)
	}
	h := &PBKDF2{iterations: cfg.Iterations}
	var name, passlib string
	switch cfg.Hash {
	case 0, crypto.SHA256:
		name, passlib, h.size = "sha256", "-sha256", sha256.Size
		h.derive = func(p string, salt []byte, n int) ([]byte, error) {
			return pbkdf2.Key(sha256.New, p, salt, n, sha256.Size)
		}
	case crypto.SHA512:
		name, passlib, h.size = "sha512", "-sha512", sha512.Size
		h.derive = func(p string, salt []byte, n int) ([]byte, error) {
			return pbkdf2.Key(sha512.New, p, salt, n, sha512.Size)
		}
	case crypto.SHA1:
		name, passlib, h.size = "sha1", "", sha1.Size
		h.derive = func(p string, salt []byte, n int) ([]byte, error) { return pbkdf2.Key(sha1.New, p, salt, n, sha1.Size) }
	default:
		return nil, fmt.Errorf("legacy: PBKDF2 with %v: it can be SHA-1, SHA-256 or SHA-512", cfg.Hash)
	}
	h.forms = []pbkdf2Form{
		{"pbkdf2_" + name + "$", text, padded},
		{"pbkdf2:" + name + ":", text, hexed},
		{"$pbkdf2" + passlib + "$", adapted, adapted},
	}
	var err error
	h.pool, err = poolOf(cfg.Pool, pbkdf2MiB)
	return h, err
}

// Hash does the work of one hash at the configured iterations and returns an error
// that wraps password.ErrUnknownScheme: it makes no new strings.
func (h *PBKDF2) Hash(ctx context.Context, password string) (string, error) {
	if _, err := h.run(ctx, password, []byte("sixteen bytes ok"), h.iterations); err != nil {
		return "", err
	}
	return "", errReadOnly
}

// Verify implements password.Hasher. What matches is outdated; what does not has
// cost the configured iterations, whatever it has, if the Pool lets it.
func (h *PBKDF2) Verify(ctx context.Context, encoded, password string) (ok, outdated bool, err error) {
	v, err := h.parse(encoded)
	if err != nil {
		return false, false, err
	}
	key, err := h.run(ctx, password, v.salt, v.iterations)
	if err != nil {
		return false, false, err
	}
	if subtle.ConstantTimeCompare(key, v.key) == 1 {
		return true, true, nil
	}
	if rest := h.iterations - v.iterations; rest > 0 {
		_, _ = h.run(ctx, password, v.salt, rest) // the password was compared: no error, see password.Hasher
	}
	return false, false, nil
}

func (h *PBKDF2) parse(s string) (pbkdf2String, error) {
	for _, form := range h.forms {
		rest, ok := strings.CutPrefix(s, form.prefix)
		if !ok {
			continue
		}
		if len(s) > maxEncoded {
			return pbkdf2String{}, bad("PBKDF2", "too long")
		}
		iterations, rest, _ := strings.Cut(rest, "$")
		salt, key, _ := strings.Cut(rest, "$")
		var v pbkdf2String
		if v.iterations, ok = number(iterations, h.iterations); !ok {
			return pbkdf2String{}, bad("PBKDF2", "no number of iterations up to the configured one")
		}
		if v.salt, ok = form.salt.bytes(salt, 1, maxSalt); !ok {
			return pbkdf2String{}, bad("PBKDF2", "salt")
		}
		if v.key, ok = form.key.bytes(key, h.size, h.size); !ok {
			return pbkdf2String{}, bad("PBKDF2", "key")
		}
		return v, nil
	}
	return pbkdf2String{}, password.ErrUnknownScheme
}

func (h *PBKDF2) run(ctx context.Context, password string, salt []byte, iterations int) ([]byte, error) {
	if err := checkPassword(password); err != nil {
		return nil, err
	}
	release, err := h.pool.Acquire(ctx, pbkdf2MiB)
	if err != nil {
		return nil, err
	}
	defer release()
	return h.derive(password, salt, iterations)
}
