package apikey

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// DefaultMaxKeysInMemory is how many keys a MemoryStore keeps if not told otherwise.
const DefaultMaxKeysInMemory = 1_000_000

// MemoryConfig configures a MemoryStore. The zero value is good.
type MemoryConfig struct {
	// MaxKeys bounds the memory: at most that many records are kept, of some 650 bytes
	// each with two scopes or so, and of MaxGrantSize at most. Zero: 1,000,000.
	MaxKeys int
}

// A MemoryStore keeps keys in the memory of this process: for development and tests,
// and for services of one process that make their keys anew when they start. A
// restart forgets all keys.
//
// When it is full the key that has been dead for longest makes room. If all are
// alive Create and Rotate fail with ErrFull: no key is forgotten that somebody uses.
// Only issuing makes records, and Config.MaxKeys bounds what one owner can have.
//
// It has no clock and no goroutine: what a Store may forget is dropped when keys are
// issued, by the time of that. It is safe for concurrent use.
type MemoryStore struct {
	limit int

	mu       sync.RWMutex
	keys     map[string]*memoryKey
	subjects map[string][]*memoryKey
	mortal   forgetHeap // the keys that have an end
}

var _ Store = (*MemoryStore)(nil)

// A memoryKey is one record. What key points to is never changed, but replaced, so
// that it can be handed out.
type memoryKey struct {
	key   *Key
	index int // in mortal, or -1
}

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore(cfg MemoryConfig) (*MemoryStore, error) {
	if cfg.MaxKeys < 0 {
		return nil, fmt.Errorf("apikey: MaxKeys %d: use a positive number, or 0 for %d", cfg.MaxKeys, DefaultMaxKeysInMemory)
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = DefaultMaxKeysInMemory
	}
	return &MemoryStore{limit: cfg.MaxKeys, keys: make(map[string]*memoryKey), subjects: make(map[string][]*memoryKey)}, nil
}

// Create implements Store.
func (s *MemoryStore) Create(ctx context.Context, k *Key, limit int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if there := s.keys[k.ID]; there != nil {
		if there.key.Hash == k.Hash {
			return nil // this call, come again
		}
		return ErrExists
	}
	return s.add(k, limit, nil)
}

// Find implements Store.
func (s *MemoryStore) Find(ctx context.Context, id string) (*Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if m := s.keys[id]; m != nil {
		return m.key, nil
	}
	return nil, ErrNotFound
}

// List implements Store.
func (s *MemoryStore) List(ctx context.Context, subject string) ([]*Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Key, 0, len(s.subjects[subject]))
	for _, m := range s.subjects[subject] {
		list = append(list, m.key)
	}
	return list, nil
}

// Rotate implements Store.
func (s *MemoryStore) Rotate(ctx context.Context, id string, r Rotation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.keys[id]
	if m == nil {
		return ErrNotFound
	}
	old := *m.key
	repeated, err := r.Apply(&old)
	if repeated || err != nil {
		return err
	}
	if s.keys[r.Next.ID] != nil {
		return ErrExists
	}
	if err := s.add(r.Next, r.Limit, m); err != nil {
		return err
	}
	s.set(m, &old)
	return nil
}

// Expire implements Store.
func (s *MemoryStore) Expire(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, id, func(k *Key) { k.ExpiresAt = earlier(k.ExpiresAt, at) })
}

// Revoke implements Store.
func (s *MemoryStore) Revoke(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, id, func(k *Key) { revoke(k, at) })
}

// RevokeAll implements Store.
func (s *MemoryStore) RevokeAll(ctx context.Context, subject, except string, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.subjects[subject] {
		if k := *m.key; k.ID != except {
			revoke(&k, at)
			s.set(m, &k)
		}
	}
	return nil
}

// Touch implements Store.
func (s *MemoryStore) Touch(ctx context.Context, uses []Use) error {
	for _, u := range uses {
		err := s.change(ctx, u.ID, func(k *Key) {
			if u.At.After(k.LastUsedAt) {
				k.LastUsedAt, k.LastUsedFrom = u.At, u.From
			}
		})
		if err != nil && err != ErrNotFound { //nolint:errorlint // change returns it as it is
			return err
		}
	}
	return nil
}

// Len returns how many records are kept, those of dead keys included.
func (s *MemoryStore) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.keys)
}

func revoke(k *Key, at time.Time) {
	if k.RevokedAt.IsZero() {
		k.RevokedAt = at
	}
}

// change replaces the record of id by a changed copy.
func (s *MemoryStore) change(ctx context.Context, id string, f func(k *Key)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.keys[id]
	if m == nil {
		return ErrNotFound
	}
	k := *m.key
	f(&k)
	s.set(m, &k)
	return nil
}

// add keeps a new record, if the subject and the store have room for it, and forgets
// what is in its way but spared.
func (s *MemoryStore) add(k *Key, limit int, spared *memoryKey) error {
	now := k.CreatedAt
	own := s.subjects[k.Subject]
	live := 0
	for _, m := range own {
		if m.key.Live(now) {
			live++
		}
	}
	if live >= limit {
		return ErrTooMany
	}
	for len(s.subjects[k.Subject]) >= limit {
		dead := oldestDead(s.subjects[k.Subject], now, spared)
		if dead == nil {
			break // it is spared
		}
		s.drop(dead)
	}
	for len(s.mortal) > 0 && s.mortal[0] != spared && s.mortal[0].key.ForgetAt().Before(now) {
		s.drop(s.mortal[0])
	}
	if len(s.keys) >= s.limit {
		if len(s.mortal) == 0 || s.mortal[0] == spared || s.mortal[0].key.Live(now) {
			return ErrFull
		}
		s.drop(s.mortal[0])
	}
	m := &memoryKey{index: -1}
	s.keys[k.ID] = m
	s.subjects[k.Subject] = append(s.subjects[k.Subject], m)
	s.set(m, k)
	return nil
}

// oldestDead returns the dead record that was created first, but for the one that is
// spared, or nil.
func oldestDead(list []*memoryKey, now time.Time, spared *memoryKey) (oldest *memoryKey) {
	for _, m := range list {
		if m != spared && !m.key.Live(now) && (oldest == nil || m.key.CreatedAt.Before(oldest.key.CreatedAt)) {
			oldest = m
		}
	}
	return oldest
}

// set gives a record its key and its place among those that have an end.
func (s *MemoryStore) set(m *memoryKey, k *Key) {
	m.key = k
	switch has := !k.DeadAt().IsZero(); {
	case has && m.index < 0:
		heap.Push(&s.mortal, m)
	case has:
		heap.Fix(&s.mortal, m.index)
	}
}

func (s *MemoryStore) drop(m *memoryKey) {
	if m.index >= 0 {
		heap.Remove(&s.mortal, m.index)
	}
	k := m.key
	delete(s.keys, k.ID)
	own := slices.DeleteFunc(s.subjects[k.Subject], func(other *memoryKey) bool { return other == m })
	if len(own) == 0 {
		delete(s.subjects, k.Subject)
		return
	}
	s.subjects[k.Subject] = own
}

// A forgetHeap has the key that dies first, or has died first, at its root.
type forgetHeap []*memoryKey

func (h forgetHeap) Len() int           { return len(h) }
func (h forgetHeap) Less(i, j int) bool { return h[i].key.DeadAt().Before(h[j].key.DeadAt()) }

func (h forgetHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *forgetHeap) Push(x any) {
	m, _ := x.(*memoryKey)
	m.index = len(*h)
	*h = append(*h, m)
}

// Pop implements heap.Interface.
func (h *forgetHeap) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	m.index = -1
	return m
}
