package throttle_test

import (
	"testing"

	"github.com/go-sallyport/auth/password/throttle"
)

func TestAttemptTwice(t *testing.T) {
	for name, again := range map[string]func(a *throttle.Attempt) error{
		"Cancel":  func(a *throttle.Attempt) error { return a.Cancel(t.Context()) },
		"Succeed": func(a *throttle.Attempt) error { return a.Succeed(t.Context()) },
	} {
		t.Run("RLT-03 an attempt is taken back once, however often and in whatever order that is asked for: "+name, func(t *testing.T) {
			l := newLimiter(t, nil, throttle.Config{Max: 5})
			var all []*throttle.Attempt
			for range 4 {
				a, err := l.Begin(t.Context(), "alice", "192.0.2.1")
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, a)
			}
			// Two fail, two are taken back, again and again.
			for range 5 {
				for _, a := range all[2:] {
					if err := a.Cancel(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, a := range all[2:] {
				if err := again(a); err != nil {
					t.Fatal(err)
				}
			}
			admitted := 0
			for range 10 {
				if _, err := l.Begin(t.Context(), "alice", "192.0.2.1"); err == nil {
					admitted++
				}
			}
			if admitted != 3 {
				t.Errorf("%d more are admitted, want 3", admitted)
			}
		})
	}
}
