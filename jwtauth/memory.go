package jwtauth

import (
	"bytes"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// DefaultMaxFamilies is how many families a MemoryStore keeps if not told
// otherwise.
const DefaultMaxFamilies = 100_000

// MemoryConfig configures a MemoryStore. The zero value is good.
type MemoryConfig struct {
	// MaxFamilies bounds the memory: at most that many families are kept, of at
	// most MaxGrantSize bytes each, of typically a few hundred. Zero:
	// DefaultMaxFamilies.
	MaxFamilies int
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// A MemoryStore keeps families in the memory of this process: for services of
// one process, development and tests. A restart signs everybody out.
//
// When it is full, the family that would expire first makes room: it is signed
// out, and nothing worse. Only sign-ins make families, and Limits.PerSubject
// bounds what one account can take, so nobody without accounts can fill it.
//
// Expired families are dropped as new ones come; there is no goroutine.
type MemoryStore struct {
	limit int
	now   func() time.Time

	mu       sync.Mutex
	families map[FamilyID]*memoryFamily
	buckets  map[Bucket][]*memoryFamily // in the order of their creation
	queue    familyHeap
}

var _ FamilyStore = (*MemoryStore)(nil)

type memoryFamily struct {
	Family
	index int // in queue
}

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore(cfg MemoryConfig) (*MemoryStore, error) {
	if cfg.MaxFamilies < 0 {
		return nil, fmt.Errorf("jwtauth: MaxFamilies %d: use a positive number, or 0 for %d", cfg.MaxFamilies, DefaultMaxFamilies)
	}
	if cfg.MaxFamilies == 0 {
		cfg.MaxFamilies = DefaultMaxFamilies
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &MemoryStore{
		limit:    cfg.MaxFamilies,
		now:      cfg.Now,
		families: make(map[FamilyID]*memoryFamily),
		buckets:  make(map[Bucket][]*memoryFamily),
	}, nil
}

// Create implements FamilyStore.
func (s *MemoryStore) Create(ctx context.Context, id FamilyID, grant []byte, limits Limits) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 && !s.queue[0].Live(now) {
		s.drop(s.queue[0])
	}
	if there := s.families[id]; there != nil {
		if there.Counter == 1 && bytes.Equal(there.Grant, grant) {
			return nil // this call, come again
		}
		return ErrFamilyExists
	}
	for own := s.buckets[id.Bucket()]; len(own) > 0 && len(own) >= limits.PerSubject; own = s.buckets[id.Bucket()] {
		s.drop(own[0])
	}
	if len(s.families) >= s.limit {
		s.drop(s.queue[0])
	}
	f := &memoryFamily{Family: *NewFamily(id, slices.Clone(grant), limits, now)}
	s.families[id] = f
	s.buckets[id.Bucket()] = append(s.buckets[id.Bucket()], f)
	heap.Push(&s.queue, f)
	return nil
}

// Find implements FamilyStore.
func (s *MemoryStore) Find(ctx context.Context, id FamilyID) (*Family, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.live(id, now)
	if f == nil {
		return nil, ErrNoFamily
	}
	found := f.Family
	return &found, nil
}

// Rotate implements FamilyStore.
func (s *MemoryStore) Rotate(ctx context.Context, id FamilyID, r Rotation) (Outcome, time.Duration, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return 0, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.live(id, now)
	if f == nil {
		return 0, 0, ErrNoFamily
	}
	outcome := r.Apply(&f.Family, now)
	heap.Fix(&s.queue, f.index)
	if outcome == Reused {
		return Reused, 0, nil
	}
	return outcome, f.ExpiresAt.Sub(now), nil
}

// Revoke implements FamilyStore.
func (s *MemoryStore) Revoke(ctx context.Context, id FamilyID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.families[id]; f != nil {
		s.drop(f)
	}
	return nil
}

// RevokeAll implements FamilyStore.
func (s *MemoryStore) RevokeAll(ctx context.Context, b Bucket, except FamilyID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range slices.Clone(s.buckets[b]) {
		if f.ID != except {
			s.drop(f)
		}
	}
	return nil
}

// List implements FamilyStore.
func (s *MemoryStore) List(ctx context.Context, b Bucket) ([]*Family, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*Family
	for _, f := range s.buckets[b] {
		if f.Live(now) && !f.Ended {
			found := f.Family
			list = append(list, &found)
		}
	}
	return list, nil
}

// Len returns how many families are kept, expired ones that were not yet dropped
// included.
func (s *MemoryStore) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.families)
}

// begin reads the clock outside of the lock: it is the caller's code.
func (s *MemoryStore) begin(ctx context.Context) (time.Time, error) { return s.now(), ctx.Err() }

// live returns the family of id, or nil. One that has expired is gone from then
// on, whatever the clock does.
func (s *MemoryStore) live(id FamilyID, now time.Time) *memoryFamily {
	f := s.families[id]
	if f != nil && !f.Live(now) {
		s.drop(f)
		return nil
	}
	return f
}

func (s *MemoryStore) drop(f *memoryFamily) {
	heap.Remove(&s.queue, f.index)
	delete(s.families, f.ID)
	b := f.ID.Bucket()
	own := slices.DeleteFunc(s.buckets[b], func(g *memoryFamily) bool { return g == f })
	if len(own) == 0 {
		delete(s.buckets, b)
		return
	}
	s.buckets[b] = own
}

// A familyHeap has the family that expires first at its root.
type familyHeap []*memoryFamily

func (h familyHeap) Len() int           { return len(h) }
func (h familyHeap) Less(i, j int) bool { return h[i].ExpiresAt.Before(h[j].ExpiresAt) }

func (h familyHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *familyHeap) Push(x any) {
	f, _ := x.(*memoryFamily)
	f.index = len(*h)
	*h = append(*h, f)
}

// Pop implements heap.Interface.
func (h *familyHeap) Pop() any {
	last := len(*h) - 1
	f := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return f
}
