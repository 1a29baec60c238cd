package password

import (
	"context"
	"crypto/subtle"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Argon2idConfig configures an Argon2id. The zero value is the recommended
// production setting.
type Argon2idConfig struct {
	// Memory is what one hash takes, in MiB. Zero: 19. More is better if the Pool
	// has room for it: memory is what makes guessing dear for special hardware.
	Memory int
	// Time is the number of passes over the memory. Zero: 2.
	Time int
	// Threads is the number of lanes that one hash is computed in at once. Zero: 1.
	// More make one hash quicker and a busy server no faster.
	Threads int
	// NFKC makes composed and decomposed forms of a character the same, when a
	// password is set and when it is verified. Turn it on before the first
	// password is stored: later it shuts out those whose password it changes.
	NFKC bool
	// Pool is what hashing takes memory and processors from. Nil: one of its own;
	// give all Hashers of a process the same one, so that there is one budget.
	Pool *Pool
}

// Argon2id hashes passwords with Argon2id, version 1.3 ([RFC 9106]). It is the
// scheme to use.
//
// Its zero configuration, 19 MiB and 2 passes, is the first that the [OWASP
// cheat sheet] recommends beside 46 MiB and 1 pass, and the quicker one where we
// measured (23 and 40 ms). Weaker ones are refused: less than 19 MiB, or less
// than 46 MiB for one pass.
//
// It verifies any Argon2id string of up to 2 GiB and 64 passes whose memory the
// Pool has and whose memory times passes is at most 4 GiB; anything beyond is an
// error that wraps ErrBadHash, before any work. Argon2i and Argon2d are other
// schemes.
//
// It is safe for concurrent use.
//
// [RFC 9106]: https://www.rfc-editor.org/rfc/rfc9106
// [OWASP cheat sheet]: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
type Argon2id struct {
	common
	params [3]uint32 // memory in KiB, passes, lanes
	derive func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
}

var argon2Form = phcForm{
	prefix: "$argon2id$v=19$",
	family: "$argon2id$",
	params: [3]phcParam{{"m", 8, 2 << 20}, {"t", 1, 64}, {"p", 1, 64}},
}

// maxArgon2Work bounds what one verification may ask for, in KiB times passes.
const maxArgon2Work = 4 << 20

// NewArgon2id returns an Argon2id.
func NewArgon2id(cfg Argon2idConfig) (*Argon2id, error) {
	c := newCommon(cfg.Pool, cfg.NFKC)
	memory, time, threads := orDefault(cfg.Memory, 19), orDefault(cfg.Time, 2), orDefault(cfg.Threads, 1)
	switch {
	case memory > 2<<10 || time < 1 || time > 64 || threads < 1 || threads > 64:
		return nil, fmt.Errorf("password: argon2id with %d MiB, %d passes and %d lanes: at most 2048 MiB, and 1 to 64 of both", memory, time, threads)
	case memory < 19 || time == 1 && memory < 46:
		return nil, fmt.Errorf("password: argon2id with %d MiB and %d passes is too weak: take at least 19 MiB and 2 passes, or 46 MiB and 1", memory, time)
	}
	a := newArgon2id(c, uint32(memory)<<10, uint32(time), uint32(threads))
	if err := checkArgon2(a.params, c.pool); err != nil {
		return nil, fmt.Errorf("password: argon2id with %d MiB and %d passes could not be verified: %w", memory, time, err)
	}
	return a, nil
}

func newArgon2id(c common, kib, time, threads uint32) *Argon2id {
	return &Argon2id{common: c, params: [3]uint32{kib, time, threads}, derive: argon2.IDKey}
}

// Hash returns a string such as
//
//	$argon2id$v=19$m=19456,t=2,p=1$…salt…$…key…
//
// The salt has 16 bytes, the key 32.
func (a *Argon2id) Hash(ctx context.Context, password string) (string, error) {
	v := phc{params: a.params, salt: newSalt()}
	key, err := a.key(ctx, v, password, keyBytes)
	if err != nil {
		return "", err
	}
	v.key = key
	return argon2Form.encode(v), nil
}

// Verify reports whether encoded was made of password, and whether its
// parameters, or the lengths of salt and key, differ from those of Hash.
func (a *Argon2id) Verify(ctx context.Context, encoded, password string) (ok, outdated bool, err error) {
	v, err := a.parse(encoded)
	if err != nil {
		return false, false, err
	}
	key, err := a.key(ctx, v, password, len(v.key))
	if err != nil || subtle.ConstantTimeCompare(key, v.key) != 1 {
		return false, false, err
	}
	return true, !a.current(v), nil
}

func (a *Argon2id) parse(encoded string) (phc, error) {
	v, err := argon2Form.parse(encoded)
	if err != nil {
		return v, err
	}
	return v, checkArgon2(v.params, a.pool)
}

// checkArgon2 holds what bounds on single parameters cannot say.
func checkArgon2(params [3]uint32, pool *Pool) error {
	kib, time, threads := params[0], params[1], params[2]
	switch {
	case kib < 8*threads:
		return fmt.Errorf("%w: argon2id with less than 8 KiB a lane", ErrBadHash)
	case argon2MiB(kib) > pool.memory:
		return fmt.Errorf("%w: argon2id with %d MiB does not fit the Pool, which has %d MiB", ErrBadHash, argon2MiB(kib), pool.memory)
	case uint64(kib)*uint64(time) > maxArgon2Work:
		return fmt.Errorf("%w: argon2id with %d MiB and %d passes is too much work", ErrBadHash, argon2MiB(kib), time)
	}
	return nil
}

func (a *Argon2id) current(v phc) bool {
	return v.params == a.params && len(v.salt) == saltBytes && len(v.key) == keyBytes
}

// key computes the key of password with the parameters and the salt of v.
func (a *Argon2id) key(ctx context.Context, v phc, password string, size int) (key []byte, err error) {
	b, err := a.bytes(password)
	if err != nil {
		return nil, err
	}
	err = a.run(ctx, share{argon2MiB(v.params[0]), int(v.params[2])}, func() {
		key = a.derive(b, v.salt, v.params[1], v.params[0], uint8(v.params[2]), uint32(size)) //nolint:gosec // bounded by the form
	})
	return key, err
}

func argon2MiB(kib uint32) int { return int((kib + 1<<10 - 1) >> 10) }

func (a *Argon2id) fits(encoded string) bool {
	v, err := a.parse(encoded)
	return err == nil && a.current(v)
}

// topUp spends the difference in memory times passes, in as few passes as the
// memory of Hash allows.
func (a *Argon2id) topUp(ctx context.Context, encoded, password string) error {
	v, err := a.parse(encoded)
	if err != nil {
		return err
	}
	memory, lanes := a.params[0], a.params[2]
	own, spent := memory*a.params[1], v.params[0]*v.params[1]
	if own < spent+8*lanes { // the least that can be spent
		return nil
	}
	rest := own - spent
	time := (rest + memory - 1) / memory
	v.params = [3]uint32{max(rest/time, 8*lanes), time, lanes}
	_, err = a.key(ctx, v, password, keyBytes)
	return err
}

// orDefault returns n, or def if n is zero.
func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}
