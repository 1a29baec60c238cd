package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
)

var cancelCases = []testCase{
	{"an attempt that is taken back was none", "a queue that is full locks users out", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max, rule.MaxInARow = 2, 2
		for range 10 {
			c := admitted(t, s, key, rule)
			ok(t, "Cancel", s.Cancel(t.Context(), key, c.Ticket))
		}
		admitted(t, s, key, rule)
		for range 10 {
			c := admitted(t, s, key, rule)
			if c.Wait == 0 || !c.Exhausted {
				t.Fatalf("the last attempt: %+v", c)
			}
			refused(t, s, key, rule)
			ok(t, "Cancel", s.Cancel(t.Context(), key, c.Ticket))
		}
		rule.MaxInARow = 100
		near(t, "the first lock", admitted(t, s, key, rule).Wait, rule.Lockout)
	}},
	{"F03 a Cancel that comes again takes nothing more back", "a lost answer gives an attacker a guess", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max = 3
		admitted(t, s, key, rule)
		c := admitted(t, s, key, rule)
		for range 5 {
			ok(t, "Cancel", s.Cancel(t.Context(), key, c.Ticket))
		}
		admitted(t, s, key, rule)
		ok(t, "Cancel", s.Cancel(t.Context(), key, c.Ticket))
		admitted(t, s, key, rule)
		ok(t, "Cancel", s.Cancel(t.Context(), key, c.Ticket))
		ok(t, "Forgive", s.Forgive(t.Context(), key, c.Ticket))
		refused(t, s, key, rule)
	}},
	{"a Cancel after Forgive or Reset takes nothing back", "an attempt that was forgiven is forgiven twice", func(t *testing.T, s throttle.Store) {
		rule := newRule()
		rule.Max = 2
		for name, clear := range map[string]func(throttle.Key, throttle.Ticket) error{
			"Forgive": func(k throttle.Key, ticket throttle.Ticket) error { return s.Forgive(t.Context(), k, ticket) },
			"Reset":   func(k throttle.Key, _ throttle.Ticket) error { return s.Reset(t.Context(), k) },
		} {
			key := newKey()
			early := admitted(t, s, key, rule)
			ok(t, name, clear(key, admitted(t, s, key, rule).Ticket))
			admitted(t, s, key, rule)
			ok(t, "Cancel", s.Cancel(t.Context(), key, early.Ticket))
			admitted(t, s, key, rule)
			ok(t, "Cancel", s.Cancel(t.Context(), key, early.Ticket))
			refused(t, s, key, rule)
		}
	}},
	{"a Cancel from an earlier window leaves this one alone", "a slow request gives an attacker a guess", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max, rule.Window, rule.MaxInARow = 3, 50*time.Millisecond, 4
		slow := admitted(t, s, key, rule)
		wait(t, 70*time.Millisecond)
		rule.Window = time.Minute
		admitted(t, s, key, rule)
		admitted(t, s, key, rule)
		ok(t, "Cancel", s.Cancel(t.Context(), key, slow.Ticket))
		if c := admitted(t, s, key, rule); c.Wait == 0 || c.Exhausted {
			t.Fatalf("the third attempt of the window, and of all: %+v", c)
		}
		refused(t, s, key, rule)
	}},
}

var raceCases = []testCase{
	{"RLT-03 P06 of many at once exactly as many are admitted as may be", "guesses that are sent together race past the limit", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		var passed, locks atomic.Int64
		race(t, func(int) error {
			c, err := s.Take(t.Context(), key, rule)
			if c.Admitted {
				passed.Add(1)
				if c.Wait > 0 {
					locks.Add(1)
				}
			}
			return err
		})
		if passed.Load() != int64(rule.Max) || locks.Load() != 1 {
			t.Fatalf("%d attempts are admitted, want %d; %d of them have locked, want 1", passed.Load(), rule.Max, locks.Load())
		}
	}},
	{"attempts that come and are taken back at once leave nothing behind", "a busy office locks itself out by logins that succeed", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), throttle.Rule{Max: racers, Window: time.Hour}
		race(t, func(int) error {
			for range 3 {
				c, err := s.Take(t.Context(), key, rule)
				if err != nil {
					return err
				}
				if !c.Admitted {
					t.Error("refused")
				}
				if err := s.Cancel(t.Context(), key, c.Ticket); err != nil {
					return err
				}
			}
			return nil
		})
		rule.Max = 2
		if c := admitted(t, s, key, rule); c.Wait > 0 {
			t.Fatalf("something is left: %+v", c)
		}
	}},
	{"of many Forgives of one success, none forgives what comes after it", "failures are forgotten", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		success := admitted(t, s, key, rule)
		ok(t, "Forgive", s.Forgive(t.Context(), key, success.Ticket))
		var passed atomic.Int64
		race(t, func(i int) error {
			if i%2 == 0 {
				return s.Forgive(t.Context(), key, success.Ticket)
			}
			c, err := s.Take(t.Context(), key, rule)
			if c.Admitted {
				passed.Add(1)
			}
			return err
		})
		if n := passed.Load(); n != int64(rule.Max) {
			t.Fatalf("%d attempts are admitted, want %d", n, rule.Max)
		}
	}},
}

var contextCases = []testCase{
	{"F15 a context that is over is obeyed, and nothing is done", "requests pile up behind a slow database", func(t *testing.T, s throttle.Store) {
		key, rule, ctx := newKey(), newRule(), cancelled(t)
		rule.Max = 2
		if c, err := s.Take(ctx, key, rule); err == nil || c.Admitted {
			t.Fatalf("Take with a cancelled context: %+v, %v", c, err)
		}
		first := admitted(t, s, key, rule)
		for doing, err := range map[string]error{
			"Forgive": s.Forgive(ctx, key, first.Ticket),
			"Cancel":  s.Cancel(ctx, key, first.Ticket),
			"Reset":   s.Reset(ctx, key),
		} {
			if err == nil {
				t.Errorf("%s with a cancelled context: no error", doing)
			}
		}
		if c := admitted(t, s, key, rule); c.Wait == 0 {
			t.Fatal("something was forgiven")
		}
		refused(t, s, key, rule)
	}},
}
