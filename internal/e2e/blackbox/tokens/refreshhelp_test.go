package tokens_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// each runs f with a site on every backend, all of them at once.
func each(t *testing.T, f func(t *testing.T, s *site)) {
	t.Helper()
	running.Each(t, func(t *testing.T, b *running.Backend) {
		t.Parallel()
		f(t, open(t, b, running.Options{}))
	})
}

// family signs in for tokens and returns the refresh token and the access token.
func (s *site) family(t *testing.T, email string) (token, access string) {
	t.Helper()
	c := s.stranger()
	a := c.Want(t, c.Call(t, "POST", signIn, running.Credentials(email, password)), 200)
	s.watch("refresh token", a.Cookie("refresh").Value)
	s.watch("access token", a.String("access_token"))
	return a.Cookie("refresh").Value, a.String("access_token")
}

// rotate presents a refresh token, from an address of its own.
func (s *site) rotate(t *testing.T, token string) *running.Answer {
	t.Helper()
	return s.stranger().Send(t, "POST", refresh, cookies("refresh="+token), nil)
}

// successor ends the test unless the token is good, and returns the next one and the
// access token.
func (s *site) successor(t *testing.T, token string) (next, access string) {
	t.Helper()
	a := s.rotate(t, token)
	c := a.Cookie("refresh")
	if a.StatusCode != 200 || c == nil || c.Value == "" || c.Value == token {
		t.Fatalf("the refresh: %d %s", a.StatusCode, a.Text)
	}
	s.watch("refresh token", c.Value)
	return c.Value, a.String("access_token")
}

// refuses fails the test unless the tokens are worth nothing.
func (s *site) refuses(t *testing.T, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		problem(t, s.rotate(t, token), 401)
	}
}

// A crowd rotates one token many times at once.
type crowd struct {
	mu         sync.Mutex
	statuses   map[int]int
	successors map[string]bool
	failed     []error
}

// begin has workers present token n times, to the sites in turn and from as many
// addresses as the limit of refreshes asks for. It does not wait for them.
func begin(t *testing.T, token string, n, workers int, sites ...*site) (*crowd, *sync.WaitGroup) {
	t.Helper()
	const most = 50 // below the 60 a minute that an address may
	c := &crowd{statuses: make(map[int]int), successors: make(map[string]bool)}
	clients := make([]*running.Client, len(sites))
	jobs := make(chan *running.Client, n)
	for i := range n {
		at := i % len(sites)
		if i/len(sites)%most == 0 {
			clients[at] = sites[at].stranger()
			clients[at].HTTP.Jar = nil // it sends token and no other
		}
		jobs <- clients[at]
	}
	close(jobs)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for client := range jobs {
				a, err := client.Try(t, "POST", refresh, cookies("refresh="+token), nil)
				c.note(a, err)
			}
		})
	}
	return c, &wg
}

func (c *crowd) note(a *running.Answer, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed = append(c.failed, err)
		return
	}
	c.statuses[a.StatusCode]++
	if cookie := a.Cookie("refresh"); cookie != nil && cookie.Value != "" {
		c.successors[cookie.Value] = true
	}
}

// all returns the tokens that somebody got.
func (c *crowd) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for token := range c.successors {
		list = append(list, token)
	}
	return list
}

// header is that of a browser with a refresh cookie whose page is elsewhere.
func header(token string, pairs ...string) http.Header {
	h := cookies("refresh=" + token)
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = []string{pairs[i+1]}
	}
	return h
}
