package session_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// A clock is a Config.Now that moves only when told.
type clock struct{ ns atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ns.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *clock) Advance(d time.Duration) { c.ns.Add(int64(d)) }

// A spyStore counts the calls that reach a store, and can make them fail.
type spyStore struct {
	session.Store
	finds, writes atomic.Int64
	mu            sync.Mutex
	fail          map[string]error
	before        func(ctx context.Context, op string)
	ids           []session.ID // every id that was asked for
}

func newSpy(t testing.TB, c *clock) *spyStore {
	t.Helper()
	cfg := session.MemoryConfig{}
	if c != nil {
		cfg.Now = c.Now
	}
	s, err := session.NewMemoryStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &spyStore{Store: s, fail: make(map[string]error)}
}

func (s *spyStore) Fail(op string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[op] = err
}

func (s *spyStore) seen(ctx context.Context, op string, id session.ID) error {
	if op == "find" {
		s.finds.Add(1)
	} else {
		s.writes.Add(1)
	}
	s.mu.Lock()
	err, before := s.fail[op], s.before
	s.ids = append(s.ids, id)
	s.mu.Unlock()
	if before != nil {
		before(ctx, op)
	}
	return err
}

func (s *spyStore) Len() int { return s.Store.(*session.MemoryStore).Len() }

func (s *spyStore) Create(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time, limit int) error {
	if err := s.seen(ctx, "create", id); err != nil {
		return err
	}
	return s.Store.Create(ctx, id, rec, expiry, limit)
}

func (s *spyStore) Find(ctx context.Context, id session.ID) (*session.Record, error) {
	if err := s.seen(ctx, "find", id); err != nil {
		return nil, err
	}
	return s.Store.Find(ctx, id)
}

func (s *spyStore) Update(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time) error {
	if err := s.seen(ctx, "update", id); err != nil {
		return err
	}
	return s.Store.Update(ctx, id, rec, expiry)
}

func (s *spyStore) Touch(ctx context.Context, id session.ID, seen, expiry time.Time) error {
	if err := s.seen(ctx, "touch", id); err != nil {
		return err
	}
	return s.Store.Touch(ctx, id, seen, expiry)
}

func (s *spyStore) Rename(ctx context.Context, from, to session.ID, rec *session.Record, expiry time.Time) error {
	if err := s.seen(ctx, "rename", to); err != nil {
		return err
	}
	return s.Store.Rename(ctx, from, to, rec, expiry)
}

func (s *spyStore) Delete(ctx context.Context, id session.ID) error {
	if err := s.seen(ctx, "delete", id); err != nil {
		return err
	}
	return s.Store.Delete(ctx, id)
}

func (s *spyStore) List(ctx context.Context, subject string) ([]*session.Record, error) {
	if err := s.seen(ctx, "list", session.ID{}); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, subject)
}

func (s *spyStore) Revoke(ctx context.Context, subject, publicID string) error {
	if err := s.seen(ctx, "revoke", session.ID{}); err != nil {
		return err
	}
	return s.Store.Revoke(ctx, subject, publicID)
}

func (s *spyStore) RevokeSubject(ctx context.Context, subject, except string) error {
	if err := s.seen(ctx, "revoke subject", session.ID{}); err != nil {
		return err
	}
	return s.Store.RevokeSubject(ctx, subject, except)
}

func newManager(t testing.TB, store session.Store, cfg session.Config) *session.Manager {
	t.Helper()
	m, err := session.New(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A site is a service with sessions behind a real TLS server.
type site struct {
	*httptest.Server
	*session.Manager
	mux *http.ServeMux
}

// newSite has POST /login, POST /logout, GET /me (protected), POST /me, GET
// /public, POST /put?k=v and GET /get?k. More routes go into mux.
func newSite(t testing.TB, store session.Store, cfg session.Config) *site {
	t.Helper()
	s := &site{Manager: newManager(t, store, cfg), mux: http.NewServeMux()}
	s.mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := s.SignIn(w, r, alice()); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	s.mux.Handle("POST /logout", s.SignOutHandler())
	me := auth.Require(s.Manager)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = io.WriteString(w, p.Subject)
	}))
	s.mux.Handle("GET /me", me)
	s.mux.Handle("POST /me", me)
	s.mux.HandleFunc("GET /public", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	s.mux.HandleFunc("POST /put", func(w http.ResponseWriter, r *http.Request) {
		for k, v := range r.URL.Query() {
			s.SCS().Put(r.Context(), k, v[0])
		}
		_, _ = io.WriteString(w, "kept")
	})
	s.mux.HandleFunc("GET /get", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, s.SCS().GetString(r.Context(), r.URL.RawQuery))
	})
	s.Server = httptest.NewUnstartedServer(s.Handler(s.mux))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func alice() *auth.Principal {
	return &auth.Principal{Subject: "u-alice", Roles: []string{"customer"}}
}

// A browser is a client with cookies of its own.
type browser struct {
	t    testing.TB
	site *site
	http *http.Client
}

func (s *site) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *s.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t: t, site: s, http: &c}
}

// http1 makes the browser speak HTTP/1.1.
func (b *browser) http1() *browser {
	tr := b.http.Transport.(*http.Transport).Clone()
	tr.ForceAttemptHTTP2 = false
	tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP1(true)
	b.http.Transport = tr
	return b
}

type answer struct {
	*http.Response
	body string
}

// do sends a request: "POST /login", and headers as names and values in turn.
func (b *browser) do(methodAndPath string, header ...string) answer {
	b.t.Helper()
	method, path, _ := strings.Cut(methodAndPath, " ")
	req, err := http.NewRequest(method, b.site.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Logf("body of %s: %v", methodAndPath, err)
	}
	return answer{res, string(body)}
}

// token is the value of the browser's session cookie.
func (b *browser) token() string {
	b.t.Helper()
	req, _ := http.NewRequest(http.MethodGet, b.site.URL, nil)
	for _, c := range b.http.Jar.Cookies(req.URL) {
		if strings.HasSuffix(c.Name, "session") {
			return c.Value
		}
	}
	return ""
}

func (a answer) wants(t testing.TB, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d; body %q", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	return a
}

// sessionCookie is the session cookie that the answer sets, or nil.
func (a answer) sessionCookie(t testing.TB) *http.Cookie {
	t.Helper()
	var found *http.Cookie
	for _, c := range a.Cookies() {
		if strings.HasSuffix(c.Name, "session") {
			if found != nil {
				t.Fatalf("two session cookies in one answer: %v", a.Header["Set-Cookie"])
			}
			found = c
		}
	}
	return found
}

// signedIn is a browser that is logged in.
func (s *site) signedIn(t testing.TB) *browser {
	t.Helper()
	b := s.browser(t)
	b.do("POST /login").wants(t, http.StatusNoContent)
	b.do("GET /me").wants(t, http.StatusOK)
	return b
}

var errStore = errors.New("the store is down: key __secret")

type testContext = context.Context

const cookieName = "__Host-session"

// serve sends a request to h without a connection, over "HTTPS".
func serve(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	return serveCtx(context.Background(), h, method, path, header...)
}

func serveCtx(ctx context.Context, h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, method, "https://shop.example"+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
