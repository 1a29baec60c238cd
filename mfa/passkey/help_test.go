package passkey_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

var sealKey = []byte("0123456789abcdef0123456789abcdef")

var errDown = errors.New("the database is down")

// A begun is what a begin handler answers.
type begun struct {
	PublicKey struct {
		Challenge        string
		RPID             string `json:"rpId"`
		RP               struct{ ID, Name string }
		User             struct{ ID, Name, DisplayName string }
		Timeout          int
		PubKeyCredParams []struct {
			Alg  int
			Type string
		}
		AuthenticatorSelection struct{ ResidentKey, UserVerification string }
		UserVerification       string
		Attestation            string
		ExcludeCredentials     []descriptor
		AllowCredentials       []descriptor
	}
	State     string
	ExpiresIn int `json:"expires_in"`
}

type descriptor struct {
	ID         string
	Transports []string
}

// A rig is a whole service. Whoever posts to /login with a name as user has given the
// right password.
type rig struct {
	t        *testing.T
	clock    *authtest.Clock
	store    *stepStore
	sessions *session.Manager
	factors  *mfa.Manager
	passkeys *passkey.Manager
	handler  http.Handler
	browser  *authtest.Browser
	barred   map[string]bool // whom Current refuses

	mu      sync.Mutex
	events  []auth.Event
	notices []mfa.Notice
}

func newRig(t *testing.T, configure ...func(*passkey.Config)) *rig {
	t.Helper()
	g := &rig{t: t, clock: authtest.NewClock(time.Time{}), barred: map[string]bool{}}
	memory, err := passkey.NewMemoryStore(passkey.MemoryConfig{Now: g.clock.Now})
	g.must(err)
	g.store = &stepStore{Store: memory}
	g.wire(configure...)
	return g
}

// wire makes a service on the store: the first process, or one more.
func (g *rig) wire(configure ...func(*passkey.Config)) {
	g.t.Helper()
	var err error
	g.sessions, err = session.New(nil, session.Config{Now: g.clock.Now, Landing: "/home"})
	g.must(err)
	gate := &auth.Gate{Authenticators: []auth.Authenticator{g.sessions}}
	onEvent := func(_ context.Context, e auth.Event) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.events = append(g.events, e)
	}
	g.factors, err = mfa.New(nil, mfa.Config{
		Issuer: "Example", Key: sealKey, Now: g.clock.Now, Revokers: auth.Revokers{g.sessions}, Elevate: g.sessions.Elevate, SignedIn: gate, OnEvent: onEvent,
		Notify: func(_ context.Context, n mfa.Notice) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.notices = append(g.notices, n)
		},
	})
	g.must(err)
	cfg := passkey.Config{
		RPID: "example.com", Key: sealKey, Now: g.clock.Now, Elevate: g.sessions.Elevate, OnEvent: onEvent,
		Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
			if g.barred[p.Subject] {
				return nil, auth.ErrInvalidCredentials
			}
			p = p.Clone()
			p.Roles = []string{"customer"}
			return p, nil
		},
	}
	for _, f := range configure {
		f(&cfg)
	}
	g.passkeys, err = passkey.New(g.store, g.factors, cfg)
	g.must(err)
	g.handler = problem.Recover(nil)(g.sessions.Handler(g.routes(gate)))
	g.browser = authtest.NewBrowser(g.t, g.handler)
}

