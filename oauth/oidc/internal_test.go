package oidc

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// TestReplayIsBounded: what was used is forgotten when it has expired, and a provider
// that is mad is refused before memory is.
func TestReplayIsBounded(t *testing.T) {
	s, now := newReplay(), time.Now()
	use := func(id int) error {
		done, err := s.begin(&LogoutToken{Issuer: "i", ID: strconv.Itoa(id)}, now, now.Add(time.Minute))
		if err == nil {
			done(true)
		}
		return err
	}
	for id := range 20 * firstSweep {
		if err := use(id); err != nil {
			t.Fatal(err)
		}
		if now = now.Add(time.Second); len(s.until) > 2*firstSweep {
			t.Fatalf("I5 %d are kept", len(s.until))
		}
	}
	if err := use(20*firstSweep - 30); !errors.Is(err, ErrLogoutToken) {
		t.Errorf("OID-10 one of half a minute ago: %v", err)
	}
	for id := -1; len(s.until) < maxUsed; id-- {
		if err := use(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := use(1_000_000); problem.From(err).Status != http.StatusServiceUnavailable || len(s.until) > maxUsed {
		t.Errorf("I5 one too many: %v, %d", err, len(s.until))
	}
	now = now.Add(2 * time.Minute)
	if err := use(1_000_000); err != nil || len(s.until) != 1 {
		t.Errorf("when all have expired: %v, %d", err, len(s.until))
	}
}
