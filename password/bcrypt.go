package password

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// BcryptConfig configures a Bcrypt. The zero value is a good production setting.
type BcryptConfig struct {
	// Cost is the logarithm to base 2 of the number of rounds, 10 to 16. Zero: 12.
	Cost int
	// NFKC is that of Argon2idConfig.
	NFKC bool
	// Pool is that of Argon2idConfig. One hash takes less than 1 MiB of it, and a
	// processor.
	Pool *Pool
}

// Bcrypt hashes passwords with bcrypt. It is here for tables that have it
// already; for new ones take Argon2id.
//
// bcrypt reads 72 bytes and ignores the rest, so that a password of 72 bytes and
// anything after it would verify. More than 72 bytes are refused with a
// *PolicyError, when a password is set and when it is verified: nothing is
// truncated, and nothing is hashed first to make it fit, which would make strings
// that no other program verifies.
//
// It verifies $2a$, $2b$ and $2y$ strings of cost 4 to 16, which are the same
// for the passwords that it admits. $2x$ marks the hashes of a faulty
// implementation; that is another scheme.
//
// It is safe for concurrent use.
type Bcrypt struct {
	common
	cost     int
	generate func(password []byte, cost int) ([]byte, error)
	compare  func(hash, password []byte) error
}

const (
	bcryptMaxBytes = 72
	bcryptMinCost  = 4
	bcryptMaxCost  = 16 // some 3 seconds
	bcryptLen      = 60
)

var bcryptShare = share{mib: 1, processors: 1}

// NewBcrypt returns a Bcrypt.
func NewBcrypt(cfg BcryptConfig) (*Bcrypt, error) {
	c := newCommon(cfg.Pool, cfg.NFKC)
	cost := orDefault(cfg.Cost, 12)
	if cost < 10 || cost > bcryptMaxCost {
		return nil, fmt.Errorf("password: bcrypt with cost %d: it must be 10 to %d, and 12 or more is advised", cost, bcryptMaxCost)
	}
	return newBcrypt(c, cost), nil
}

func newBcrypt(c common, cost int) *Bcrypt {
	return &Bcrypt{common: c, cost: cost, generate: bcrypt.GenerateFromPassword, compare: bcrypt.CompareHashAndPassword}
}

// Hash returns a string such as $2a$12$ and 53 letters, digits, '.' and '/'.
func (b *Bcrypt) Hash(ctx context.Context, password string) (string, error) {
	return b.hash(ctx, password, b.cost)
}

func (b *Bcrypt) hash(ctx context.Context, password string, cost int) (encoded string, err error) {
	p, err := b.bytes(password)
	if err != nil {
		return "", err
	}
	var out []byte
	if e := b.run(ctx, bcryptShare, func() { out, err = b.generate(p, cost) }); e != nil {
		return "", e
	}
	return string(out), err
}

// Verify reports whether encoded was made of password, and whether its cost
// differs from that of Hash.
func (b *Bcrypt) Verify(ctx context.Context, encoded, password string) (ok, outdated bool, err error) {
	cost, err := parseBcrypt(encoded)
	if err != nil {
		return false, false, err
	}
	p, err := b.bytes(password)
	if err != nil {
		return false, false, err
	}
	if err := b.run(ctx, bcryptShare, func() { ok = b.compare([]byte(encoded), p) == nil }); err != nil {
		return false, false, err
	}
	return ok, ok && cost != b.cost, nil
}

// bytes is that of common with the limit of bcrypt.
func (b *Bcrypt) bytes(password string) ([]byte, error) {
	p, err := b.common.bytes(password)
	if len(p) > bcryptMaxBytes {
		return nil, &PolicyError{Reasons: []Reason{ReasonTooLong}, MaxBytes: bcryptMaxBytes}
	}
	return p, err
}

// parseBcrypt returns the cost in a string of the form $2b$12$ and 22 characters
// of salt and 31 of hash.
func parseBcrypt(s string) (cost int, err error) {
	if !strings.HasPrefix(s, "$2a$") && !strings.HasPrefix(s, "$2b$") && !strings.HasPrefix(s, "$2y$") {
		return 0, ErrUnknownScheme
	}
	if len(s) != bcryptLen || s[6] != '$' || !isDigit(s[4]) || !isDigit(s[5]) {
		return 0, fmt.Errorf("%w: bcrypt", ErrBadHash)
	}
	cost = int(s[4]-'0')*10 + int(s[5]-'0')
	if cost < bcryptMinCost || cost > bcryptMaxCost {
		return 0, fmt.Errorf("%w: bcrypt with cost %d: %d to %d is verified", ErrBadHash, cost, bcryptMinCost, bcryptMaxCost)
	}
	// The last characters of salt and hash stand for 2 and 4 bits only.
	if !isBcrypt64(s[7:]) || !strings.ContainsRune(".Oeu", rune(s[28])) || !strings.ContainsRune(".CGKOSWaeimquy26", rune(s[59])) {
		return 0, fmt.Errorf("%w: bcrypt: not in its base64", ErrBadHash)
	}
	return cost, nil
}

func isBcrypt64(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '.' && c != '/' && !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (b *Bcrypt) fits(encoded string) bool {
	cost, err := parseBcrypt(encoded)
	return err == nil && cost == b.cost
}

// topUp spends 2^cost rounds less those of encoded, which is the sum of the
// powers of two in between.
func (b *Bcrypt) topUp(ctx context.Context, encoded, password string) error {
	cost, err := parseBcrypt(encoded)
	for ; err == nil && cost < b.cost; cost++ {
		_, err = b.hash(ctx, password, cost)
	}
	return err
}
