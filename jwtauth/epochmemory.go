package jwtauth

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// MemoryEpochsConfig configures MemoryEpochs. The zero value is what a service of
// one process wants.
type MemoryEpochsConfig struct {
	// MaxSubjects is how many epochs are kept. Zero: 100,000.
	MaxSubjects int
	// Keep is how long an epoch is kept: longer than any token lives. Zero: 25
	// hours, which is more than a Verifier permits.
	Keep time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// MemoryEpochs keeps epochs in the memory of one process; services of several need
// a store that they share. It never forgets to the side of permission: tokens from
// before it was made are refused, as the epochs of an earlier process are lost; and
// when it is full, the oldest epoch becomes that of everybody. Who has refresh
// tokens then refreshes, and goes on.
//
// It is safe for concurrent use.
type MemoryEpochs struct {
	cfg MemoryEpochsConfig

	mu       sync.Mutex
	floor    time.Time // the epoch of everybody
	subjects map[string]*list.Element
	order    list.List // of *epochEntry, the one that was moved longest ago first
}

type epochEntry struct {
	subject string
	epoch   time.Time
}

// NewMemoryEpochs makes an empty MemoryEpochs.
func NewMemoryEpochs(cfg MemoryEpochsConfig) (*MemoryEpochs, error) {
	if cfg.MaxSubjects < 0 || cfg.Keep < 0 {
		return nil, errors.New("jwtauth: MaxSubjects and Keep of MemoryEpochs cannot be negative")
	}
	if cfg.MaxSubjects == 0 {
		cfg.MaxSubjects = 100_000
	}
	if cfg.Keep == 0 {
		cfg.Keep = maxMaxLifetime + time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	// Less a millisecond: a token of this very moment is one of this process.
	return &MemoryEpochs{cfg: cfg, floor: cfg.Now().Add(-time.Millisecond), subjects: make(map[string]*list.Element)}, nil
}

var _ EpochStore = (*MemoryEpochs)(nil)

// Epoch implements Epochs. It does not fail.
func (m *MemoryEpochs) Epoch(_ context.Context, subject string) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if el, ok := m.subjects[subject]; ok {
		if e := el.Value.(*epochEntry); e.epoch.After(m.floor) {
			return e.epoch, nil
		}
	}
	return m.floor, nil
}

// Advance implements EpochStore. It does not fail.
func (m *MemoryEpochs) Advance(_ context.Context, subject string, at time.Time) error {
	now := m.cfg.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if el, ok := m.subjects[subject]; ok {
		if e := el.Value.(*epochEntry); at.After(e.epoch) {
			e.epoch = at
			m.order.MoveToBack(el)
		}
	} else {
		m.subjects[subject] = m.order.PushBack(&epochEntry{subject, at})
	}
	for oldest := m.order.Front(); oldest != nil; oldest = m.order.Front() {
		e := oldest.Value.(*epochEntry)
		outlived := now.Sub(e.epoch) > m.cfg.Keep
		if !outlived && len(m.subjects) <= m.cfg.MaxSubjects {
			return nil
		}
		m.order.Remove(oldest)
		delete(m.subjects, e.subject)
		if !outlived {
			m.raise(e.epoch, now)
		}
	}
	return nil
}

// raise makes an epoch that must go that of everybody. One in the future is a fault
// of some clock: it must not lock out all until then.
func (m *MemoryEpochs) raise(epoch, now time.Time) {
	if epoch.After(now) {
		epoch = now
	}
	if epoch.After(m.floor) {
		m.floor = epoch
	}
}
