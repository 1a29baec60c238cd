package legacy

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/go-sallyport/auth/password"
)

// Argon2iConfig configures an Argon2i. Memory and Time are those of the dearest
// strings of the table, as they stand there: m=65536,t=4. There are no defaults.
type Argon2iConfig struct {
	// Memory is the greatest m, in KiB, up to 2 GiB.
	Memory int
	// Time is the greatest t of the strings with that m, 1 to 64. No string may
	// have more memory times passes than these two make, at most 4 GiB.
	Time int
	// Threads is their p, 1 to 64. Zero: 1.
	Threads int
	// Pool is that of password.Argon2idConfig. A hash takes one processor of it,
	// however many lanes it has.
	Pool *password.Pool
}

// Argon2i verifies Argon2i of version 1.3 ([RFC 9106]), which PHP and argon2-cffi
// wrote before Argon2id:
//
//	$argon2i$v=19$m=65536,t=4,p=1$…salt…$…key…
//
// More work or memory than is configured is an error that wraps
// password.ErrBadHash, before any work.
//
// It is safe for concurrent use.
//
// [RFC 9106]: https://www.rfc-editor.org/rfc/rfc9106
type Argon2i struct {
	params argon2Params
	pool   *password.Pool
	derive func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
}

// argon2Params are memory in KiB, passes and lanes.
type argon2Params struct{ memory, time, threads int }

func (p argon2Params) work() int { return p.memory * p.time }
func (p argon2Params) mib() int  { return (p.memory + 1<<10 - 1) >> 10 }

type argon2String struct {
	argon2Params
	salt, key []byte
}

var _ password.Hasher = (*Argon2i)(nil)

const (
	argon2iPrefix   = "$argon2i$"
	argon2iVersion  = argon2iPrefix + "v=19$"
	maxArgon2Memory = 2 << 20
	maxArgon2Count  = 64 // of passes, and of lanes
	maxArgon2Work   = 4 << 20
)

// NewArgon2i returns an Argon2i.
func NewArgon2i(cfg Argon2iConfig) (*Argon2i, error) {
	p := argon2Params{cfg.Memory, cfg.Time, max(cfg.Threads, 1)}
	switch {
	case cfg.Threads < 0 || p.threads > maxArgon2Count || p.time < 1 || p.time > maxArgon2Count || p.memory < 8*p.threads || p.memory > maxArgon2Memory:
		return nil, fmt.Errorf("legacy: argon2i with m=%d,t=%d,p=%d: name the dearest parameters in the table, m of 8*p to %d, t and p of 1 to %d", cfg.Memory, cfg.Time, cfg.Threads, maxArgon2Memory, maxArgon2Count)
	case p.work() > maxArgon2Work:
		return nil, fmt.Errorf("legacy: argon2i with m=%d,t=%d is too much work: m times t must be at most %d", cfg.Memory, cfg.Time, maxArgon2Work)
	}
	pool, err := poolOf(cfg.Pool, p.mib())
	return &Argon2i{params: p, pool: pool, derive: argon2.Key}, err
}

// Hash does the work of one hash at the configured parameters and returns an error
// that wraps password.ErrUnknownScheme: it makes no new strings.
func (a *Argon2i) Hash(ctx context.Context, password string) (string, error) {
	if _, err := a.run(ctx, password, argon2String{argon2Params: a.params, salt: []byte("sixteen bytes ok")}, maxKey/2); err != nil {
		return "", err
	}
	return "", errReadOnly
}

// Verify implements password.Hasher. What matches is outdated; what does not has
// cost what the configured parameters cost, within some 20 %, if the Pool lets it.
func (a *Argon2i) Verify(ctx context.Context, encoded, password string) (ok, outdated bool, err error) {
	v, err := a.parse(encoded)
	if err != nil {
		return false, false, err
	}
	key, err := a.run(ctx, password, v, len(v.key))
	if err != nil {
		return false, false, err
	}
	if subtle.ConstantTimeCompare(key, v.key) == 1 {
		return true, true, nil
	}
	a.topUp(ctx, password, v)
	return false, false, nil
}

// topUp spends the difference in memory times passes, in as few passes as the
// memory that is configured allows. The password was compared by then, so it has no
// error, see password.Hasher.
func (a *Argon2i) topUp(ctx context.Context, password string, v argon2String) {
	rest, least := a.params.work()-v.work(), 8*a.params.threads
	if rest < least {
		return
	}
	passes := (rest + a.params.memory - 1) / a.params.memory
	v.argon2Params = argon2Params{max(rest/passes, least), passes, a.params.threads}
	_, _ = a.run(ctx, password, v, len(v.key))
}

func (a *Argon2i) parse(s string) (argon2String, error) {
	var v argon2String
	if !strings.HasPrefix(s, argon2iPrefix) {
		return v, password.ErrUnknownScheme
	}
	rest, ok := strings.CutPrefix(s, argon2iVersion)
	if !ok || len(s) > maxEncoded {
		return v, bad("argon2i", "not of version 1.3, or too long")
	}
	params, rest, _ := strings.Cut(rest, "$")
	salt, key, _ := strings.Cut(rest, "$")
	memory, params, _ := strings.Cut(params, ",")
	time, threads, _ := strings.Cut(params, ",")
	for _, p := range []struct {
		field, name string
		value       *int
		most        int
	}{
		{memory, "m=", &v.memory, a.params.memory}, {time, "t=", &v.time, maxArgon2Count}, {threads, "p=", &v.threads, maxArgon2Count},
	} {
		digits, named := strings.CutPrefix(p.field, p.name)
		if *p.value, ok = number(digits, p.most); !ok || !named {
			return v, bad("argon2i", "parameter "+p.name+" is missing or out of bounds")
		}
	}
	if v.memory < 8*v.threads || v.work() > a.params.work() {
		return v, bad("argon2i", "less than 8 KiB a lane, or more work than is configured")
	}
	if v.salt, ok = unpadded.bytes(salt, minArgon2SaltLen, maxSalt); !ok {
		return v, bad("argon2i", "salt")
	}
	if v.key, ok = unpadded.bytes(key, minKey, maxKey); !ok {
		return v, bad("argon2i", "key")
	}
	return v, nil
}

// run computes the key of password with the parameters and the salt of v.
func (a *Argon2i) run(ctx context.Context, password string, v argon2String, size int) ([]byte, error) {
	if err := checkPassword(password); err != nil {
		return nil, err
	}
	release, err := a.pool.Acquire(ctx, v.mib())
	if err != nil {
		return nil, err
	}
	defer release()
	return a.derive([]byte(password), v.salt, uint32(v.time), uint32(v.memory), uint8(v.threads), uint32(size)), nil //nolint:gosec // bounded by parse and NewArgon2i
}
