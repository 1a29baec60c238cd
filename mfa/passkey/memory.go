package passkey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Defaults of MemoryConfig.
const (
	DefaultMaxSubjects = 100_000
	DefaultMaxAnswers  = 100_000
)

// MemoryConfig configures a MemoryStore. The zero value is good.
type MemoryConfig struct {
	// MaxSubjects is how many subjects can have a handle and passkeys, of about 1 KiB
	// for each passkey. Zero: DefaultMaxSubjects. When it is full, registering fails.
	MaxSubjects int
	// MaxAnswers is how many challenges are remembered as answered, of about 100
	// bytes each. Zero: DefaultMaxAnswers, in a day. When it is full, passkeys are
	// refused: to forget one would make its answer good again.
	MaxAnswers int
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// A MemoryStore is a Store in the memory of this process, for tests and development.
// A restart forgets all passkeys.
//
// What has expired is dropped as new records come; there is no goroutine.
type MemoryStore struct {
	cfg MemoryConfig

	mu          sync.Mutex
	subjects    map[string]*memorySubject
	credentials map[ID]*Credential
	answers     map[ChallengeID]memoryAnswer
	order       []ChallengeID // of the answers, the oldest first
}

var _ Store = (*MemoryStore)(nil)

type memorySubject struct {
	handle UserHandle
	ids    []ID
}

type memoryAnswer struct {
	call   CallID
	expiry time.Time
}

var errFull = errors.New("passkey: the store in memory is full: raise the bounds of MemoryConfig")

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore(cfg MemoryConfig) (*MemoryStore, error) {
	if cfg.MaxSubjects < 0 || cfg.MaxAnswers < 0 {
		return nil, fmt.Errorf("passkey: MaxSubjects %d, MaxAnswers %d: use positive numbers, or 0 for %d and %d",
			cfg.MaxSubjects, cfg.MaxAnswers, DefaultMaxSubjects, DefaultMaxAnswers)
	}
	if cfg.MaxSubjects == 0 {
		cfg.MaxSubjects = DefaultMaxSubjects
	}
	if cfg.MaxAnswers == 0 {
		cfg.MaxAnswers = DefaultMaxAnswers
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &MemoryStore{
		cfg: cfg, subjects: make(map[string]*memorySubject), credentials: make(map[ID]*Credential), answers: make(map[ChallengeID]memoryAnswer),
	}, nil
}

// begin reads the clock outside of the lock: it is the caller's code.
func (s *MemoryStore) begin(ctx context.Context) (time.Time, error) { return s.cfg.Now(), ctx.Err() }

// UserHandle implements Store.
func (s *MemoryStore) UserHandle(ctx context.Context, subject string, fresh UserHandle) (UserHandle, error) {
	if err := ctx.Err(); err != nil {
		return UserHandle{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.subjects[subject]
	if own == nil {
		if len(s.subjects) >= s.cfg.MaxSubjects {
			return UserHandle{}, errFull
		}
		own = &memorySubject{handle: fresh}
		s.subjects[subject] = own
	}
	return own.handle, nil
}

// Add implements Store.
func (s *MemoryStore) Add(ctx context.Context, c Credential, a Answer, limit int) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, err := s.answered(a, now); done || err != nil {
		return err
	}
	own, id := s.subjects[c.Subject], c.ID()
	switch {
	case own == nil || own.handle != c.UserHandle:
		return ErrNoCredential
	case s.credentials[id] != nil:
		return ErrExists
	case len(own.ids) >= limit:
		return ErrLimit
	}
	if err := s.use(a, now); err != nil {
		return err
	}
	kept := clone(c)
	s.credentials[id] = &kept
	own.ids = append(own.ids, id)
	return nil
}

// Find implements Store.
func (s *MemoryStore) Find(ctx context.Context, id ID) (Credential, error) {
	if err := ctx.Err(); err != nil {
		return Credential{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.credentials[id]
	if c == nil {
		return Credential{}, ErrNoCredential
	}
	return clone(*c), nil
}

// List implements Store.
func (s *MemoryStore) List(ctx context.Context, subject string) ([]Credential, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.subjects[subject]
	if own == nil {
		return nil, nil
	}
	list := make([]Credential, 0, len(own.ids))
	for _, id := range own.ids {
		list = append(list, clone(*s.credentials[id]))
	}
	slices.SortStableFunc(list, func(a, b Credential) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list, nil
}

// Use implements Store.
func (s *MemoryStore) Use(ctx context.Context, u Use, a Answer) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, err := s.answered(a, now); done || err != nil {
		return err
	}
	c := s.credentials[u.ID]
	switch {
	case c == nil || c.Subject != u.Subject:
		return ErrNoCredential
	case !c.Accepts(u.SignCount):
		return ErrCounter
	}
	if err := s.use(a, now); err != nil {
		return err
	}
	c.SignCount, c.BackedUp, c.LastUsedAt = u.SignCount, u.BackedUp, u.At
	c.UserVerified = c.UserVerified || u.UserVerified
	return nil
}

// Rename implements Store.
func (s *MemoryStore) Rename(ctx context.Context, subject string, id ID, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.credentials[id]
	if c == nil || c.Subject != subject {
		return ErrNoCredential
	}
	c.Name = strings.Clone(name)
	return nil
}

// Remove implements Store.
func (s *MemoryStore) Remove(ctx context.Context, subject string, id ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.credentials[id]; c != nil && c.Subject == subject {
		delete(s.credentials, id)
		own := s.subjects[subject]
		own.ids = slices.DeleteFunc(own.ids, func(other ID) bool { return other == id })
	}
	return nil
}

// RemoveAll implements Store.
func (s *MemoryStore) RemoveAll(ctx context.Context, subject string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.subjects[subject]; own != nil {
		for _, id := range own.ids {
			delete(s.credentials, id)
		}
		delete(s.subjects, subject)
	}
	return nil
}

// answered reports whether a was done before, or its challenge was used by another
// call.
func (s *MemoryStore) answered(a Answer, now time.Time) (repeat bool, err error) {
	for len(s.order) > 0 && !now.Before(s.answers[s.order[0]].expiry) {
		delete(s.answers, s.order[0])
		s.order = s.order[1:]
	}
	before, ok := s.answers[a.Challenge]
	switch {
	case !ok:
		return false, nil
	case before.call != a.Call:
		return false, ErrAnswered
	}
	return true, nil
}

// use notes that a was done.
func (s *MemoryStore) use(a Answer, now time.Time) error {
	if len(s.answers) >= s.cfg.MaxAnswers {
		return errFull
	}
	s.answers[a.Challenge] = memoryAnswer{a.Call, now.Add(a.Keep)}
	s.order = append(s.order, a.Challenge)
	return nil
}

// clone returns a copy that shares nothing with c.
func clone(c Credential) Credential {
	c.CredentialID, c.PublicKey, c.Transports = bytes.Clone(c.CredentialID), bytes.Clone(c.PublicKey), slices.Clone(c.Transports)
	return c
}
