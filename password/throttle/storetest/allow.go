package storetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
)

var allowCases = []testCase{
	{"RLT-01 of many requests at once, exactly as many are admitted as may be", "a limit that is not one under load", func(t *testing.T, s throttle.Store) {
		const limit = 20
		key := newKey()
		var passed, last atomic.Int64
		race(t, func(int) error {
			c, err := s.Allow(t.Context(), key, limit, time.Hour)
			if c.Admitted {
				passed.Add(1)
				if c.Wait > 0 {
					last.Add(1)
				}
			} else if err == nil && c.Wait <= 0 {
				t.Error("refused without a time")
			}
			return err
		})
		if passed.Load() != limit || last.Load() != 1 {
			t.Fatalf("%d requests are admitted, want %d; %d of them are the last, want 1", passed.Load(), limit, last.Load())
		}
	}},
	{"RLT-03 a refused request is told how long the window lasts, and does not prolong it", "clients that are refused once stay refused", func(t *testing.T, s throttle.Store) {
		within(t, 150*time.Millisecond, func(window time.Duration) bool {
			key := newKey()
			for range 2 {
				start := time.Now()
				if c := allowed(t, s, key, 2, window); !c.Admitted || c.Wait != 0 {
					t.Fatalf("the first request: %+v", c)
				}
				last := allowed(t, s, key, 2, window)
				var more [3]throttle.Count
				for i := range more {
					more[i] = allowed(t, s, key, 2, window)
				}
				if time.Since(start) >= window/5 {
					return false
				}
				if !last.Admitted {
					t.Fatalf("the last request: %+v", last)
				}
				near(t, "the last request", last.Wait, window)
				for _, c := range more {
					if c.Admitted {
						t.Fatalf("one more: %+v", c)
					}
					near(t, "one more", c.Wait, window)
				}
				wait(t, window+10*time.Millisecond)
			}
			return true
		})
	}},
	{"the largest limit is one", "a count that runs over forgives everything", func(t *testing.T, s throttle.Store) {
		key := newKey()
		for range 70 {
			if c := allowed(t, s, key, throttle.MaxRequests, time.Hour); !c.Admitted {
				t.Fatalf("%+v", c)
			}
		}
		if c := allowed(t, s, key, 70, time.Hour); c.Admitted {
			t.Fatalf("by a smaller limit: %+v", c)
		}
	}},
	{"Reset forgets requests", "an operator cannot help", func(t *testing.T, s throttle.Store) {
		key := newKey()
		allowed(t, s, key, 1, time.Hour)
		ok(t, "Reset", s.Reset(t.Context(), key))
		if c := allowed(t, s, key, 1, time.Hour); !c.Admitted {
			t.Fatalf("%+v", c)
		}
	}},
	{"F03 a request whose context is over is refused", "a client that hangs up is not counted", func(t *testing.T, s throttle.Store) {
		if c, err := s.Allow(cancelled(t), newKey(), 5, time.Hour); err == nil || c.Admitted {
			t.Fatalf("%+v, %v", c, err)
		}
	}},
}

// allowed counts a request.
func allowed(t *testing.T, s throttle.Store, key throttle.Key, limit int, window time.Duration) throttle.Count {
	t.Helper()
	c, err := s.Allow(t.Context(), key, limit, window)
	if err != nil {
		t.Fatalf("Allow: %v", err)
	}
	return c
}
