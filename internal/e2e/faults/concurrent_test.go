package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// crowd is 64 clients of one user, of two processes, who write a history.
type crowd struct {
	t       *testing.T
	servers [2]*running.Server
	http    [64]*http.Client // each at an address of its own
	logins  chan struct{}    // attempts at one account are limited

	mu      sync.Mutex
	history history
	live    []*holder // the latest credentials, ended ones among them
}

// A holder is what it takes to use a credential.
type holder struct {
	*credential
	mu     sync.Mutex // of a family: two rotations at once are two tabs, three would be a theft
	cookie *http.Cookie
	token  string
}

func (c *crowd) add(h *holder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.id = len(c.history.credentials)
	c.history.credentials = append(c.history.credentials, h.credential)
	c.live = append(c.live, h)
	if len(c.live) > 40 {
		c.live = c.live[1:]
	}
}

func (c *crowd) pick(k kind) *holder {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range 20 {
		if len(c.live) == 0 {
			return nil
		}
		if h := c.live[rand.N(len(c.live))]; h.kind == k {
			return h
		}
	}
	return nil
}

// send makes an event of a request, if it is answered.
func (c *crowd) send(h *holder, verb string, client *running.Client, method, path string) *running.Answer {
	e := event{verb: verb, start: time.Now()}
	if h != nil {
		e.who = h.credential
	}
	a, err := client.TryCall(c.t, method, path, nil)
	if err != nil {
		c.t.Errorf("%s: %v", path, err)
		return nil
	}
	e.end, e.status = time.Now(), a.StatusCode
	if path == "/api/v1/auth/token/refresh" {
		e.head = h.cookie.Value
		if next := a.Cookie("refresh"); next != nil && a.StatusCode == 200 {
			e.next = next.Value
		}
	}
	if a.StatusCode >= 500 {
		c.t.Errorf("%s: %d %s", path, a.StatusCode, a.Text)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.history.events = append(c.history.events, e)
	return a
}

// signIn makes a credential.
func (c *crowd) signIn(k kind, client *running.Client) {
	select {
	case c.logins <- struct{}{}:
		defer func() { <-c.logins }()
	default:
		return
	}
	path := map[kind]string{session: "login", family: "token"}[k]
	a, err := client.TryCall(c.t, "POST", "/api/v1/auth/"+path, running.Credentials("alice@example.com", words))
	if err != nil || a.StatusCode != 200 {
		c.t.Errorf("%s: %v, %v", path, a, err)
		return
	}
	if k == session {
		c.add(&holder{credential: &credential{kind: k, born: time.Now()}, cookie: a.Cookie("session")})
		return
	}
	c.add(&holder{credential: &credential{kind: k, born: time.Now()}, cookie: a.Cookie("refresh")})
	c.add(&holder{credential: &credential{kind: access, born: time.Now()}, token: a.String("access_token")})
}

// rotate presents the head of a family in two tabs at once.
func (c *crowd) rotate(h *holder, from func(i int, cookie *http.Cookie) *running.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var answers [2]*running.Answer
	var tabs sync.WaitGroup
	for i := range answers {
		tabs.Go(func() { answers[i] = c.send(h, "use", from(i, h.cookie), "POST", "/api/v1/auth/token/refresh") })
	}
	tabs.Wait()
	for _, a := range answers {
		if a != nil && a.StatusCode == 200 {
			h.cookie = a.Cookie("refresh")
		}
	}
}

// act does one thing, at random.
func (c *crowd) act(n int) {
	bare := func(i int) *running.Client {
		return &running.Client{HTTP: c.http[n], Header: http.Header{}, Server: c.servers[i]}
	}
	with := func(i int, cookie *http.Cookie) *running.Client {
		return bare(i).With("Cookie", cookie.Name+"="+cookie.Value)
	}
	side := rand.N(2)
	switch p := rand.N(100); {
	case p < 10:
		c.signIn(session, bare(side))
	case p < 20:
		c.signIn(family, bare(side))
	case p < 45:
		if h := c.pick(session); h != nil {
			c.send(h, "use", with(side, h.cookie), "GET", "/api/v1/profile")
		}
	case p < 65:
		if h := c.pick(access); h != nil {
			c.send(h, "use", bare(side).With("Authorization", "Bearer "+h.token), "GET", "/api/v1/profile")
		}
	case p < 95:
		if h := c.pick(family); h != nil {
			c.rotate(h, with)
		}
	case p < 97:
		if h := c.pick(session); h != nil {
			c.send(h, "end", with(side, h.cookie), "POST", "/api/v1/auth/logout")
		}
	case p < 98:
		if h := c.pick(family); h != nil {
			h.mu.Lock()
			client := with(side, h.cookie)
			h.mu.Unlock()
			c.send(h, "end", client, "POST", "/api/v1/auth/token/revoke")
		}
	default:
		if h := c.pick(session); h != nil {
			c.send(h, "end others", with(side, h.cookie), "DELETE", "/api/v1/sessions")
		}
	}
}

func TestConcurrentUseAndRevocation(t *testing.T) {
	lasts := 4 * time.Second
	if running.Long() {
		lasts = time.Minute
	}
	s := newStage(t)
	c := &crowd{t: t, logins: make(chan struct{}, 2)}
	c.servers = [2]*running.Server{s.start(t, running.Options{}), s.start(t, running.Options{})}
	for n := range c.http {
		c.http[n] = raw(c.servers[0]).From(n).HTTP
	}
	c.servers[0].Register(t, "alice@example.com", words)
	corpus.Case(t, "F23", fmt.Sprintf("64 clients of one user at two processes sign in, out, rotate and revoke for %v", lasts), "the history has no use after an end, no head with two successors, no refusal without an end", func(t *testing.T) {
		c.t = t
		over := time.After(lasts)
		stop := make(chan struct{})
		var all sync.WaitGroup
		for n := range 64 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						c.act(n)
					}
				}
			})
		}
		<-over
		close(stop)
		all.Wait()
		counts := map[string]int{}
		for _, e := range c.history.events {
			counts[fmt.Sprintf("%s %d", e.verb, e.status)]++
		}
		t.Logf("%d credentials, %d events: %v", len(c.history.credentials), len(c.history.events), counts)
		list := c.history.violations()
		for _, v := range list[:min(len(list), 10)] {
			t.Error(v)
		}
		for _, must := range []string{"use 200", "use 401", "end 204", "end others 204"} {
			if counts[must] < 3 {
				t.Errorf("only %d of %q: the history proves little", counts[must], must)
			}
		}
	})
}
