package password

import (
	"context"
	"crypto/subtle"
	"fmt"

	"golang.org/x/crypto/scrypt"
)

// ScryptConfig configures a Scrypt. The zero value is a good production setting.
type ScryptConfig struct {
	// LogN is the logarithm to base 2 of the cost N, 17 to 20. Zero: 17.
	LogN int
	// R is the block size, 8 to 32. Zero: 8.
	R int
	// P is the parallelism, which is computed in turn here, 1 to 16. Zero: 1.
	P int
	// NFKC is that of Argon2idConfig.
	NFKC bool
	// Pool is that of Argon2idConfig. One hash takes N*R/8192 MiB of it: 128 at
	// the parameters above.
	Pool *Pool
}

// Scrypt hashes passwords with scrypt ([RFC 7914]), for tables that have it
// already and for those who prefer it. Its parameters are at least those that
// OWASP recommends: N=2^17, r=8, p=1.
//
// It verifies strings of N up to 2^20, r up to 32 and p up to 16 whose memory
// the Pool has and whose N*r*p is at most 8 times that of the default; anything
// beyond is an error that wraps ErrBadHash, before any work.
//
// It is safe for concurrent use.
//
// [RFC 7914]: https://www.rfc-editor.org/rfc/rfc7914
type Scrypt struct {
	common
	params [3]uint32 // log2 N, r, p
	derive func(password, salt []byte, n, r, p, keyLen int) ([]byte, error)
}

var scryptForm = phcForm{
	prefix: "$scrypt$",
	family: "$scrypt$",
	params: [3]phcParam{{"ln", 1, 20}, {"r", 1, 32}, {"p", 1, 16}},
}

// maxScryptWork bounds N*r*p of what is verified.
const maxScryptWork = 8 << 20

// NewScrypt returns a Scrypt.
func NewScrypt(cfg ScryptConfig) (*Scrypt, error) {
	c := newCommon(cfg.Pool, cfg.NFKC)
	ln, r, p := orDefault(cfg.LogN, 17), orDefault(cfg.R, 8), orDefault(cfg.P, 1)
	if ln < 17 || ln > 20 || r < 8 || r > 32 || p < 1 || p > 16 {
		return nil, fmt.Errorf("password: scrypt with N=2^%d, r=%d, p=%d: take N of 2^17 to 2^20, r of 8 to 32 and p of 1 to 16", ln, r, p)
	}
	s := newScrypt(c, uint32(ln), uint32(r), uint32(p))
	if err := checkScrypt(s.params, c.pool); err != nil {
		return nil, fmt.Errorf("password: scrypt with N=2^%d, r=%d, p=%d could not be verified: %w", ln, r, p, err)
	}
	return s, nil
}

func newScrypt(c common, ln, r, p uint32) *Scrypt {
	return &Scrypt{common: c, params: [3]uint32{ln, r, p}, derive: scrypt.Key}
}

// Hash returns a string such as
//
//	$scrypt$ln=17,r=8,p=1$…salt…$…key…
//
// The salt has 16 bytes, the key 32.
func (s *Scrypt) Hash(ctx context.Context, password string) (string, error) {
	v := phc{params: s.params, salt: newSalt()}
	key, err := s.key(ctx, v, password, keyBytes)
	if err != nil {
		return "", err
	}
	v.key = key
	return scryptForm.encode(v), nil
}

// Verify reports whether encoded was made of password, and whether its
// parameters, or the lengths of salt and key, differ from those of Hash.
func (s *Scrypt) Verify(ctx context.Context, encoded, password string) (ok, outdated bool, err error) {
	v, err := s.parse(encoded)
	if err != nil {
		return false, false, err
	}
	key, err := s.key(ctx, v, password, len(v.key))
	if err != nil || subtle.ConstantTimeCompare(key, v.key) != 1 {
		return false, false, err
	}
	return true, !s.current(v), nil
}

func (s *Scrypt) parse(encoded string) (phc, error) {
	v, err := scryptForm.parse(encoded)
	if err != nil {
		return v, err
	}
	return v, checkScrypt(v.params, s.pool)
}

func checkScrypt(params [3]uint32, pool *Pool) error {
	switch {
	case scryptMiB(params) > pool.memory:
		return fmt.Errorf("%w: scrypt with %d MiB does not fit the Pool, which has %d MiB", ErrBadHash, scryptMiB(params), pool.memory)
	case scryptWork(params) > maxScryptWork:
		return fmt.Errorf("%w: scrypt with ln=%d, r=%d, p=%d is too much work", ErrBadHash, params[0], params[1], params[2])
	}
	return nil
}

func (s *Scrypt) current(v phc) bool {
	return v.params == s.params && len(v.salt) == saltBytes && len(v.key) == keyBytes
}

func (s *Scrypt) key(ctx context.Context, v phc, password string, size int) (key []byte, err error) {
	b, err := s.bytes(password)
	if err != nil {
		return nil, err
	}
	if e := s.run(ctx, share{scryptMiB(v.params), 1}, func() {
		key, err = s.derive(b, v.salt, 1<<v.params[0], int(v.params[1]), int(v.params[2]), size)
	}); e != nil {
		return nil, e
	}
	return key, err
}

// scryptMiB is 128*N*r bytes, rounded up.
func scryptMiB(params [3]uint32) int {
	return int((uint64(params[1])<<params[0]*128 + 1<<20 - 1) >> 20)
}

// scryptWork is N*r*p.
func scryptWork(params [3]uint32) uint64 {
	return uint64(params[1]) * uint64(params[2]) << params[0]
}

func (s *Scrypt) fits(encoded string) bool {
	v, err := s.parse(encoded)
	return err == nil && s.current(v)
}

// topUp spends the difference in N*r*p, in runs of N and of smaller powers of
// two, down to a 64th of Hash.
func (s *Scrypt) topUp(ctx context.Context, encoded, password string) error {
	v, err := s.parse(encoded)
	if err != nil {
		return err
	}
	own, spent := scryptWork(s.params), scryptWork(v.params)
	for ln := s.params[0]; ln > 0 && spent < own; {
		run := phc{params: [3]uint32{ln, s.params[1], 1}, salt: v.salt}
		w := scryptWork(run.params)
		if w > own-spent {
			if ln--; w <= own/64 {
				break
			}
			continue
		}
		if _, err := s.key(ctx, run, password, keyBytes); err != nil {
			return err
		}
		spent += w
	}
	return nil
}
