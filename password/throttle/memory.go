package throttle

import (
	"context"
	"sync"
	"time"
)

const (
	// memoryKeys bounds a memory store: about 10 MiB when full.
	memoryKeys = 1 << 16
	// evictionSample is how many keys are looked at to find one to forget.
	evictionSample = 16
)

// A memoryStore is a Store of this process. It never holds more than max keys.
// Of a few keys at hand it forgets the one with the fewest attempts: to push out
// a count of five an attacker has to make five attempts at each of very many
// made-up keys, and pay for each.
type memoryStore struct {
	max int
	now func() time.Time

	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	count   int
	expires time.Time
}

func newMemoryStore(maxKeys int, now func() time.Time) *memoryStore {
	return &memoryStore{max: maxKeys, now: now, entries: make(map[string]entry)}
}

var _ Store = (*memoryStore)(nil)

// Increment implements Store.
func (m *memoryStore) Increment(_ context.Context, key string, rule Rule) (count int, left time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	e, ok := m.entries[key]
	if !ok || !now.Before(e.expires) {
		if !ok && len(m.entries) >= m.max {
			m.evict(now)
		}
		e = entry{expires: now.Add(rule.Window)}
	}
	if e.count <= rule.MaxFailures {
		e.count++
		if e.count == rule.MaxFailures {
			e.expires = now.Add(rule.Lockout)
		}
		m.entries[key] = e
	}
	return e.count, e.expires.Sub(now), nil
}

// Reset implements Store.
func (m *memoryStore) Reset(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, key)
	return nil
}

// evict forgets one key: one whose time is over if the sample has one, else the
// one with the fewest attempts. The iteration order of a map is as good as
// random here.
func (m *memoryStore) evict(now time.Time) {
	victim, fewest, seen := "", 0, 0
	for key, e := range m.entries {
		if !now.Before(e.expires) {
			victim = key
			break
		}
		if seen == 0 || e.count < fewest {
			victim, fewest = key, e.count
		}
		if seen++; seen == evictionSample {
			break
		}
	}
	delete(m.entries, victim)
}
