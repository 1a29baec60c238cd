package legacy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sallyport/auth/password"
)

// errReadOnly is what Hash of every Hasher here returns after its work. It is not
// shown: a Checker calls Hash for the work alone.
var errReadOnly = fmt.Errorf("legacy: old strings are verified and no new ones made: name another Hasher first in password.Upgrade: %w", password.ErrUnknownScheme)

// Bounds of a string and of its parts, in bytes. A key under 16 bytes would let
// chance match it.
const (
	maxEncoded       = 256
	maxSalt          = 64
	minKey, maxKey   = 16, 64
	minArgon2SaltLen = 8 // RFC 9106 §3.1
)

func bad(scheme, why string) error {
	return fmt.Errorf("%w: %s: %s", password.ErrBadHash, scheme, why)
}

// checkPassword refuses what the Hashers of package password refuse: what no
// Checker lets through, and a NUL, which HMAC cannot tell from nothing.
func checkPassword(s string) error {
	switch {
	case len(s) > password.MaxBytes:
		return &password.PolicyError{Reasons: []password.Reason{password.ReasonTooLong}, MaxBytes: password.MaxBytes}
	case strings.IndexByte(s, 0) >= 0:
		return &password.PolicyError{Reasons: []password.Reason{password.ReasonNotText}}
	}
	return nil
}

// poolOf returns pool, or one of its own, and an error if mib never fits.
func poolOf(pool *password.Pool, mib int) (*password.Pool, error) {
	if pool == nil {
		var err error
		if pool, err = password.NewPool(password.PoolConfig{}); err != nil {
			return nil, err
		}
	}
	// A share that a Pool does not have is refused before it looks at the context,
	// and a context that is over keeps this from waiting for one that it has.
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := pool.Acquire(over, mib); !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return pool, nil
}

// number reads a decimal number of 1 to most, without sign or leading zeros.
func number(s string, most int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= most && strconv.Itoa(n) == s
}
