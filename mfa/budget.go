package mfa

import (
	"context"
	"errors"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// A budget is how often somebody may try a factor of a subject. It has two limits.
// That of guesses is the usual one, and the owner's successes clear it, or whoever
// mistypes now and then would be locked out some day. An attacker would have as
// many guesses again after each of them; that of failures, which no success
// clears, bounds those.
type budget struct {
	guesses  *throttle.Limiter
	failures *throttle.Limiter
}

// The limits of failures: maxFailures in a window of failuresPause, and after the last
// of them a pause of as long. In 30 days that is no more than 1,100 guesses.
const (
	maxFailures   = 100
	failuresPause = 72 * time.Hour
)

// guessesConfig is what throttle recommends: 5 attempts in 15 minutes, locks of 15
// minutes to 24 hours, 100 failures in a row.
func guessesConfig(cfg Config) throttle.Config {
	return throttle.Config{Name: "mfa", OnEvent: cfg.OnEvent, Now: cfg.Now}
}

func failuresConfig(cfg Config) throttle.Config {
	return throttle.Config{
		Name: "mfa failures", Max: maxFailures, Window: failuresPause, Lockout: failuresPause, MaxLockout: failuresPause,
		// Failures that are days apart are nobody's attack, however many they become.
		SkipMaxInARow: true, Memory: failuresPause, OnEvent: cfg.OnEvent, Now: cfg.Now,
	}
}

func newBudget(cfg Config) (*budget, error) {
	store := cfg.Throttle
	if store == nil {
		var err error
		if store, err = throttle.NewMemoryStore(throttle.MemoryConfig{Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	guesses, err := throttle.New(store, guessesConfig(cfg))
	failures, err2 := throttle.New(store, failuresConfig(cfg))
	return &budget{guesses, failures}, errors.Join(err, err2)
}

// try counts an attempt of subject and lets prove decide it. What cannot have told
// anybody anything is taken back: that the service failed, or that there was
// nothing to compare with. Whoever goes away early has that counted.
func (b *budget) try(ctx context.Context, subject string, prove func(ctx context.Context) error) error {
	guess, err := b.guesses.Begin(ctx, subject)
	if err != nil {
		return err
	}
	// After the guess, so that a flood of attempts while it is locked is no failure,
	// which would lock for days if it could not be taken back.
	failure, err := b.failures.Begin(ctx, subject)
	if err != nil {
		_ = guess.Cancel(ctx) // nothing was compared
		return err
	}
	err = prove(ctx)
	// If forgetting fails the attempt stays counted, which refuses nobody now.
	switch {
	case err == nil:
		_ = guess.Succeed(ctx)
		_ = failure.Cancel(ctx)
	case ctx.Err() == nil && undecided(err):
		_ = guess.Cancel(ctx)
		_ = failure.Cancel(ctx)
	}
	return err
}

func undecided(err error) bool {
	return errors.Is(err, ErrNotEnrolled) || errors.Is(err, ErrEnrolment) || !errors.Is(err, ErrCode) && problem.From(err).Status >= 500
}

// Unlock forgets all failed attempts of subject. It is for when the owner has been
// identified by other means, such as by support; not for a password reset, or who
// reads the mail of a user could guess on.
func (m *Manager) Unlock(ctx context.Context, subject string) error {
	return errors.Join(m.budget.guesses.Unlock(ctx, subject), m.budget.failures.Unlock(ctx, subject))
}

// attempt is an attempt of subject at a factor of that kind, counted and told of.
func (m *Manager) attempt(ctx context.Context, subject, kind string, prove func(ctx context.Context) error) error {
	err := m.budget.try(ctx, subject, prove)
	e := auth.Event{Kind: EventVerified, Subject: subject, Resource: kind, Err: err}
	if err != nil {
		e.Kind = EventFailed
	}
	m.emit(ctx, e)
	return err
}
