package throttle

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// Config configures a Limiter. The zero value is the recommended production
// setting.
type Config struct {
	// MaxFailures is how many attempts a key has before it is locked, 1 to 100.
	// Zero: 5.
	MaxFailures int
	// Window is how long an attempt is remembered, counted from the first one.
	// Zero: 15 minutes.
	Window time.Duration
	// Lockout is how long a key is locked, counted from the attempt that was its
	// last. Zero: 15 minutes.
	Lockout time.Duration
	// FailOpen admits attempts, uncounted, while the Store is failing. By default
	// they are refused with 503: a store that is down must not be a way to guess
	// without limit.
	FailOpen bool
	// Now is the clock of the store in memory. Nil: time.Now.
	Now func() time.Time
}

// A Limiter counts attempts and locks a key that has had too many.
//
// It is safe for concurrent use.
type Limiter struct {
	store    Store
	rule     Rule
	failOpen bool
}

// New returns a Limiter that counts in store. A nil store is memory of this
// process, at most 65,536 keys.
func New(store Store, cfg Config) (*Limiter, error) {
	if cfg.MaxFailures < 0 || cfg.MaxFailures > maxMaxFailures {
		return nil, fmt.Errorf("throttle: MaxFailures is %d: it must be 1 to %d, or 0 for %d", cfg.MaxFailures, maxMaxFailures, defaultMaxFailures)
	}
	if cfg.Window < 0 || cfg.Lockout < 0 {
		return nil, errors.New("throttle: Window and Lockout must be positive, or 0 for 15 minutes")
	}
	rule := Rule{MaxFailures: defaultMaxFailures, Window: defaultWindow, Lockout: defaultWindow}
	if cfg.MaxFailures > 0 {
		rule.MaxFailures = cfg.MaxFailures
	}
	if cfg.Window > 0 {
		rule.Window = cfg.Window
	}
	if cfg.Lockout > 0 {
		rule.Lockout = cfg.Lockout
	}
	if store == nil {
		now := cfg.Now
		if now == nil {
			now = time.Now
		}
		store = newMemoryStore(memoryKeys, now)
	}
	return &Limiter{store: store, rule: rule, failOpen: cfg.FailOpen}, nil
}

const (
	defaultMaxFailures = 5
	maxMaxFailures     = 100
	defaultWindow      = 15 * time.Minute
)

// Begin counts an attempt under each key, which is what locks, and admits it or
// returns a *LockedError. Call it before the secret is looked at.
//
// The first key is the one that Succeed forgives, such as the account; further
// ones, such as the client's address, stay counted. They are asked first: an
// attempt that one of them refuses is not counted against the first key. An
// attempt that is refused does not prolong the lock that refuses it.
//
// If the Store fails the attempt is refused with an error that is answered with
// 503, unless Config.FailOpen.
func (l *Limiter) Begin(ctx context.Context, keys ...string) (*Attempt, error) {
	if len(keys) == 0 {
		return nil, errors.New("throttle: Begin wants at least one key: without any there is no limit")
	}
	for i := len(keys) - 1; i >= 0; i-- {
		n, left, err := l.store.Increment(ctx, digest(keys[i]), l.rule)
		switch {
		case err != nil && !l.failOpen:
			return nil, problem.Wrap(problem.Unavailable, fmt.Errorf("throttle: store: %w", err))
		case err != nil:
			continue
		case n > l.rule.MaxFailures:
			return nil, &LockedError{RetryAfter: left}
		}
	}
	return &Attempt{store: l.store, key: digest(keys[0])}, nil
}

// An Attempt is one that Begin has admitted and counted. It stays counted unless
// it succeeds.
type Attempt struct {
	store Store
	key   string
}

// Succeed forgives all attempts under the first key that Begin was given. On an
// error they stay counted, which is no reason to refuse the one that succeeded.
func (a *Attempt) Succeed(ctx context.Context) error {
	if err := a.store.Reset(ctx, a.key); err != nil {
		return fmt.Errorf("throttle: store: %w", err)
	}
	return nil
}

// digest makes any key a string of 43 letters, digits, '-' and '_'. Stores hold
// no names and no addresses in clear, and nobody chooses the length of a key.
func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
