package accounts

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// What is asked before somebody is let in is refused to answer: nobody is let in.
func TestStoresDown(t *testing.T) {
	b := running.On(t, "PostgreSQL", redistest.Start(t))
	address := mustURL(t, b.DB.URL())
	database, limits := faultproxy.New(t, address.Host), faultproxy.New(t, b.Redis.Addr())
	address.Host = database.Addr()
	s := open(t, b, running.Options{DB: address.String(), Redis: "redis://" + limits.Addr() + "/0"})
	h := s.holder(t, "down@example.com")
	waiting, link := s.begin(t, h.email), s.reset(t, alice, 1)

	// back waits until the server has noticed.
	back := func(t *testing.T) {
		t.Helper()
		c := s.visitor()
		for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
			if a := c.Call(t, "GET", "/healthz", nil); a.StatusCode == 200 {
				return
			}
		}
		t.Fatal("the server does not recover")
	}
	down := []struct {
		what   string
		proxy  *faultproxy.Proxy
		emails []string
	}{
		{"database", database, []string{h.email, alice, "nobody@example.com"}},
		{"Redis with limits and sessions", limits, []string{h.email}},
	}
	for _, store := range down {
		corpus.Case(t, "M12", "the "+store.what+" is down at the login, the token endpoint, the challenge, the reset", "503 without a session, for everybody; nothing is used up, so all of it works when that is back", func(t *testing.T) {
			store.proxy.Refuse()
			for _, email := range store.emails {
				denied(t, try(t, s.visitor(), email, words), 503, "UNAVAILABLE")
				denied(t, s.visitor().Call(t, "POST", v1+"/auth/token", running.Credentials(email, words)), 503, "UNAVAILABLE")
			}
			denied(t, prove(t, waiting, object{"code": h.code(t, 0)}), 503, "UNAVAILABLE")
			denied(t, setNew(t, s.visitor(), link, other), 503, "UNAVAILABLE")
			store.proxy.Pass()
			back(t)
			s.login(t, alice, words)
		})
	}
	waiting.Want(t, prove(t, waiting, object{"code": h.code(t, 0)}), 200)
	empty(t, setNew(t, s.visitor(), link, other), 204)
}
