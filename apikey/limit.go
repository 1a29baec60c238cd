package apikey

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/password/throttle"
)

// maxStrays is how many addresses are remembered as locked. One that is forgotten has
// one more look-up, and is remembered again.
const maxStrays = 4096

// countTimeout bounds the count of a failure, which goes on when the client is gone: or
// whoever hangs up at once is never counted.
const countTimeout = 2 * time.Second

// strays limits look-ups of keys that do not exist, by address. The limiter counts
// them. It is asked only after a failure, so that a good key costs nothing here; which
// addresses are locked is remembered on the side.
type strays struct {
	limiter *throttle.Limiter

	mu     sync.Mutex
	locked generations[lifespan]
}

func newStrays(l *throttle.Limiter) *strays {
	return &strays{limiter: l, locked: newGenerations[lifespan](maxStrays)}
}

// check refuses an address that has had too many failures.
func (s *strays) check(from netip.Addr, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locked.len() == 0 || !from.IsValid() {
		return nil
	}
	key := throttle.AddressKey(from)
	life, ok := s.locked.get(key)
	if !ok {
		return nil
	}
	if !life.has(now) {
		s.locked.remove(key)
		return nil
	}
	return &throttle.LockedError{RetryAfter: life.until.Sub(now)}
}

// count counts a failure and returns why the request is refused: ErrInvalid, or that
// the address has had too many.
func (s *strays) count(ctx context.Context, from netip.Addr, now time.Time) error {
	if !clientip.Group(from).IsValid() {
		return ErrInvalid
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTimeout)
	defer cancel()
	key := throttle.AddressKey(from)
	err := s.limiter.Allow(ctx, key)
	var locked *throttle.LockedError
	if !errors.As(err, &locked) {
		return ErrInvalid // also if it cannot be counted: the request is refused either way
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked.put(key, lifespan{now, now.Add(locked.RetryAfter)})
	return locked
}

// maxLimits is how many kinds of Limit are kept ready.
const maxLimits = 1024

// limits counts the requests of keys that have a Limit.
type limits struct {
	now func() time.Time

	mu    sync.Mutex
	store throttle.Store // nil: memory, when it is needed
	kinds map[Limit]*throttle.Limiter
}

// allow counts a request with k, or returns a *throttle.LockedError.
func (l *limits) allow(ctx context.Context, k *Key) error {
	limiter, err := l.of(k.Limit)
	if err != nil {
		return err
	}
	return limiter.Allow(ctx, k.ID)
}

func (l *limits) of(limit Limit) (*throttle.Limiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limiter := l.kinds[limit]; limiter != nil {
		return limiter, nil
	}
	if l.store == nil {
		store, err := throttle.NewMemoryStore(throttle.MemoryConfig{Now: l.now})
		if err != nil {
			return nil, fmt.Errorf("apikey: the limit of a key: %w", err)
		}
		l.store = store
	}
	name := fmt.Sprintf("apikey %d/%s", limit.Max, limit.Window)
	limiter, err := throttle.New(l.store, throttle.Config{Name: name, Max: limit.Max, Window: limit.Window, Now: l.now})
	if err != nil {
		return nil, fmt.Errorf("apikey: the limit of a key: %w", err)
	}
	if l.kinds == nil || len(l.kinds) >= maxLimits { // the counts are in the store
		l.kinds = make(map[Limit]*throttle.Limiter)
	}
	l.kinds[limit] = limiter
	return limiter, nil
}
