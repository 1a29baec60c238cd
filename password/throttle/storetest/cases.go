package storetest

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
)

var takeCases = []testCase{
	{"RLT-01 as many are admitted as may be, and the next is refused", "guessing has no end", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		for i := range rule.Max {
			c := admitted(t, s, key, rule)
			if last := i == rule.Max-1; last != (c.Wait > 0) || c.Exhausted {
				t.Fatalf("attempt %d of %d: %+v", i+1, rule.Max, c)
			} else if last {
				near(t, "the lock", c.Wait, rule.Lockout)
			}
		}
		for range 3 {
			c := refused(t, s, key, rule)
			near(t, "the lock", c.Wait, rule.Lockout)
			if c.Exhausted {
				t.Fatal("exhausted")
			}
		}
	}},
	{"keys and names do not share a count", "one user locks out another", func(t *testing.T, s throttle.Store) {
		rule := newRule()
		rule.Max = 1
		text := newKey().String()
		a, b, c := throttle.NewKey("a", text), throttle.NewKey("a", text+"x"), throttle.NewKey("b", text)
		for _, key := range []throttle.Key{a, b, c} {
			admitted(t, s, key, rule)
		}
		refused(t, s, throttle.NewKey("a", text), rule)
	}},
	{"a window ends", "few mistakes in a long time lock a user out", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max, rule.Window = 3, 80*time.Millisecond
		admitted(t, s, key, rule)
		admitted(t, s, key, rule)
		wait(t, 100*time.Millisecond)
		admitted(t, s, key, rule)
		admitted(t, s, key, rule)
		admitted(t, s, key, rule)
		refused(t, s, key, rule)
	}},
	{"RLT-08 a refused attempt prolongs nothing", "a client that tries again never gets in", func(t *testing.T, s throttle.Store) {
		within(t, 120*time.Millisecond, func(lock time.Duration) bool {
			key, rule := newKey(), newRule()
			rule.Max, rule.Lockout, rule.MaxLockout = 1, lock, lock
			start := time.Now()
			admitted(t, s, key, rule)
			for range 4 {
				c, err := s.Take(t.Context(), key, rule)
				if time.Since(start) >= lock {
					return false
				}
				if err != nil || c.Admitted {
					t.Fatalf("Take: %+v, %v; want an attempt that is refused", c, err)
				}
				wait(t, lock/6)
			}
			wait(t, lock/2)
			admitted(t, s, key, rule)
			return true
		})
	}},
	{"RLT-02 locks grow, and not without end", "an attacker who waits has as many guesses every day", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max, rule.Lockout, rule.MaxLockout = 1, 40*time.Millisecond, 150*time.Millisecond
		for _, want := range []time.Duration{40, 80, 150, 150} {
			want *= time.Millisecond
			near(t, "the lock", admitted(t, s, key, rule).Wait, want)
			wait(t, want+10*time.Millisecond)
		}
		rule.Lockout, rule.MaxLockout = time.Hour, 24*time.Hour
		near(t, "the fifth lock", admitted(t, s, key, rule).Wait, 16*time.Hour)
	}},
	{"after a lock there is a whole window", "one mistake after a lock begins the next one", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max, rule.Lockout, rule.MaxLockout = 2, 40*time.Millisecond, 40*time.Millisecond
		for range 3 {
			admitted(t, s, key, rule)
			if c := admitted(t, s, key, rule); c.Wait == 0 {
				t.Fatal("the last attempt of a window does not lock")
			}
			refused(t, s, key, rule)
			wait(t, 60*time.Millisecond)
		}
	}},
	{"without a Lockout the lock ends with the window, and the key is forgotten", "requests that are only counted are locked out for days", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), throttle.Rule{Max: 2, Window: 100 * time.Millisecond}
		for range 2 {
			admitted(t, s, key, rule)
			wait(t, 30*time.Millisecond)
			c := admitted(t, s, key, rule)
			if c.Wait > 80*time.Millisecond || c.Wait == 0 {
				t.Fatalf("locked for %s, want what is left of the window", c.Wait)
			}
			refused(t, s, key, rule)
			wait(t, 90*time.Millisecond)
		}
	}},
}

