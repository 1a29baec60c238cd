package oidc

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/problem"
)

// maxUsed bounds the logout tokens of a few minutes that are remembered. Only the
// provider can make them, so this is for one that is broken.
const maxUsed = 100_000

// A replay remembers which logout tokens were used. A token counts as used when it has
// had its effect: one whose effect failed may come again, as the other way round a
// sign-out would be lost.
type replay struct {
	mu    sync.Mutex
	until map[secret.Handle]time.Time
	sweep int // the size at which what has expired is looked for
}

const firstSweep = 1024

func newReplay() *replay {
	return &replay{until: make(map[secret.Handle]time.Time), sweep: firstSweep}
}

// begin notes that t is being used; done says whether it was.
func (s *replay) begin(t *LogoutToken, now, until time.Time) (done func(used bool), err error) {
	id := secret.HandleOf(t.Issuer + "\n" + t.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if end, there := s.until[id]; there && now.Before(end) {
		return nil, fmt.Errorf("%w: it has been used", ErrLogoutToken)
	}
	if len(s.until) >= s.sweep {
		for other, end := range s.until {
			if !now.Before(end) {
				delete(s.until, other)
			}
		}
		s.sweep = min(max(2*len(s.until), firstSweep), maxUsed)
	}
	if len(s.until) >= maxUsed {
		return nil, problem.Wrap(problem.Unavailable, errors.New("oidc: too many logout tokens"))
	}
	s.until[id] = until
	return func(used bool) {
		if !used {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.until, id)
		}
	}, nil
}