func (g *rig) routes(gate *auth.Gate) http.Handler {
	mux := http.NewServeMux()
	login := g.factors.Gate(g.sessions)
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		now := g.clock.Now()
		p := &auth.Principal{
			Subject: r.URL.Query().Get("user"), AuthenticatedAt: now, Factors: []auth.Factor{{Kind: auth.FactorPassword, At: now}},
		}
		p.Attributes = map[string]string{"email": p.Subject + "@example.com"}
		if err := login.SignIn(w, r, p); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.Handle("/passkeys/register/begin", gate.Handler(g.passkeys.RegisterBeginHandler()))
	mux.Handle("/passkeys/register/finish", gate.Handler(g.passkeys.RegisterFinishHandler()))
	mux.Handle("/passkeys", gate.Handler(g.passkeys.ListHandler()))
	mux.Handle("PATCH /passkeys/{id}", gate.Handler(g.passkeys.RenameHandler()))
	mux.Handle("DELETE /passkeys/{id}", gate.Handler(g.passkeys.RemoveHandler()))
	mux.Handle("/passkeys/factor/begin", g.passkeys.FactorBeginHandler())
	mux.Handle("/passkeys/factor/finish", g.passkeys.FactorFinishHandler())
	mux.Handle("/passkeys/login/begin", g.passkeys.LoginBeginHandler())
	mux.Handle("/passkeys/login/finish", g.passkeys.LoginHandler(login))
	reach := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		w.Header().Set("X-User", p.Subject)
		w.Header().Set("X-Roles", strings.Join(p.Roles, " "))
		for _, f := range p.Factors {
			w.Header().Add("X-Factor", f.Kind)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	fresh := &auth.StepUp{MaxAge: 5 * time.Minute, Factors: []string{auth.FactorHardware}, Now: g.clock.Now}
	mux.Handle("/private", gate.Handler(reach))
	mux.Handle("/sensitive", gate.Handler(fresh.Handler(reach)))
	return mux
}

func (g *rig) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// want wants a status and, of a problem, a code.
func (g *rig) want(res *authtest.Response, status int, code ...problem.Code) *authtest.Response {
	g.t.Helper()
	if res.StatusCode != status {
		g.t.Fatalf("%s %s: %s\n%s", res.Request.Method, res.Request.URL.Path, res.Status, res.Body)
	}
	if len(code) > 0 && res.Problem().Code != code[0] {
		g.t.Fatalf("%s %s: %s, want %s", res.Request.Method, res.Request.URL.Path, res.Problem().Code, code[0])
	}
	return res
}

// begin begins a ceremony of that name in b.
func (g *rig) begin(b *authtest.Browser, name string) begun {
	g.t.Helper()
	var out begun
	g.want(b.PostJSON("/passkeys/"+name+"/begin", "{}"), 200).JSON(&out)
	return out
}

func (g *rig) finish(b *authtest.Browser, name string, answer map[string]any) *authtest.Response {
	g.t.Helper()
	return b.PostJSON("/passkeys/"+name+"/finish", answer)
}

// login gives the right password in b.
func (g *rig) login(b *authtest.Browser, user string) *authtest.Response {
	g.t.Helper()
	return b.PostJSON("/login?user="+user, "{}")
}

// enrolled is a user who has signed in, in a browser of theirs, and registered a
// passkey on d.
func (g *rig) enrolled(user string, d *device) *authtest.Browser {
	g.t.Helper()
	b := g.browser.Another(g.t)
	g.want(g.login(b, user), 204)
	g.want(g.finish(b, "register", d.create(g.begin(b, "register"), twist{})), 201)
	return b
}

// told returns the events of package passkey since the last call.
func (g *rig) told() (kinds []auth.EventKind) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		if strings.HasPrefix(string(e.Kind), "passkey.") {
			kinds = append(kinds, e.Kind)
		}
	}
	g.events = nil
	return kinds
}

func (g *rig) wantTold(kinds ...auth.EventKind) {
	g.t.Helper()
	if got := g.told(); !slices.Equal(got, kinds) {
		g.t.Errorf("events %v, want %v", got, kinds)
	}
}

// A stepStore is a store that can fail, panic or be slow.
type stepStore struct {
	passkey.Store
	mu   sync.Mutex
	step func(method string) error // before
	lost func(method string) error // after
}

func (s *stepStore) do(method string, call func() error) error {
	s.mu.Lock()
	step, lost := s.step, s.lost
	s.mu.Unlock()
	if step != nil {
		if err := step(method); err != nil {
			return err
		}
	}
	err := call()
	if lost != nil && err == nil {
		err = lost(method)
	}
	return err
}

func (s *stepStore) on(step, lost func(method string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step, s.lost = step, lost
}

func (s *stepStore) UserHandle(ctx context.Context, subject string, fresh passkey.UserHandle) (h passkey.UserHandle, err error) {
	err = s.do("UserHandle", func() error { h, err = s.Store.UserHandle(ctx, subject, fresh); return err })
	return h, err
}

func (s *stepStore) Add(ctx context.Context, c passkey.Credential, a passkey.Answer, limit int) error {
	return s.do("Add", func() error { return s.Store.Add(ctx, c, a, limit) })
}

func (s *stepStore) Find(ctx context.Context, id passkey.ID) (c passkey.Credential, err error) {
	err = s.do("Find", func() error { c, err = s.Store.Find(ctx, id); return err })
	return c, err
}

func (s *stepStore) List(ctx context.Context, subject string) (list []passkey.Credential, err error) {
	err = s.do("List", func() error { list, err = s.Store.List(ctx, subject); return err })
	return list, err
}

func (s *stepStore) Use(ctx context.Context, u passkey.Use, a passkey.Answer) error {
	return s.do("Use", func() error { return s.Store.Use(ctx, u, a) })
}

func (s *stepStore) Rename(ctx context.Context, subject string, id passkey.ID, name string) error {
	return s.do("Rename", func() error { return s.Store.Rename(ctx, subject, id, name) })
}

func (s *stepStore) Remove(ctx context.Context, subject string, id passkey.ID) error {
	return s.do("Remove", func() error { return s.Store.Remove(ctx, subject, id) })
}

func (s *stepStore) RemoveAll(ctx context.Context, subject string) error {
	return s.do("RemoveAll", func() error { return s.Store.RemoveAll(ctx, subject) })
}
