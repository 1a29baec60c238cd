package session

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"
)

// DefaultMaxSessions is how many sessions a MemoryStore keeps if not told
// otherwise.
const DefaultMaxSessions = 100_000

// MemoryConfig configures a MemoryStore. The zero value is good.
type MemoryConfig struct {
	// MaxSessions bounds the memory: at most that many sessions are kept, of at
	// most MaxRecordSize bytes each, of typically a few hundred. Zero:
	// DefaultMaxSessions.
	MaxSessions int
	// Now is the clock. Nil: time.Now. A Manager that looks for a session goes by
	// its own.
	Now func() time.Time
}

// A MemoryStore keeps sessions in the memory of this process: for services of
// one process, development and tests. A restart signs everybody out.
//
// When it is full, the session that would expire first makes room: a visitor's
// if there is one, so that nobody without an account can sign users out by
// filling it. What one account can take of it is bounded by Config.MaxPerUser.
//
// Expired sessions are dropped as new ones come; there is no goroutine.
type MemoryStore struct {
	limit int
	now   func() time.Time

	mu       sync.RWMutex
	sessions map[ID]*memorySession
	subjects map[string]*memorySession // the newest session of each
	visitors expiryHeap
	members  expiryHeap
}

var _ Store = (*MemoryStore)(nil)

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore(cfg MemoryConfig) (*MemoryStore, error) {
	if cfg.MaxSessions < 0 {
		return nil, fmt.Errorf("session: MaxSessions %d: use a positive number, or 0 for %d", cfg.MaxSessions, DefaultMaxSessions)
	}
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = DefaultMaxSessions
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &MemoryStore{
		limit:    cfg.MaxSessions,
		now:      cfg.Now,
		sessions: make(map[ID]*memorySession),
		subjects: make(map[string]*memorySession),
	}, nil
}

// Create implements Store.
func (s *MemoryStore) Create(ctx context.Context, id ID, rec *Record, expiry time.Time, limit int) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	if _, ok := s.sessions[id]; ok {
		return ErrExists
	}
	if !now.Before(expiry) {
		return ErrNoSession
	}
	if limit > 0 && rec.Principal != nil {
		s.makeRoom(rec.subject(), limit)
	}
	s.put(id, rec, expiry)
	return nil
}

// Find implements Store.
func (s *MemoryStore) Find(ctx context.Context, id ID) (*Record, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	return s.findAt(id, now)
}

// findAt is Find for who knows the time: a Manager, by whose clock the expiry was
// set.
func (s *MemoryStore) findAt(id ID, now time.Time) (*Record, error) {
	s.mu.RLock()
	e, ok := s.sessions[id]
	if !ok || !now.Before(e.expiry) {
		s.mu.RUnlock()
		return nil, ErrNoSession
	}
	rec := e.record
	s.mu.RUnlock()
	return rec, nil
}

// Update implements Store.
func (s *MemoryStore) Update(ctx context.Context, id ID, rec *Record, expiry time.Time) error {
	return s.change(ctx, id, expiry, func(*Record) *Record { return rec })
}

// Touch implements Store.
func (s *MemoryStore) Touch(ctx context.Context, id ID, seen, expiry time.Time) error {
	return s.change(ctx, id, expiry, func(rec *Record) *Record {
		touched := *rec
		touched.Seen = seen
		return &touched
	})
}

// Rename implements Store.
func (s *MemoryStore) Rename(ctx context.Context, from, to ID, rec *Record, expiry time.Time) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.sessions[from]
	if !ok || !now.Before(e.expiry) {
		return ErrNoSession
	}
	if _, ok := s.sessions[to]; ok {
		return ErrExists
	}
	s.drop(e)
	if !now.Before(expiry) {
		return ErrNoSession
	}
	s.put(to, rec, expiry)
	return nil
}

// Delete implements Store.
func (s *MemoryStore) Delete(ctx context.Context, id ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.sessions[id]; ok {
		s.drop(e)
	}
	return nil
}

// List implements Store.
func (s *MemoryStore) List(ctx context.Context, subject string) ([]*Record, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*Record
	for e := s.subjects[subject]; e != nil; e = e.older {
		if now.Before(e.expiry) {
			list = append(list, e.record)
		}
	}
	return list, nil
}

// Revoke implements Store.
func (s *MemoryStore) Revoke(ctx context.Context, subject, publicID string) error {
	return s.revoke(ctx, subject, func(rec *Record) bool { return rec.ID == publicID })
}

// RevokeSubject implements Store.
func (s *MemoryStore) RevokeSubject(ctx context.Context, subject, except string) error {
	return s.revoke(ctx, subject, func(rec *Record) bool { return except == "" || rec.ID != except })
}

func (s *MemoryStore) revoke(ctx context.Context, subject string, ends func(*Record) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.subjects[subject]; e != nil; {
		older := e.older
		if ends(e.record) {
			s.drop(e)
		}
		e = older
	}
	return nil
}

// Len returns how many sessions are kept, expired ones that were not yet dropped
// included.
func (s *MemoryStore) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.sessions)
}

func (s *MemoryStore) begin(ctx context.Context) (time.Time, error) {
	return s.now(), ctx.Err()
}

// change replaces the record of a session that is there.
func (s *MemoryStore) change(ctx context.Context, id ID, expiry time.Time, f func(*Record) *Record) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.sessions[id]
	if !ok {
		return ErrNoSession
	}
	if !now.Before(e.expiry) || !now.Before(expiry) {
		s.drop(e)
		return ErrNoSession
	}
	e.record, e.expiry = f(e.record), expiry
	heap.Fix(e.queue, e.index)
	return nil
}
