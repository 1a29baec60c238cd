package faults

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

const (
	words = "correct horse battery staple" // everybody's password
	other = "battery staple correct horse" // and what it is changed to

	recovery = 5 * time.Second // I8
)

// A stage is a service on PostgreSQL and Redis, with a proxy in front of each.
type stage struct {
	*running.Backend
	redis, db *faultproxy.Proxy
	canary    *testkit.Canary
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return stageOn(t, redistest.Start(t))
}

func stageOn(t *testing.T, r *redistest.Server) *stage {
	t.Helper()
	s := &stage{Backend: running.On(t, "PostgreSQL", r), canary: testkit.NewCanary(t)}
	s.canary.Watch("a password", words)
	s.canary.Watch("a password", other)
	s.redis = faultproxy.New(t, r.Addr())
	u, err := url.Parse(s.DB.URL())
	if err != nil || u.Host == "" {
		testkit.Skip(t, "PostgreSQL: it is on a socket, and no proxy fits in front of that")
	}
	s.db = faultproxy.New(t, u.Host)
	return s
}

// start starts a process that reaches its stores through the proxies. At the end of the
// test its log is searched for secrets (I7) and for panics.
func (s *stage) start(t *testing.T, o running.Options) *running.Server {
	t.Helper()
	if o.Redis == "" {
		o.Redis = "redis://" + s.redis.Addr() + "/0"
	}
	if o.DB == "" {
		o.DB = through(t, s.DB.URL(), s.db.Addr())
	}
	srv := s.Start(t, o)
	t.Cleanup(func() {
		log := srv.Log()
		_, _ = io.WriteString(s.canary.Writer("the log"), log)
		if strings.Contains(log, "panic") {
			t.Errorf("the server panicked:\n%s", end(log))
		}
	})
	return srv
}

// through is the address of a database by way of another host and port.
func through(t *testing.T, address, hostport string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = hostport
	return u.String()
}

// watch registers what an answer has given away as secrets.
func (s *stage) watch(a *running.Answer) *running.Answer {
	for _, c := range a.Cookies() {
		if len(c.Value) > 20 {
			s.canary.Watch("cookie "+c.Name, c.Value)
		}
	}
	for _, name := range []string{"access_token", "secret", "key"} {
		if v := a.String(name); v != "" {
			s.canary.Watch(name, v)
		}
	}
	return a
}

// end is the last of a log.
func end(log string) string { return log[max(0, len(log)-3000):] }

// within is call, and the answer must come in time (I6).
func within(t *testing.T, limit time.Duration, c *running.Client, method, path string, in any) *running.Answer {
	t.Helper()
	a := c.Call(t, method, path, in)
	if a.Took > limit {
		t.Errorf("I6 %s %s: %d after %v, want at most %v", method, path, a.StatusCode, a.Took, limit)
	}
	return a
}

// unavailable wants a 503 that says when to come again.
func unavailable(t *testing.T, a *running.Answer) {
	t.Helper()
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" || a.Code() == "" {
		t.Errorf("I1 %s %s: %d, Retry-After %q, %s: want 503", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Header.Get("Retry-After"), a.Text)
	}
}

// eventually wants a status before recovery is over (I8).
func eventually(t *testing.T, c *running.Client, method, path string, in any, status int) *running.Answer {
	t.Helper()
	for start := time.Now(); ; <-time.After(20 * time.Millisecond) {
		a := c.Call(t, method, path, in)
		if a.StatusCode == status {
			return a
		}
		if time.Since(start) > recovery {
			t.Fatalf("I8 %s %s: still %d %s after %v\n%s", method, path, a.StatusCode, a.Text, recovery, end(c.Server.Log()))
		}
	}
}

// load has four clients with the session of c read a profile without a pause until rest
// is called. Who is answered what is not fine goes.
func load(t *testing.T, c *running.Client, fine func(a *running.Answer) bool) (rest func()) {
	t.Helper()
	stop := make(chan struct{})
	var load sync.WaitGroup
	for i := range 4 {
		c := c.From(i)
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if a, err := c.TryCall(t, "GET", "/api/v1/profile", nil); err != nil || !fine(a) {
					t.Errorf("I4 I6 %v, %v", a, err)
					return
				}
			}
		})
	}
	return sync.OnceFunc(func() { close(stop); load.Wait() })
}

// raw sends nothing but these cookies, whatever the jar of anybody says.
func raw(srv *running.Server, cookies ...*http.Cookie) *running.Client {
	var list []string
	for _, c := range cookies {
		list = append(list, c.Name+"="+c.Value)
	}
	c := srv.Client()
	c.HTTP.Jar = nil
	return c.With("Cookie", strings.Join(list, "; "))
}

// copyOf returns a client with the cookies that c has now, and that keeps them whatever
// an answer says: a failed sign-out takes them from a browser.
func copyOf(t *testing.T, c *running.Client) *running.Client {
	t.Helper()
	u, err := url.Parse(c.Server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return raw(c.Server, c.HTTP.Jar.Cookies(u)...)
}

// status is a number of /proc/PID/status, in KiB where it has a unit.
func status(t *testing.T, srv *running.Server, name string) int {
	t.Helper()
	n, ok := srv.Status(name)
	if !ok {
		testkit.Skip(t, "/proc: this system has none, and nothing else tells the memory of a process")
	}
	return n
}

// files counts the descriptors that a server has open.
func files(t *testing.T, srv *running.Server) int {
	t.Helper()
	list, err := os.ReadDir("/proc/" + strconv.Itoa(srv.PID()) + "/fd")
	if err != nil {
		testkit.Skip(t, "/proc: this system has none, and nothing else tells the connections of a process")
	}
	return len(list)
}

// commands is how many commands Redis has carried out.
func (s *stage) commands(t *testing.T) int64 {
	t.Helper()
	if !s.Redis.Real() {
		testkit.Skip(t, "redis-server: not on PATH, and nothing stands in for its counts")
	}
	text, err := s.Redis.Client().Info(t.Context(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		if value, ok := strings.CutPrefix(line, "total_commands_processed:"); ok {
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("Redis does not count its commands: %s", text)
	return 0
}

// redisRefuses reports whether err is what Redis says with that first word.
func redisRefuses(err error, word string) bool {
	return err != nil && strings.HasPrefix(err.Error(), word)
}
