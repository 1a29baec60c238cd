package password

import (
	"context"
	"crypto/rand"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// MaxBytes is the greatest length of a password, in bytes. It leaves room for
// 256 characters of any script and bounds the work that a stranger can ask for.
const MaxBytes = 1024

// A Hasher turns passwords into strings to store, and tells whether a password
// is the one that such a string was made of. Argon2id, Bcrypt, Scrypt and what
// Upgrade returns are Hashers.
//
// A service with hashes of some other scheme can write a Hasher that verifies
// them and name it to Upgrade; nothing else makes this package verify a scheme
// that it does not write. Implementations
//
//   - are called by many requests at once, and return early when ctx is done
//     while they wait;
//   - do the work of one Verify in Hash, also if they are only there to verify
//     old strings and return ErrUnknownScheme after it: a Checker calls Hash to
//     make failures cost the same;
//   - return an error that wraps ErrUnknownScheme at once for a string of
//     another scheme, and one that wraps ErrBadHash for a string of theirs that
//     is malformed or asks for more work than they are ready to do;
//   - return any other error only if they have not compared the password: the
//     Checker takes an attempt back that has come to nothing;
//   - compare with crypto/subtle;
//   - return a *PolicyError for a password that they could not hash as a whole;
//   - have no password, and no part of a stored string, in their errors.
type Hasher interface {
	// Hash returns the string to store, with a new random salt.
	Hash(ctx context.Context, password string) (encoded string, err error)
	// Verify reports whether encoded was made of password and, if so, whether it
	// is outdated: whether Hash would use another scheme or other parameters
	// today. No match is no error.
	Verify(ctx context.Context, encoded, password string) (ok, outdated bool, err error)
}

// A scheme is a Hasher of this package that knows what its work costs.
type scheme interface {
	Hasher
	// fits reports whether encoded has exactly the parameters that Hash uses.
	fits(encoded string) bool
	// topUp does the work by which Hash is dearer than a Verify of encoded, which
	// this scheme has verified.
	topUp(ctx context.Context, encoded, password string) error
}

var (
	_ scheme = (*Argon2id)(nil)
	_ scheme = (*Bcrypt)(nil)
	_ scheme = (*Scrypt)(nil)
)

const (
	saltBytes = 16
	keyBytes  = 32
)

// common is what the schemes of this package share.
type common struct {
	pool *Pool
	nfkc bool
}

func newCommon(pool *Pool, nfkc bool) common {
	if pool == nil {
		pool = newPool(PoolConfig{})
	}
	return common{pool: pool, nfkc: nfkc}
}

// bytes returns the bytes of password to hash, or a *PolicyError. A NUL is refused
// because not every scheme can tell it from nothing: bcrypt fills its key with
// the password again and again, a NUL in between, so that "a" and "a\x00a" are
// one to it; the HMAC in scrypt fills its key with NULs.
func (c common) bytes(password string) ([]byte, error) {
	switch {
	case len(password) > MaxBytes:
		return nil, &PolicyError{Reasons: []Reason{ReasonTooLong}, MaxBytes: MaxBytes}
	case strings.IndexByte(password, 0) >= 0:
		return nil, &PolicyError{Reasons: []Reason{ReasonNotText}}
	}
	if c.nfkc {
		password = norm.NFKC.String(password)
	}
	return []byte(password), nil
}

// run calls f when the pool has room for it.
func (c common) run(ctx context.Context, s share, f func()) error {
	release, err := c.pool.acquire(ctx, s)
	if err != nil {
		return err
	}
	defer release()
	f()
	return nil
}

// newSalt returns random bytes. Without randomness crypto/rand ends the program.
func newSalt() []byte {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt)
	return salt
}

// fold is the form in which passwords and names are compared with lists.
func fold(s string) string { return strings.ToLower(norm.NFKC.String(s)) }
