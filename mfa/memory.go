package mfa

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Defaults of MemoryConfig.
const (
	DefaultMaxSubjects   = 100_000
	DefaultMaxShortLived = 20_000
)

// MemoryConfig configures a MemoryStore. The zero value is good.
type MemoryConfig struct {
	// MaxSubjects is how many subjects can have factors or codes, of about 2 KiB
	// each. Zero: DefaultMaxSubjects. When it is full, enabling fails: to forget a
	// factor would turn it off.
	MaxSubjects int
	// MaxShortLived is how many each of enrolments that wait, challenges and
	// trusted devices are kept. Zero: DefaultMaxShortLived. When it is full, the one
	// that would expire first goes, and its user has to begin again.
	MaxShortLived int
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// A MemoryStore is a Store in the memory of this process, for tests and
// development. A restart turns all second factors off.
//
// What has expired is dropped as new records come; there is no goroutine.
type MemoryStore struct {
	limit int
	now   func() time.Time

	mu         sync.Mutex
	subjects   map[string]*memorySubject
	pending    *table[string, string, PendingTOTP]
	challenges *table[ChallengeID, Bucket, memoryChallenge]
	devices    *table[memoryDeviceKey, string, Device]
}

var _ Store = (*MemoryStore)(nil)

// A memorySubject is what does not expire. Of a code that was used the call is
// kept.
type memorySubject struct {
	totp  TOTP
	codes map[CodeHash]CallID
}

type memoryChallenge struct {
	Challenge
	claimed CallID
}

type memoryDeviceKey struct {
	subject string
	hash    DeviceHash
}

var errFull = errors.New("mfa: the store in memory is full: raise MemoryConfig.MaxSubjects")

// NewMemoryStore returns an empty MemoryStore.
func NewMemoryStore(cfg MemoryConfig) (*MemoryStore, error) {
	if cfg.MaxSubjects < 0 || cfg.MaxShortLived < 0 {
		return nil, fmt.Errorf("mfa: MaxSubjects %d, MaxShortLived %d: use positive numbers, or 0 for %d and %d",
			cfg.MaxSubjects, cfg.MaxShortLived, DefaultMaxSubjects, DefaultMaxShortLived)
	}
	if cfg.MaxSubjects == 0 {
		cfg.MaxSubjects = DefaultMaxSubjects
	}
	if cfg.MaxShortLived == 0 {
		cfg.MaxShortLived = DefaultMaxShortLived
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &MemoryStore{
		limit:      cfg.MaxSubjects,
		now:        cfg.Now,
		subjects:   make(map[string]*memorySubject),
		pending:    newTable[string, string, PendingTOTP](cfg.MaxShortLived),
		challenges: newTable[ChallengeID, Bucket, memoryChallenge](cfg.MaxShortLived),
		devices:    newTable[memoryDeviceKey, string, Device](cfg.MaxShortLived),
	}, nil
}

// begin reads the clock outside of the lock: it is the caller's code.
func (s *MemoryStore) begin(ctx context.Context) (time.Time, error) { return s.now(), ctx.Err() }

// Find implements FactorStore.
func (s *MemoryStore) Find(ctx context.Context, subject string) (State, error) {
	if err := ctx.Err(); err != nil {
		return State{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.subjects[subject]
	if own == nil {
		return State{}, nil
	}
	return State{TOTP: own.totp, Codes: len(own.codes), CodesLeft: own.left()}, nil
}

// Begin implements FactorStore.
func (s *MemoryStore) Begin(ctx context.Context, subject string, p PendingTOTP, ttl time.Duration) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending.put(subject, subject, p, now, ttl)
	return nil
}

// Pending implements FactorStore.
func (s *MemoryStore) Pending(ctx context.Context, subject string) (PendingTOTP, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return PendingTOTP{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.pending.get(subject, now)
	if e == nil {
		return PendingTOTP{}, ErrNoPending
	}
	return e.value, nil
}

// Activate implements FactorStore.
func (s *MemoryStore) Activate(ctx context.Context, subject string, f TOTP, codes []CodeHash) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.pending.get(subject, now)
	if e == nil || e.value.ID != f.ID {
		if own := s.subjects[subject]; own != nil && own.totp.ID == f.ID && own.totp.Call == f.Call {
			return nil // this call, come again
		}
		return ErrNoPending
	}
	own, err := s.own(subject)
	if err != nil {
		return err
	}
	s.pending.drop(e)
	own.totp = f
	own.replace(codes)
	return nil
}

// Advance implements FactorStore.
func (s *MemoryStore) Advance(ctx context.Context, subject, id string, step uint64, call CallID) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.subjects[subject]
	switch {
	case own == nil || id == "" || own.totp.ID != id:
		return false, nil
	case step > own.totp.Step:
		own.totp.Step, own.totp.Call = step, call
		return true, nil
	}
	return step == own.totp.Step && call == own.totp.Call, nil
}

// Reseal implements FactorStore.
func (s *MemoryStore) Reseal(ctx context.Context, subject, id, from, to string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.subjects[subject]
	if own == nil || id == "" || own.totp.ID != id || own.totp.Sealed != from && own.totp.Sealed != to {
		return false, nil
	}
	own.totp.Sealed = to
	return true, nil
}

// Deactivate implements FactorStore.
func (s *MemoryStore) Deactivate(ctx context.Context, subject, id string, codes bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.subjects[subject]
	if own == nil || id == "" || own.totp.ID != id {
		return nil
	}
	s.pending.dropGroup(subject)
	own.totp = TOTP{}
	if codes {
		own.codes = nil
	}
	s.tidy(subject)
	return nil
}

// Remove implements FactorStore.
func (s *MemoryStore) Remove(ctx context.Context, subject string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending.dropGroup(subject)
	delete(s.subjects, subject)
	return nil
}

// ReplaceCodes implements FactorStore.
func (s *MemoryStore) ReplaceCodes(ctx context.Context, subject string, codes []CodeHash) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own, err := s.own(subject)
	if err != nil {
		return err
	}
	own.replace(codes)
	s.tidy(subject)
	return nil
}

// ConsumeCode implements FactorStore.
func (s *MemoryStore) ConsumeCode(ctx context.Context, subject string, code CodeHash, call CallID) (bool, int, error) {
	if err := ctx.Err(); err != nil {
		return false, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.subjects[subject]
	if own == nil {
		return false, 0, nil
	}
	by, ok := own.codes[code]
	if ok && by == (CallID{}) {
		own.codes[code], by = call, call
	}
	return ok && by == call, own.left(), nil
}

// own returns what is kept of a subject, and makes it if there is room.
func (s *MemoryStore) own(subject string) (*memorySubject, error) {
	own := s.subjects[subject]
	if own == nil {
		if len(s.subjects) >= s.limit {
			return nil, errFull
		}
		own = new(memorySubject)
		s.subjects[subject] = own
	}
	return own, nil
}

// tidy forgets a subject of which nothing is left.
func (s *MemoryStore) tidy(subject string) {
	if own := s.subjects[subject]; own != nil && own.totp.ID == "" && len(own.codes) == 0 {
		delete(s.subjects, subject)
	}
}

func (own *memorySubject) replace(codes []CodeHash) {
	own.codes = make(map[CodeHash]CallID, len(codes))
	for _, c := range codes {
		own.codes[c] = CallID{}
	}
}

func (own *memorySubject) left() (n int) {
	for by := range maps.Values(own.codes) {
		if by == (CallID{}) {
			n++
		}
	}
	return n
}

// Len returns how many records are kept: subjects with a factor or codes, and,
// expired ones that were not yet dropped included, enrolments, challenges and
// devices.
func (s *MemoryStore) Len() (subjects, enrolments, challenges, devices int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.subjects), len(s.pending.entries), len(s.challenges.entries), len(s.devices.entries)
}
