package oidc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-sallyport/auth/oauth"
)

// How long what a provider publishes serves.
const (
	// RefreshEvery is the age at which metadata and keys are fetched again when they
	// are next used. A key that the provider takes out counts here for that much
	// longer.
	RefreshEvery = 10 * time.Minute
	// MaxStale is how long they serve if they cannot be fetched again.
	MaxStale = 24 * time.Hour
	// RetryEvery is the time from a fetch that failed to the next one.
	RetryEvery = 3 * time.Second
	// UnknownKeyEvery is the time from one fetch because of a token whose key is not
	// there to the next such fetch.
	UnknownKeyEvery = time.Minute
)

// A source keeps one document of the provider. There is one fetch at a time. It runs on
// the goroutine of the request that is the first to need it, so there is nothing to
// close, and it does not end with that request: whoever could break it off could keep
// it from ever ending.
type source[T any] struct {
	load    func(ctx context.Context) (*T, error)
	now     func() time.Time
	timeout time.Duration

	mu      sync.Mutex
	value   *T
	at      time.Time // when value was asked for
	forced  time.Time // when newer last began a fetch
	failed  time.Time // when the last fetch failed
	err     error     // of the last fetch
	running chan struct{}
}

var errStale = errors.New("what is known is too old")

// get returns the document, as fresh as it must be.
func (s *source[T]) get(ctx context.Context) (*T, error) {
	now := s.now()
	if v, age := s.current(now); v != nil && age < RefreshEvery {
		return v, nil
	}
	own, done := s.begin(now, nil)
	if own {
		s.fetch(ctx, now, done)
	} else if v, age := s.current(now); v != nil && age < MaxStale {
		return v, nil // somebody else sees to it
	} else if err := wait(ctx, done); err != nil {
		return nil, err
	}
	v, age := s.current(s.now())
	if v != nil && age < MaxStale {
		return v, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.err
	if err == nil {
		err = errStale
	}
	if errors.Is(err, oauth.ErrProvider) {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %w", oauth.ErrProvider, err)
}

// newer returns the document again, if it is not than any more or if it is time to look.
func (s *source[T]) newer(ctx context.Context, than *T) (*T, error) {
	for {
		now := s.now()
		if v, _ := s.current(now); v != than {
			return v, nil
		}
		own, done := s.begin(now, than)
		if own {
			s.fetch(ctx, now, done)
		}
		if own || done == nil {
			v, _ := s.current(now)
			return v, nil
		}
		if err := wait(ctx, done); err != nil {
			return nil, err
		}
	}
}

// current returns what is there and its age. A clock that was set back makes it old at
// once: otherwise it would stay for as long as the clock was wrong.
func (s *source[T]) current(now time.Time) (*T, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value, s.age(now)
}

func (s *source[T]) age(now time.Time) time.Duration {
	if age := now.Sub(s.at); age >= 0 {
		return age
	}
	return RefreshEvery
}

// begin reports whether the caller is the one to fetch: because it is time, or because
// what the document was, than, is not enough. Otherwise done is the end of a fetch that
// is under way, or nil if there is none and it is not time for one.
func (s *source[T]) begin(now time.Time, than *T) (own bool, done chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.running != nil:
		return false, s.running
	case s.err != nil && within(now, s.failed, RetryEvery):
		return false, nil
	case than == nil && s.value != nil && s.age(now) < RefreshEvery: // since the caller looked
		return false, nil
	case than != nil && (s.value != than || within(now, s.forced, UnknownKeyEvery)):
		return false, nil
	}
	if than != nil {
		s.forced = now
	}
	s.running = make(chan struct{})
	return true, s.running
}

func within(now, since time.Time, d time.Duration) bool {
	age := now.Sub(since)
	return !since.IsZero() && age >= 0 && age < d
}

// fetch loads the document and keeps it. If that fails the one before stays.
func (s *source[T]) fetch(ctx context.Context, now time.Time, done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	var v *T
	err := errors.New("the fetch did not end")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		end := s.now()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err = err; err == nil {
			s.value, s.at = v, now
		} else {
			s.failed = end // and not when it began: a provider that stalls is not asked without a pause
		}
		s.running = nil
		close(done)
	}()
	v, err = s.load(ctx)
}

// wait waits for the end of a fetch of somebody else. A nil done has ended.
func wait(ctx context.Context, done chan struct{}) error {
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", oauth.ErrProvider, ctx.Err())
	}
}
