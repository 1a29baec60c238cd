package tokens_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// readOnly keeps others from writing to the SQLite file of s, who can go on reading,
// until what it returns is called.
func (s *site) readOnly(t *testing.T) (release func()) {
	t.Helper()
	db := s.backend.DB.Open(t)
	conn, err := db.Conn(t.Context())
	if err == nil {
		_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	}
}

// A store that can be read and not written: what a request needs to know it gets, what
// it wants to change fails, after the seconds for which the store is tried. All requests
// are sent in one such time.
func TestReadOnlyStore(t *testing.T) {
	t.Parallel()
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	for _, email := range []string{alice, bob} {
		s.user(t, email)
	}
	first, _ := s.family(t, alice)
	stolen, _ := s.family(t, bob)
	second, _ := s.successor(t, stolen)
	third, _ := s.successor(t, second)
	browser, cookie := s.session(t, alice)

	var wg sync.WaitGroup
	answers := make(map[string]*running.Answer)
	var mu sync.Mutex
	send := func(name string, c *running.Client, path string, h http.Header, body string) {
		wg.Go(func() {
			a, err := c.Try(t, "POST", path, h, strings.NewReader(body))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[name] = a
		})
	}
	credentials := `{"email":"` + alice + `","password":"` + password + `"}`
	asJSON := http.Header{"Content-Type": {"application/json"}}
	release := s.readOnly(t)
	send("refresh", s.stranger(), refresh, cookies("refresh="+first), "")
	send("reuse", s.stranger(), refresh, cookies("refresh="+stolen), "")
	send("revoke", s.stranger(), revoke, cookies("refresh="+first), "")
	send("logout", browser, logout, nil, "")
	send("login", s.stranger(), login, asJSON, credentials)
	send("token", s.stranger(), signIn, asJSON, credentials)
	wg.Wait()
	release()

	cleared := func(t *testing.T, name, cookie string) {
		t.Helper()
		if c := answers[name].Cookie(cookie); c == nil || c.Value != "" || c.MaxAge >= 0 || c.Path != "/" {
			t.Errorf("the cookie is not cleared: %v", answers[name].Header["Set-Cookie"])
		}
	}
	if len(answers) != 6 {
		t.Fatal("not all were answered")
	}
	corpus.Case(t, "R09", "the store refuses the write of a rotation, of a sign-out, and of the end of a stolen family", "503 and no tokens; then the token is good, and the reuse is still dead", func(t *testing.T) {
		for _, name := range []string{"refresh", "reuse", "revoke"} {
			problem(t, answers[name], 503, "UNAVAILABLE")
		}
		cleared(t, "revoke", "refresh")
		s.successor(t, first)
		s.refuses(t, stolen, third)
	})
	corpus.Case(t, "S05", "the store refuses the write of a sign-out (SES-08)", "503, the cookie is cleared, and the session may still be good, as documented", func(t *testing.T) {
		problem(t, answers["logout"], 503, "UNAVAILABLE")
		cleared(t, "logout", "session")
		s.alive(t, cookies("session="+cookie))
	})
	corpus.Case(t, "S09", "the store refuses the write of a sign-in, for a session and for tokens (SES-20)", "503, no cookie, nothing of the answer that was meant", func(t *testing.T) {
		for _, name := range []string{"login", "token"} {
			a := answers[name]
			problem(t, a, 503, "UNAVAILABLE")
			if strings.Contains(a.Text, alice) || strings.Contains(a.Text, "data") {
				t.Errorf("%s: %s", name, a.Text)
			}
		}
	})
}

// A reply that is lost on the way: from Redis to the server, and from the server to
// the client.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	b := running.On(t, "PostgreSQL", redistest.Start(t))
	proxy := faultproxy.New(t, b.Redis.Addr())
	s := open(t, b, running.Options{Redis: "redis://" + proxy.Addr() + "/0"})
	s.user(t, alice)

	corpus.Case(t, "R08", "the answer to a refresh is lost on the way to the client; each of the first eight replies of Redis to one is lost in turn (RFT-08, RFT-10)", "the repeat gets the one successor; the family lives", func(t *testing.T) {
		first, _ := s.family(t, alice)
		front := faultproxy.New(t, strings.TrimPrefix(s.URL, "http://"))
		c := s.stranger()
		c.Server = &running.Server{URL: "http://" + front.Addr()}
		front.DropReply(1)
		if a, err := c.Try(t, "POST", refresh, cookies("refresh="+first), nil); err == nil {
			t.Fatalf("the answer was not lost: %d", a.StatusCode)
		}
		second, _ := s.successor(t, first)
		if again, _ := s.successor(t, first); again != second {
			t.Error("a second child")
		}
		s.successor(t, second)

		lost := proxy.Faults()
		for k := range 8 {
			first, _ := s.family(t, alice)
			proxy.DropReply(k + 1)
			a := s.rotate(t, first)
			proxy.Pass()
			if a.StatusCode != 200 && a.StatusCode != 503 {
				t.Errorf("reply %d: %d %s", k+1, a.StatusCode, a.Text)
			}
			next, _ := s.successor(t, first)
			if c := a.Cookie("refresh"); a.StatusCode == 200 && c.Value != next {
				t.Errorf("reply %d: a second child", k+1)
			}
			s.successor(t, next)
		}
		if proxy.Faults() == lost {
			t.Error("no reply was lost")
		}
	})

	corpus.Case(t, "RFT-09", "Redis is not there at a refresh, at its sign-out, at a sign-in and at a request with a session", "503 without credentials; when it is back, all is as before", func(t *testing.T) {
		token, _ := s.family(t, alice)
		browser, cookie := s.session(t, alice)
		proxy.Refuse()
		problem(t, s.rotate(t, token), 503)
		problem(t, s.stranger().Send(t, "POST", revoke, cookies("refresh="+token), nil), 503)
		problem(t, s.stranger().Call(t, "POST", login, running.Credentials(alice, password)), 503)
		problem(t, browser.Call(t, "GET", profile, nil), 503)
		a := browser.Call(t, "POST", logout, nil)
		problem(t, a, 503)
		if c := a.Cookie("session"); c == nil || c.MaxAge >= 0 {
			t.Errorf("the cookie is not cleared: %v", a.Header["Set-Cookie"])
		}
		proxy.Pass()
		for end := time.Now().Add(soon); time.Now().Before(end) && browser.Call(t, "GET", "/healthz", nil).StatusCode != 200; {
			<-time.After(50 * time.Millisecond) // the pool has given up dialling for a moment
		}
		s.successor(t, token)
		s.alive(t, cookies("session="+cookie))
	})
}
