package storetest

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/jwtauth"
)

// RunEpochs holds the stores that newStore returns to the contract of
// jwtauth.EpochStore. They may share a database: subjects are random.
func RunEpochs(t *testing.T, newStore func(t *testing.T) jwtauth.EpochStore) {
	// In the future, since a store may have an epoch for everybody: when it began.
	base := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	t.Run("a subject without an epoch has none that refuses a new token", func(t *testing.T) {
		s := newStore(t)
		if epoch := epochOf(t, s, newSubject()); !epoch.Before(time.Now()) {
			t.Errorf("%v", epoch)
		}
	})
	t.Run("JWT-19 an epoch moves forward and never back", func(t *testing.T) {
		s, subject := newStore(t), newSubject()
		for _, c := range []struct{ at, want time.Duration }{{0, 0}, {0, 0}, {time.Second, time.Second}, {time.Minute, time.Minute}, {time.Second, time.Minute}, {-time.Hour, time.Minute}} {
			ok(t, "Advance", s.Advance(t.Context(), subject, base.Add(c.at)))
			if epoch := epochOf(t, s, subject); !epoch.Equal(base.Add(c.want)) {
				t.Fatalf("after %s: %v, want %v", c.at, epoch, base.Add(c.want))
			}
		}
	})
	t.Run("subjects are told apart byte by byte", func(t *testing.T) {
		s, subject := newStore(t), newSubject()
		ok(t, "Advance", s.Advance(t.Context(), subject, base))
		long := strings.Repeat(subject, 100)
		for _, other := range []string{strings.ToLower(subject), subject + " ", " " + subject, subject + "\x00", subject + "Ä", long} {
			if epoch := epochOf(t, s, other); epoch.Equal(base) {
				t.Errorf("%q has the epoch of another", other)
			}
		}
		ok(t, "Advance", s.Advance(t.Context(), long, base))
		if epoch := epochOf(t, s, long); !epoch.Equal(base) {
			t.Errorf("a long subject: %v", epoch)
		}
	})
	t.Run("of many that advance at once, the latest is what stays", func(t *testing.T) {
		s, subject := newStore(t), newSubject()
		const callers = 64
		var wg sync.WaitGroup
		for _, i := range mathrand.Perm(callers) {
			wg.Go(func() {
				if err := s.Advance(t.Context(), subject, base.Add(time.Duration(i)*time.Second)); err != nil {
					t.Errorf("Advance: %v", err)
				}
				if epoch, err := s.Epoch(t.Context(), subject); err != nil || epoch.Before(base.Add(time.Duration(i)*time.Second)) {
					t.Errorf("Epoch after Advance: %v, %v", epoch, err)
				}
			})
		}
		wg.Wait()
		if epoch := epochOf(t, s, subject); !epoch.Equal(base.Add((callers - 1) * time.Second)) {
			t.Errorf("%v", epoch)
		}
	})
}

func newSubject() string { return "U-" + rand.Text() }

func epochOf(t *testing.T, s jwtauth.EpochStore, subject string) time.Time {
	t.Helper()
	epoch, err := s.Epoch(t.Context(), subject)
	ok(t, "Epoch", err)
	return epoch
}
