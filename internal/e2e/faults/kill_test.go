package faults

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// A victim is an operation in the middle of which its process dies.
type victim struct {
	name string
	// do sends the request. It may get no answer.
	do func() (*running.Answer, error)
	// check looks at what is left, on another process. The answer is nil if there was none.
	check func(t *testing.T, srv *running.Server, a *running.Answer)
}

// trip is what each way to a store and back takes while processes are killed, so that
// the moments between two steps are as long as the steps.
const trip = 20 * time.Millisecond

// TestKill kills a process while it does one of each: a login, a sign-out, a rotation, a
// password reset, an enrolment, a link and new recovery codes.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 3
	if running.Long() {
		rounds = 70
	}
	s := newStage(t)
	idp := oauthtest.New(t, oauthtest.Config{SkipConsent: true})
	o := running.Options{Env: []string{"OIDC_ISSUER=" + idp.URL, "OIDC_CLIENT_ID=" + oauthtest.ClientID, "OIDC_CLIENT_SECRET=" + oauthtest.ClientSecret}}
	corpus.Case(t, "F14", fmt.Sprintf("kill -9 at %d moments of a login, sign-out, rotation, reset, enrolment, link and new recovery codes", rounds),
		"after the restart nothing is both spent and good, and what was answered holds", func(t *testing.T) {
			answered := map[string]int{}
			srv := s.start(t, o)
			for round := range rounds {
				s.Redis.FlushAll() // registrations are limited
				victims := s.victims(t, srv, idp, round)
				s.redis.Latency(trip)
				s.db.Latency(trip)
				answers := make([]*running.Answer, len(victims))
				came := make(chan struct{}, len(victims))
				var doing sync.WaitGroup
				for i, v := range victims {
					doing.Go(func() {
						if a, err := v.do(); err == nil && a.StatusCode < 500 {
							answers[i] = a
						}
						came <- struct{}{}
					})
				}
				// By the number of answers, since time says little on a machine that has
				// other things to do.
				for range round * 3 % len(victims) {
					<-came
				}
				<-time.After(rand.N(4 * trip))
				srv.Kill()
				doing.Wait()
				s.redis.Pass()
				s.db.Pass()
				srv = s.start(t, o)
				for i, v := range victims {
					if answers[i] != nil {
						answered[v.name]++
					}
					t.Run(fmt.Sprintf("I2 I3 %s, round %d", v.name, round), func(t *testing.T) { v.check(t, srv, answers[i]) })
				}
			}
			t.Logf("of %d rounds were answered: %v", rounds, answered)
			all := 0
			for _, n := range answered {
				all += n
			}
			if all == 0 || all == 7*rounds {
				t.Errorf("%d of %d requests were answered: the kills were all too early or too late", all, 7*rounds)
			}
		})
}

// victims prepares one of each, with a user of its own.
func (s *stage) victims(t *testing.T, srv *running.Server, idp *oauthtest.Server, round int) []victim {
	t.Helper()
	email := func(what string) string { return fmt.Sprintf("%s%d@example.com", what, round) }
	for _, what := range []string{"login", "logout", "rotate"} {
		srv.Register(t, email(what), words)
	}
	return []victim{
		s.killLogin(t, srv, email("login")),
		s.killLogout(t, srv, email("logout")),
		s.killRotation(t, srv, email("rotate")),
		s.killReset(t, srv, email("reset")),
		s.killEnrolment(t, srv, email("enrol")),
		s.killLink(t, srv, idp, email("link")),
		s.killNewCodes(t, srv, email("codes")),
	}
}
