package password

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/crypto/argon2"
)

// Schemes for tests: cheaper than their constructors admit, and with a record
// of the work that they do.

// A Recorder is told of each hash that is computed, such as "argon2id 64 1 1".
type Recorder func(work string)

func (r Recorder) add(format string, args ...any) {
	if r != nil {
		r(fmt.Sprintf(format, args...))
	}
}

// CheapArgon2id has its memory in KiB.
func CheapArgon2id(pool *Pool, kib, time, threads uint32, r Recorder) *Argon2id {
	c := newCommon(pool, false)
	a := newArgon2id(c, kib, time, threads)
	derive := a.derive
	a.derive = func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
		r.add("argon2id %d %d %d", memory, time, threads)
		return derive(password, salt, time, memory, threads, keyLen)
	}
	return a
}

func CheapBcrypt(pool *Pool, cost int, r Recorder) *Bcrypt {
	c := newCommon(pool, false)
	b := newBcrypt(c, cost)
	generate, compare := b.generate, b.compare
	b.generate = func(password []byte, cost int) ([]byte, error) {
		r.add("bcrypt %d", cost)
		return generate(password, cost)
	}
	b.compare = func(hash, password []byte) error {
		r.add("bcrypt %c", hash[5]) // the tests stay below cost 10
		return compare(hash, password)
	}
	return b
}

func CheapScrypt(pool *Pool, ln, blockSize, parallel uint32, r Recorder) *Scrypt {
	c := newCommon(pool, false)
	s := newScrypt(c, ln, blockSize, parallel)
	derive := s.derive
	s.derive = func(password, salt []byte, n, blockSize, parallel, keyLen int) ([]byte, error) {
		r.add("scrypt %d %d %d", n, blockSize, parallel)
		return derive(password, salt, n, blockSize, parallel, keyLen)
	}
	return s
}

// Quick makes h hash in no time whatever its parameters, which still go into the
// strings. The tests of parameters use it, as bcrypt and scrypt take seconds with
// the race detector.
func Quick(h Hasher) Hasher {
	switch h := h.(type) {
	case *Argon2id:
		h.derive = func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
			return argon2.IDKey(password, fmt.Append(salt, time, memory), 1, 8, threads, keyLen)
		}
	case *Bcrypt:
		generate, compare := h.generate, h.compare
		h.generate = func(password []byte, cost int) ([]byte, error) {
			hash, err := generate(password, 4)
			return slices.Concat(hash[:4], fmt.Appendf(nil, "%02d", cost), hash[6:]), err
		}
		h.compare = func(hash, password []byte) error {
			return compare(slices.Concat(hash[:4], []byte("04"), hash[6:]), password)
		}
	case *Scrypt:
		derive := h.derive
		h.derive = func(password, salt []byte, n, blockSize, parallel, keyLen int) ([]byte, error) {
			return derive(password, fmt.Append(salt, n, blockSize, parallel), 2, 1, 1, keyLen)
		}
	}
	return h
}

// Watched calls at with 1 when a hash begins, and with -1 when it ends.
func Watched(a *Argon2id, at func(delta int64)) *Argon2id {
	derive := a.derive
	a.derive = func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte {
		at(1)
		defer at(-1)
		return derive(password, salt, time, memory, threads, keyLen)
	}
	return a
}

// InUse returns the memory and the processors that a Pool has given out, and how
// many wait.
func (p *Pool) InUse() (mib, processors, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used.mib, p.used.processors, p.waiting.Len()
}

// A waiter whose context is done in the moment in which it is served gives the
// share back.
func TestPoolLeaveAfterGrant(t *testing.T) {
	p := newPool(PoolConfig{Memory: 4, Parallel: 1})
	ctx, cancel := context.WithCancel(t.Context())
	release, err := p.Acquire(ctx, 4)
	if err != nil {
		t.Fatal(err)
	}
	place := p.waiting.PushBack(&waiter{share: share{3, 1}, granted: make(chan struct{})})
	next := &waiter{share: share{2, 1}, granted: make(chan struct{})}
	p.waiting.PushBack(next)
	release()
	if mib, _, _ := p.InUse(); mib != 3 {
		t.Fatalf("%d MiB are given out, want the 3 of the first in the queue", mib)
	}
	cancel()
	p.leave(place)
	select {
	case <-next.granted:
	default:
		t.Error("the next one is not served")
	}
	if mib, processors, waiting := p.InUse(); mib != 2 || processors != 1 || waiting != 0 {
		t.Errorf("%d MiB, %d processors, %d waiting, want 2, 1, 0", mib, processors, waiting)
	}
}

// Fold and CommonPasswords are what the list is searched with and the list.
func Fold(s string) string    { return fold(s) }
func CommonPasswords() string { return commonPasswords }
func IsCommon(s string) bool  { return isCommon(s) }

// FuzzPHC (XCT-11): a string that a form parses encodes to the same bytes.
func FuzzPHC(f *testing.F) {
	for _, s := range []string{
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U",
		"$scrypt$ln=17,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U",
		"$2b$12$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234.",
		"$argon2id$v=19$m=8,t=1,p=1,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=16$m=08,t=1,p=1$c2FsdHNhbHQ=$\n",
		"$scrypt$ln=1,r=1,p=1,$$", "$argon2id$", "$2a$", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, form := range []*phcForm{&argon2Form, &scryptForm} {
			v, err := form.parse(s)
			if err == nil && form.encode(v) != s {
				t.Errorf("%q parses and encodes to %q", s, form.encode(v))
			}
		}
		// A bcrypt string is never decoded here; it must be one that can be.
		if cost, err := parseBcrypt(s); err == nil {
			if len(s) != bcryptLen || s[3:7] != fmt.Sprintf("$%02d$", cost) || !isBcrypt64(s[7:]) {
				t.Errorf("%q parses as bcrypt with cost %d", s, cost)
			}
		}
	})
}
