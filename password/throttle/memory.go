package throttle

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"
)

// century is more than clocks are wrong by.
const century = 100 * 365 * day

// DefaultMaxKeys is how many keys a MemoryStore keeps if not told otherwise.
const DefaultMaxKeys = 1 << 16

// MemoryConfig configures a MemoryStore. The zero value is good.
type MemoryConfig struct {
	// MaxKeys bounds the memory: of keys of attempts at 56 bytes each, rounded up to
	// eight times a power of two, and of keys of requests at 18 bytes each, rounded up
	// to seven times a power of two. Zero: 65,536 of each, in 3.5 and 2 MiB, and for a
	// kind that never comes nothing.
	MaxKeys int
	// Now is the clock. Nil: one that runs evenly whatever the clock of the machine
	// is set to.
	Now func() time.Time
}

// A MemoryStore counts in the memory of this process: for services of one
// process, development and tests. A restart forgives everything.
//
// It is a table of a fixed size, allocated with the first attempt, in sets of eight keys; what
// set a key belongs to nobody can choose or find out. When a set is full the key
// that matters least makes room: one with a single attempt, else one that is
// forgotten anyway, else the one with the fewest failures in a row, of these the
// oldest. One that is locked is never forgotten. To push out a count, an attacker
// has to make as many attempts at each of very many keys, and to push out a lock is
// not possible: if all eight keys of a set are locked, all others that belong to it
// share one count, as if they were one key. So a flood can only make the limits
// stricter.
//
// Requests (Allow) have a table of their own, in sets of seven. There the key with
// the fewest requests makes room, one that has used up its window never does, and if
// all seven have, a new key is refused until the first of their windows ends.
type MemoryStore struct {
	seed     maphash.Seed
	now      func() time.Time // nil: since epoch
	epoch    time.Time
	maxKeys  int
	attempts atomic.Pointer[attemptTable] // nil: there was no attempt yet
	requests atomic.Pointer[requestTable] // nil: there was no request yet
}

var _ Store = (*MemoryStore)(nil)

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore(cfg MemoryConfig) (*MemoryStore, error) {
	const most = 1 << 27
	if cfg.MaxKeys < 0 || cfg.MaxKeys > most {
		return nil, fmt.Errorf("throttle: MaxKeys %d: use up to %d, or 0 for %d", cfg.MaxKeys, most, DefaultMaxKeys)
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = DefaultMaxKeys
	}
	m := &MemoryStore{seed: maphash.MakeSeed(), now: cfg.Now, epoch: time.Now(), maxKeys: cfg.MaxKeys}
	if m.now != nil {
		m.epoch = m.now().Add(-century) // that clock may be set back
	}
	return m, nil
}

// Take implements Store.
func (m *MemoryStore) Take(ctx context.Context, key Key, rule Rule) (Count, error) {
	if err := ctx.Err(); err != nil {
		return Count{}, err
	}
	t := m.attempts.Load()
	if t == nil {
		t = m.makeAttempts()
	}
	h := key.hash(m.seed)
	s, now := t.set(h), m.since()
	s.mu.Lock()
	c := s.take(h, now, &rule)
	s.mu.Unlock()
	return c, nil
}

// Allow implements Store.
func (m *MemoryStore) Allow(ctx context.Context, key Key, limit int, window time.Duration) (Count, error) {
	if err := ctx.Err(); err != nil {
		return Count{}, err
	}
	t := m.requests.Load()
	if t == nil {
		t = m.makeRequests()
	}
	h := key.hash(m.seed)
	return t.set(h).allow(h, m.since()/int64(tick), int64((window+tick-1)/tick), limit), nil
}

// makeAttempts makes the table of attempts, once.
func (m *MemoryStore) makeAttempts() *attemptTable {
	m.attempts.CompareAndSwap(nil, newAttemptTable(m.maxKeys))
	return m.attempts.Load()
}

// makeRequests makes the table of requests, once.
func (m *MemoryStore) makeRequests() *requestTable {
	m.requests.CompareAndSwap(nil, newRequestTable(m.maxKeys))
	return m.requests.Load()
}

// Forgive implements Store.
func (m *MemoryStore) Forgive(ctx context.Context, key Key, ticket Ticket) error {
	return m.change(ctx, key, func(s *set, h uint64) { s.forgive(h, ticket) })
}

// Cancel implements Store.
func (m *MemoryStore) Cancel(ctx context.Context, key Key, ticket Ticket) error {
	return m.change(ctx, key, func(s *set, h uint64) { s.cancel(h, ticket) })
}

// Reset implements Store.
func (m *MemoryStore) Reset(ctx context.Context, key Key) error {
	if err := m.change(ctx, key, func(s *set, h uint64) { s.reset(h) }); err != nil {
		return err
	}
	if t := m.requests.Load(); t != nil {
		h := key.hash(m.seed)
		t.set(h).reset(h)
	}
	return nil
}

// change does nothing where nothing was counted.
func (m *MemoryStore) change(ctx context.Context, key Key, f func(s *set, h uint64)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := m.attempts.Load()
	if t == nil {
		return nil
	}
	h := key.hash(m.seed)
	s := t.set(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s, h)
	return nil
}

// since is the time in nanoseconds, which is never before 1: 0 stands for no time.
func (m *MemoryStore) since() int64 {
	if m.now != nil {
		return max(int64(m.now().Sub(m.epoch)), 1)
	}
	return int64(time.Since(m.epoch)) + 1
}