var rowCases = []testCase{
	{"RLT-02 failures in a row have an end, however slow they are", "an attacker who is patient guesses for ever", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max, rule.Window, rule.MaxInARow = 3, 40*time.Millisecond, 5
		for range 2 {
			admitted(t, s, key, rule)
			if c := admitted(t, s, key, rule); c.Wait > 0 || c.Exhausted {
				t.Fatalf("%+v", c)
			}
			wait(t, 60*time.Millisecond)
		}
		c := admitted(t, s, key, rule)
		if !c.Exhausted {
			t.Fatalf("the last attempt of all: %+v", c)
		}
		near(t, "the lock", c.Wait, rule.Until(5))
		wait(t, 60*time.Millisecond)
		if c = refused(t, s, key, rule); !c.Exhausted {
			t.Fatalf("%+v", c)
		}
		near(t, "the lock", c.Wait, 16*24*time.Hour)
		ok(t, "Reset", s.Reset(t.Context(), key))
		if c = admitted(t, s, key, rule); c.Exhausted {
			t.Fatalf("after Reset: %+v", c)
		}
	}},
	{"a key is forgotten in the end", "a store fills up with what strangers have typed", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max, rule.Window, rule.Memory = 5, 60*time.Millisecond, 60*time.Millisecond
		rule.MaxInARow = 2
		admitted(t, s, key, rule)
		admitted(t, s, key, rule)
		refused(t, s, key, rule)
		wait(t, 100*time.Millisecond)
		if c := admitted(t, s, key, rule); c.Exhausted {
			t.Fatalf("%+v", c)
		}
	}},
}

var forgiveCases = []testCase{
	{"RLT-03 a success forgives all of the key, and nothing of others", "an owner stays locked out, or an attacker clears the count of his victim", func(t *testing.T, s throttle.Store) {
		victim, own, rule := newKey(), newKey(), newRule()
		rule.Max, rule.Lockout, rule.MaxLockout = 2, 40*time.Millisecond, time.Hour
		admitted(t, s, victim, rule)
		admitted(t, s, own, rule)
		admitted(t, s, own, rule) // locks
		wait(t, 60*time.Millisecond)
		c := admitted(t, s, own, rule)
		ok(t, "Forgive", s.Forgive(t.Context(), own, c.Ticket))
		admitted(t, s, own, rule)
		near(t, "the first lock after a success", admitted(t, s, own, rule).Wait, 40*time.Millisecond)
		admitted(t, s, victim, rule)
		refused(t, s, victim, rule)
	}},
	{"F03 a Forgive that comes again or late changes nothing", "failures since a success are forgotten", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max = 2
		first := admitted(t, s, key, rule)
		for range 2 {
			ok(t, "Forgive", s.Forgive(t.Context(), key, first.Ticket))
		}
		admitted(t, s, key, rule)
		ok(t, "Forgive", s.Forgive(t.Context(), key, first.Ticket))
		admitted(t, s, key, rule)
		ok(t, "Forgive", s.Forgive(t.Context(), key, first.Ticket))
		refused(t, s, key, rule)
	}},
	{"a success is one also if its window has ended meanwhile", "a slow login leaves its owner fewer attempts", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		rule.Max, rule.Window, rule.MaxInARow = 3, 40*time.Millisecond, 3
		slow := admitted(t, s, key, rule)
		wait(t, 60*time.Millisecond)
		admitted(t, s, key, rule)
		ok(t, "Forgive", s.Forgive(t.Context(), key, slow.Ticket))
		admitted(t, s, key, rule)
		admitted(t, s, key, rule)
		admitted(t, s, key, rule)
		refused(t, s, key, rule)
	}},
	{"Forgive, Cancel and Reset of nothing are no errors", "a lost count becomes a fault", func(t *testing.T, s throttle.Store) {
		key, rule := newKey(), newRule()
		for range 2 {
			ok(t, "Forgive", s.Forgive(t.Context(), key, 1))
			ok(t, "Cancel", s.Cancel(t.Context(), key, 1))
			ok(t, "Reset", s.Reset(t.Context(), key))
		}
		rule.Max = 1
		admitted(t, s, key, rule)
		refused(t, s, key, rule)
	}},
}
