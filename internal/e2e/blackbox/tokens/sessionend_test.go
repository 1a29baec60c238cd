package tokens_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestSignOutDuringRequests(t *testing.T) {
	t.Parallel()
	b := running.On(t, "PostgreSQL", redistest.Start(t))
	fast := open(t, b, running.Options{})
	database, err := url.Parse(b.DB.URL())
	if err != nil || database.Hostname() == "" {
		t.Fatalf("%s has no host that a proxy could stand before", b.DB.URL())
	}
	proxy := faultproxy.New(t, database.Host)
	database.Host = proxy.Addr()
	slow := open(t, b, running.Options{DB: database.String()})
	fast.user(t, alice)

	corpus.Case(t, "S04", "while requests of a process hang behind the loading of their session, one of them with a step-up, the session is signed out at another process (SES-07); other settings of the idle time are in the tests of the package", "the id is dead for ever, and no answer brings another", func(t *testing.T) {
		c, cookie := fast.session(t, alice)
		c.At(slow.Server).Want(t, c.At(slow.Server).Call(t, "GET", profile, nil), 200)
		proxy.Stall()
		var wg sync.WaitGroup
		var mu sync.Mutex
		given := []string{cookie}
		send := func(method, path, body string) {
			wg.Go(func() {
				at := slow.stranger()
				h := cookies("session=" + cookie)
				h.Set("Content-Type", "application/json")
				a, err := at.Try(t, method, path, h, strings.NewReader(body))
				if err != nil {
					t.Errorf("%s: %v", path, err)
					return
				}
				if k := a.Cookie("session"); k != nil && k.Value != "" {
					mu.Lock()
					defer mu.Unlock()
					given = append(given, k.Value)
				}
			})
		}
		for range 8 {
			send("GET", profile, "")
			send("GET", "/api/v1/sessions", "")
		}
		send("POST", "/api/v1/auth/change-password", `{"current_password":"`+password+`","password":"`+password+`"}`)
		time.Sleep(300 * time.Millisecond) // they load their session, and ask PostgreSQL for the user
		c.Want(t, c.Call(t, "POST", logout, nil), 204)
		fast.dead(t, cookie)
		proxy.Pass()
		wg.Wait()
		for _, id := range given {
			fast.dead(t, id)
			slow.dead(t, id)
		}
	})
}

func TestEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		s.user(t, alice)
		s.user(t, bob)

		corpus.Case(t, "SES-16", "list one's sessions, end one, end all others", "each is dead at the next request, at another process as well", func(t *testing.T) {
			other := open(t, s.backend, running.Options{})
			phone, _ := s.session(t, alice)
			_, lost := s.session(t, alice)
			laptop, cookie := s.session(t, alice)
			id := func(current bool) (ids []string) {
				list, _ := phone.Want(t, phone.Call(t, "GET", "/api/v1/sessions", nil), 200).JSON("data").([]any)
				for _, v := range list {
					if m := v.(map[string]any); m["current"] == current {
						ids = append(ids, m["id"].(string))
					}
				}
				return ids
			}
			if len(id(true)) != 1 || len(id(false)) != 2 {
				t.Fatalf("%v and %v", id(true), id(false))
			}
			for _, public := range append(id(true), id(false)...) {
				s.dead(t, public) // what names a session opens nothing
			}
			before := id(false)
			phone.Want(t, phone.Call(t, "DELETE", "/api/v1/sessions/"+before[0], nil), 204)
			if alive := len(id(false)); alive != 1 {
				t.Errorf("%d others are left", alive)
			}
			phone.Want(t, phone.Call(t, "DELETE", "/api/v1/sessions", nil), 204)
			for _, k := range []string{lost, cookie} {
				other.dead(t, k)
			}
			problem(t, laptop.Call(t, "GET", profile, nil), 401)
			phone.Want(t, phone.At(other.Server).Call(t, "GET", profile, nil), 200)
		})

		corpus.Case(t, "X-S3", "bob ends a session of alice by its public id, and asks for ids that are paths and globs", "nothing of alice's ends", func(t *testing.T) {
			victim, _ := s.session(t, alice)
			list, _ := victim.Want(t, victim.Call(t, "GET", "/api/v1/sessions", nil), 200).JSON("data").([]any)
			thief, _ := s.session(t, bob)
			for _, v := range list {
				thief.Call(t, "DELETE", "/api/v1/sessions/"+v.(map[string]any)["id"].(string), nil)
			}
			for _, id := range []string{"*", "%2A", "..%2F", "%00", "x"} {
				if a := thief.Call(t, "DELETE", "/api/v1/sessions/"+id, nil); a.StatusCode >= 500 {
					t.Errorf("%s: %d", id, a.StatusCode)
				}
			}
			victim.Want(t, victim.Call(t, "GET", profile, nil), 200)
			thief.Want(t, thief.Call(t, "GET", profile, nil), 200)
		})

		corpus.Case(t, "SES-17", "a user with a session and tokens is disabled, enabled, deleted", "401 from the next request on; the deleted one is gone", func(t *testing.T) {
			c, cookie := s.session(t, bob)
			_, access := s.family(t, bob)
			s.disable(t, bob, true)
			problem(t, c.Call(t, "GET", profile, nil), 401)
			problem(t, s.with(t, "GET", profile, bearer(access)), 401)
			s.disable(t, bob, false)
			s.alive(t, cookies("session="+cookie))
			if a := c.Post(t, "/account/delete", map[string][]string{"password": {password}}); a.StatusCode != 303 {
				t.Fatalf("%d %s", a.StatusCode, a.Text)
			}
			s.dead(t, cookie)
			problem(t, s.with(t, "GET", profile, bearer(access)), 401)
		})

		corpus.Case(t, "S12", "24 sign-ins run while all other sessions are ended", "every session from before is dead, and the one that did it lives", func(t *testing.T) {
			keeper, _ := s.session(t, alice)
			const workers, each = 4, 6
			var mu sync.Mutex
			given := make(map[string]time.Time)
			var all sync.WaitGroup
			early := make(chan struct{}, workers*each)
			for range workers {
				all.Go(func() {
					for range each {
						c := s.stranger()
						a, err := c.Try(t, "POST", login, http.Header{"Content-Type": {"application/json"}}, strings.NewReader(`{"email":"`+alice+`","password":"`+password+`"}`))
						if err != nil || a.StatusCode != 200 {
							t.Errorf("a sign-in: %v", err)
						} else {
							mu.Lock()
							given[a.Cookie("session").Value] = time.Now()
							mu.Unlock()
						}
						early <- struct{}{}
					}
				})
			}
			for range 10 {
				<-early
			}
			sent := time.Now()
			keeper.Want(t, keeper.Call(t, "DELETE", "/api/v1/sessions", nil), 204)
			all.Wait()
			older := 0
			for cookie, at := range given {
				if at.Before(sent) {
					older++
					s.dead(t, cookie)
				}
			}
			if older < 10 {
				t.Errorf("only %d were older", older)
			}
			keeper.Want(t, keeper.Call(t, "GET", profile, nil), 200)
		})
	})
}

func TestMostSessions(t *testing.T) {
	t.Parallel()
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	s.user(t, alice)
	corpus.Case(t, "SES-24", "one sign-in more than the 100 that a user may have", "the session with the oldest sign-in is dead, all others live", func(t *testing.T) {
		_, oldest := s.session(t, alice)
		_, second := s.session(t, alice)
		for range 98 {
			c := s.stranger()
			c.Want(t, c.Call(t, "POST", login, running.Credentials(alice, password)), 200)
		}
		s.alive(t, cookies("session="+oldest))
		latest, _ := s.session(t, alice)
		s.dead(t, oldest)
		s.alive(t, cookies("session="+second))
		if list, _ := latest.Call(t, "GET", "/api/v1/sessions", nil).JSON("data").([]any); len(list) != 100 {
			t.Errorf("%d sessions", len(list))
		}
	})
}
