package legacy

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/go-sallyport/auth/password"
)

// Scrypt verifies scrypt in the strings of Django and Werkzeug:
//
//	scrypt$16384$salt$8$5$base64      Django
//	scrypt:32768:8:1$salt$hex         Werkzeug
//
// It reads them as what they are, the same scrypt in other words, and leaves the
// bounds, the Pool and the work to a password.Scrypt, whose parameters are what a
// failed check costs.
//
// It is safe for concurrent use.
type Scrypt struct{ scrypt *password.Scrypt }

var _ password.Hasher = (*Scrypt)(nil)

const (
	djangoScrypt   = "scrypt$"
	werkzeugScrypt = "scrypt:"
	maxScryptLogN  = 20
	maxScryptCount = 32 // of blocks, and of runs; password.Scrypt has bounds of its own
)

// NewScrypt returns a Scrypt that verifies by s.
func NewScrypt(s *password.Scrypt) (*Scrypt, error) {
	if s == nil {
		return nil, errors.New("legacy: NewScrypt wants the password.Scrypt that does the work")
	}
	return &Scrypt{s}, nil
}

// Hash does the work of one hash of the password.Scrypt and returns an error that
// wraps password.ErrUnknownScheme: it makes no new strings.
func (s *Scrypt) Hash(ctx context.Context, password string) (string, error) {
	if _, err := s.scrypt.Hash(ctx, password); err != nil {
		return "", err
	}
	return "", errReadOnly
}

// Verify implements password.Hasher. What matches is outdated; what does not has
// cost what the password.Scrypt costs, if its Pool lets it.
func (s *Scrypt) Verify(ctx context.Context, encoded, pw string) (ok, outdated bool, err error) {
	phc, err := phcOfScrypt(encoded)
	if err != nil {
		return false, false, err
	}
	ok, _, err = s.scrypt.Verify(ctx, phc, pw)
	if err == nil && !ok {
		_ = password.TopUp(ctx, s.scrypt, phc, pw) // the password was compared: no error, see password.Hasher
	}
	return ok, ok, err
}

// phcOfScrypt returns the PHC string of one of Django or Werkzeug.
func phcOfScrypt(s string) (string, error) {
	var n, r, p, salt, key string
	var keyCodec codec
	if rest, ok := strings.CutPrefix(s, djangoScrypt); ok {
		n, rest, _ = strings.Cut(rest, "$")
		salt, rest, _ = strings.Cut(rest, "$")
		r, rest, _ = strings.Cut(rest, "$")
		p, key, _ = strings.Cut(rest, "$")
		keyCodec = padded
	} else if rest, ok := strings.CutPrefix(s, werkzeugScrypt); ok {
		n, rest, _ = strings.Cut(rest, ":")
		r, rest, _ = strings.Cut(rest, ":")
		p, rest, _ = strings.Cut(rest, "$")
		salt, key, _ = strings.Cut(rest, "$")
		keyCodec = hexed
	} else {
		return "", password.ErrUnknownScheme
	}
	if len(s) > maxEncoded {
		return "", bad("scrypt", "too long")
	}
	cost, okN := number(n, 1<<maxScryptLogN)
	blocks, okR := number(r, maxScryptCount)
	runs, okP := number(p, maxScryptCount)
	saltBytes, okSalt := text.bytes(salt, 1, maxSalt)
	keyBytes, okKey := keyCodec.bytes(key, minKey, maxKey)
	if !okN || !okR || !okP || !okSalt || !okKey || bits.OnesCount(uint(cost)) != 1 {
		return "", bad("scrypt", "not in the form of Django or Werkzeug, or out of bounds")
	}
	return fmt.Sprintf("$scrypt$ln=%d,r=%d,p=%d$%s$%s", bits.TrailingZeros(uint(cost)), blocks, runs, unpadded.encode(saltBytes), unpadded.encode(keyBytes)), nil
}
