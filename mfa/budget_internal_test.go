package mfa

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/password/throttle"
)

const month = 30 * 24 * time.Hour

// chance is the probability that one of that many guesses at a code of 6 digits is
// right: each is compared with the codes of three steps.
func chance(guesses int) float64 { return float64(guesses) * steps / 1e6 }

// TestMonthOfGuessing computes the bound from the configuration of the limits, and
// then plays the patient attacker against the limiter itself.
func TestMonthOfGuessing(t *testing.T) {
	t.Run("MFA-05 by the configuration", func(t *testing.T) {
		// Without a success of the owner: never more than MaxInARow in Memory, of
		// which a month has a part.
		cfg := guessesConfig(Config{})
		if cfg.Max != 0 || cfg.MaxInARow != 0 || cfg.Memory != 0 || cfg.Lockout != 0 {
			t.Fatal("the limit of guesses is not the default of throttle, which is computed with here")
		}
		if p := chance(throttle.DefaultMaxInARow); p >= 0.01 {
			t.Errorf("without a success of the owner: %.3f %%", 100*p)
		}
		// With as many successes as the owner likes: maxFailures, and then a pause.
		all := failuresConfig(Config{})
		if all.Memory < all.Window || all.Lockout < all.Window {
			t.Fatalf("%+v: there is a way around the limit of failures", all)
		}
		windows := int(month/all.Window) + 1
		if p := chance(windows * all.Max); p >= 0.01 {
			t.Errorf("with successes of the owner: %d guesses, %.3f %%", windows*all.Max, 100*p)
		}
	})
	for name, every := range map[string]time.Duration{"alone": 0, "with an owner who signs in each hour": time.Hour, "with an owner who signs in each 15 minutes": 15 * time.Minute} {
		t.Run("MFA-05 by an attacker "+name, func(t *testing.T) {
			clock := authtest.NewClock(time.Time{})
			start := clock.Now()
			b, err := newBudget(Config{Now: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			guesses, next := 0, start
			for clock.Now().Sub(start) < month {
				var locked *throttle.LockedError
				err := b.try(t.Context(), "17", func(context.Context) error { return ErrCode })
				switch {
				case errors.As(err, &locked):
					// Until the lock ends or the owner comes, whatever is first.
					wait := locked.RetryAfter
					if every > 0 {
						wait = min(wait, every)
					}
					clock.Advance(max(wait, time.Second))
				case errors.Is(err, ErrCode):
					guesses++
				default:
					t.Fatal(err)
				}
				if every > 0 && !clock.Now().Before(next) {
					_ = b.try(t.Context(), "17", func(context.Context) error { return nil })
					next = clock.Now().Add(every)
				}
			}
			if p := chance(guesses); p >= 0.01 {
				t.Errorf("%d guesses in a month: %.3f %%", guesses, 100*p)
			}
			t.Logf("%d guesses in a month: %.3f %%", guesses, 100*chance(guesses))
			if guesses < 20 {
				t.Errorf("the attacker had %d guesses only: the test does not play them", guesses)
			}
		})
	}
}

func TestBudget(t *testing.T) {
	prove := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	attempts := func(t *testing.T, b *budget, err error, n int) (admitted int) {
		t.Helper()
		for range n {
			called := false
			_ = b.try(t.Context(), "17", func(context.Context) error { called = true; return err })
			if called {
				admitted++
			}
		}
		return admitted
	}
	fresh := func(t *testing.T) *budget {
		t.Helper()
		b, err := newBudget(Config{Now: authtest.NewClock(time.Time{}).Now})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Run("MFA-05 five wrong attempts and no more", func(t *testing.T) {
		if n := attempts(t, fresh(t), ErrCode, 100); n != throttle.DefaultMax {
			t.Errorf("%d attempts were admitted, want %d", n, throttle.DefaultMax)
		}
	})
	t.Run("I8 what could not be decided is not counted", func(t *testing.T) {
		b := fresh(t)
		for _, err := range []error{unavailable("find", errors.New("down")), ErrNotEnrolled, ErrEnrolment, errors.New("a fault")} {
			if n := attempts(t, b, err, 150); n != 150 {
				t.Errorf("%v: %d attempts of 150 were admitted", err, n)
			}
		}
	})
	t.Run("a wrong code is counted whatever else is wrong", func(t *testing.T) {
		if n := attempts(t, fresh(t), errors.Join(unavailable("find", errors.New("down")), ErrCode), 100); n != throttle.DefaultMax {
			t.Errorf("%d attempts were admitted, want %d", n, throttle.DefaultMax)
		}
	})
	t.Run("F15 going away early counts", func(t *testing.T) {
		b := fresh(t)
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			_ = b.try(ctx, "17", func(ctx context.Context) error { cancel(); return unavailable("find", ctx.Err()) })
		}
		if n := attempts(t, b, ErrCode, 10); n != 0 {
			t.Errorf("%d attempts were admitted after ten that went away", n)
		}
	})
	t.Run("F16 a panic counts", func(t *testing.T) {
		b := fresh(t)
		for range 5 {
			func() {
				defer func() { _ = recover() }()
				_ = b.try(t.Context(), "17", func(context.Context) error { panic("!") })
			}()
		}
		if n := attempts(t, b, nil, 1); n != 0 {
			t.Error("an attempt was admitted after five that panicked")
		}
	})
	t.Run("a success forgives guesses", func(t *testing.T) {
		b := fresh(t)
		for range 30 {
			if n := attempts(t, b, ErrCode, 2); n != 2 {
				t.Fatal("an owner who mistypes twice each time is locked out")
			}
			if err := b.try(t.Context(), "17", prove(nil)); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("an owner who is wrong now and then is never locked out", func(t *testing.T) {
		clock := authtest.NewClock(time.Time{})
		b, err := newBudget(Config{Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			if err := b.try(t.Context(), "17", prove(ErrCode)); !errors.Is(err, ErrCode) {
				t.Fatalf("failure %d: %v", i, err)
			}
			if err := b.try(t.Context(), "17", prove(nil)); err != nil {
				t.Fatalf("success %d: %v", i, err)
			}
			clock.Advance(20 * time.Hour)
		}
	})
	t.Run("MFA-05 and does not forgive failures", func(t *testing.T) {
		b := fresh(t)
		failed := 0
		for range 200 {
			failed += attempts(t, b, ErrCode, 2)
			_ = b.try(t.Context(), "17", prove(nil))
		}
		if failed != maxFailures {
			t.Errorf("%d failures, want %d", failed, maxFailures)
		}
		m := &Manager{budget: b}
		if err := m.Unlock(t.Context(), "17"); err != nil {
			t.Fatal(err)
		}
		if err := b.try(t.Context(), "17", prove(nil)); err != nil {
			t.Errorf("after Unlock: %v", err)
		}
	})
	t.Run("F13 what is refused counts as no failure, also while nothing can be taken back", func(t *testing.T) {
		clock := authtest.NewClock(time.Time{})
		memory, err := throttle.NewMemoryStore(throttle.MemoryConfig{Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		b, err := newBudget(Config{Now: clock.Now, Throttle: keepsAll{memory}})
		if err != nil {
			t.Fatal(err)
		}
		if n := attempts(t, b, ErrCode, 3*maxFailures); n != throttle.DefaultMax {
			t.Errorf("%d attempts were admitted", n)
		}
		clock.Advance(throttle.DefaultLockout)
		if err := b.try(t.Context(), "17", prove(nil)); err != nil {
			t.Errorf("after the lock of %s: %v", throttle.DefaultLockout, err)
		}
	})
	t.Run("other subjects are not touched", func(t *testing.T) {
		b := fresh(t)
		attempts(t, b, ErrCode, 10)
		if err := b.try(t.Context(), "18", prove(nil)); err != nil {
			t.Error(err)
		}
	})
}

// keepsAll is a store that takes nothing back.
type keepsAll struct{ throttle.Store }

func (keepsAll) Cancel(context.Context, throttle.Key, throttle.Ticket) error {
	return errors.New("down")
}
