package oauth_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/session"
)

const (
	origin      = "https://app.example.com"
	callbackURL = origin + "/auth/test/callback"
)

var key = bytes.Repeat([]byte{7}, 32)

// users are the accounts of a service, as simple as can be.
type users struct {
	mu       sync.Mutex
	byID     map[string]*user
	last     int
	wiped    []string
	discards []string
	fail     error // of Wipe
}

type user struct {
	email    string
	verified bool
	password bool
	disabled bool
}

func newUsers() *users { return &users{byID: make(map[string]*user)} }

func (u *users) add(id string, v user) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.byID[id] = &v
}

func (u *users) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.byID)
}

func (u *users) Principal(_ context.Context, id string, _ *oauth.Identity) (*auth.Principal, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	v := u.byID[id]
	if v == nil || v.disabled {
		return nil, auth.ErrInvalidCredentials
	}
	return &auth.Principal{Subject: id, Roles: []string{"customer"}}, nil
}

// Register is the one of the documentation: it matches nothing by mail but looks whether
// an address is taken.
func (u *users) Register(_ context.Context, id *oauth.Identity) (oauth.Registered, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for name, v := range u.byID {
		switch {
		case id.Email == "" || v.email != id.Email:
		case !v.verified && id.EmailVerified:
			return oauth.Registered{User: name, TakeOver: true}, nil
		default:
			return oauth.Registered{}, oauth.ErrLinkRequired
		}
	}
	u.last++
	name := fmt.Sprint("user-", u.last)
	u.byID[name] = &user{email: id.Email, verified: id.EmailVerified}
	return oauth.Registered{User: name}, nil
}

func (u *users) Wipe(_ context.Context, id string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fail != nil {
		return u.fail
	}
	u.wiped = append(u.wiped, id)
	u.byID[id].password, u.byID[id].verified = false, true
	return nil
}

func (u *users) OtherMethods(_ context.Context, id string) (bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.byID[id] != nil && u.byID[id].password, nil
}

func (u *users) Discard(_ context.Context, id string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.discards = append(u.discards, id)
	delete(u.byID, id)
	return nil
}

// A rig is a service with one provider.
type rig struct {
	t        *testing.T
	clock    *authtest.Clock
	idp      *hostileidp.Server
	users    *users
	store    *oauth.MemoryLinkStore
	links    *oauth.Links
	sessions *session.Manager
	flow     *oauth.Flow
	mux      *http.ServeMux
	b        *authtest.Browser

	mu     sync.Mutex
	events []auth.Event
	errs   []error

	jarPath string // of what open asks
}

// A setup changes the configuration of a rig.
type setup struct {
	flow     func(*oauth.Config)
	links    func(*oauth.LinksConfig)
	generic  func(*oauth.GenericConfig)
	provider func(*rig) oauth.Provider
	idp      oauthtest.Config
}

func newRig(t *testing.T, s setup) *rig {
	t.Helper()
	r := &rig{t: t, clock: authtest.NewClock(time.Now().Truncate(time.Millisecond)), users: newUsers(), store: oauth.NewMemoryLinkStore(0)}
	s.idp.Now = r.clock.Now
	r.idp = hostileidp.NewWith(t, s.idp)
	var err error
	if r.sessions, err = session.New(nil, session.Config{Now: r.clock.Now}); err != nil {
		t.Fatal(err)
	}
	lc := oauth.LinksConfig{
		Principal: r.users.Principal, Register: r.users.Register, Discard: r.users.Discard, Wipe: r.users.Wipe, OtherMethods: r.users.OtherMethods,
		Revokers: auth.Revokers{r.sessions}, OnEvent: r.onEvent, Now: r.clock.Now,
	}
	if s.links != nil {
		s.links(&lc)
	}
	if r.links, err = oauth.NewLinks(r.store, lc); err != nil {
		t.Fatal(err)
	}
	var p oauth.Provider
	if s.provider != nil {
		p = s.provider(r)
	} else {
		p = r.generic("test", s.generic)
	}
	fc := r.config()
	if s.flow != nil {
		s.flow(&fc)
	}
	if r.flow, err = oauth.New(p, fc); err != nil {
		t.Fatal(err)
	}
	r.mux = http.NewServeMux()
	r.mount("test", r.flow)
	r.mux.Handle("GET /links", auth.Require(r.sessions)(r.links.ListHandler()))
	r.mux.Handle("DELETE /links/{id}", auth.Require(r.sessions)(r.links.UnlinkHandler()))
	r.mux.Handle("GET /me", auth.Require(r.sessions)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p, _ := auth.FromContext(req.Context())
		_, _ = fmt.Fprint(w, p.Subject)
	})))
	r.mux.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { _, _ = fmt.Fprint(w, "page ", req.URL.RequestURI()) }))
	// Signs somebody in as a password would.
	r.mux.HandleFunc("POST /become/{id}", func(w http.ResponseWriter, req *http.Request) {
		p := &auth.Principal{Subject: req.PathValue("id"), Factors: []auth.Factor{{Kind: auth.FactorPassword, At: r.clock.Now()}}, AuthenticatedAt: r.clock.Now()}
		if err := r.sessions.SignIn(w, req, p); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewTLSServer(r.mux)
	t.Cleanup(server.Close)
	r.b = authtest.NewBrowserAt(t, origin, server.Client().Transport)
	return r
}

// config is that of a flow whose callback is callbackURL.
func (r *rig) config() oauth.Config {
	return oauth.Config{
		RedirectURL: callbackURL, Key: key, SignedIn: r.sessions, OnEvent: r.onEvent, Now: r.clock.Now,
		ErrorHandler: r.onError, HTTP: oauth.HTTPConfig{Timeout: 5 * time.Second},
	}
}

func (r *rig) generic(name string, change func(*oauth.GenericConfig)) *oauth.Generic {
	r.t.Helper()
	cfg := oauth.GenericConfig{
		Name: name, Issuer: r.idp.URL, AuthURL: r.idp.URL + "/authorize", TokenURL: r.idp.URL + "/token", UserInfoURL: r.idp.URL + "/userinfo",
		PromisesIssuer: true, ClientID: oauthtest.ClientID, Auth: oauth.ClientSecretBasic(oauthtest.ClientSecret), Scopes: []string{"profile", "email"},
	}
	if change != nil {
		change(&cfg)
	}
	p, err := oauth.NewGeneric(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) mount(name string, f *oauth.Flow) {
	r.mux.Handle("/auth/"+name, f.Start())
	r.mux.Handle("/auth/"+name+"/callback", f.Callback(r.links, r.sessions))
	r.mux.Handle("/link/"+name, f.StartLink())
}

func (r *rig) onEvent(_ context.Context, e auth.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

func (r *rig) onError(w http.ResponseWriter, req *http.Request, err error) {
	r.mu.Lock()
	r.errs = append(r.errs, err)
	r.mu.Unlock()
	problemWriter(w, req, err)
}

func (r *rig) seen(kind auth.EventKind) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// begin starts an attempt and returns the address at the provider.
func (r *rig) begin(b *authtest.Browser, path string) *url.URL {
	r.t.Helper()
	resp := b.Get(path)
	to, err := resp.Location()
	if resp.StatusCode != http.StatusSeeOther || err != nil {
		r.t.Fatalf("%s: %d %s", path, resp.StatusCode, resp.Body)
	}
	return to
}

// answered starts an attempt, lets the provider answer, and returns the address of the
// callback, which the browser has not opened yet.
func (r *rig) answered(b *authtest.Browser, path string) *url.URL {
	r.t.Helper()
	return r.answer(b, r.begin(b, path))
}

func (r *rig) answer(b *authtest.Browser, at *url.URL) *url.URL {
	r.t.Helper()
	resp := b.Get(at.String())
	to, err := resp.Location()
	if resp.StatusCode != http.StatusSeeOther || err != nil {
		r.t.Fatalf("the provider: %d %s", resp.StatusCode, resp.Body)
	}
	return to
}

// linkStart starts to link as the user of b.
func (r *rig) linkStart(b *authtest.Browser, path string) *url.URL {
	r.t.Helper()
	resp := b.Post(path, nil)
	to, err := resp.Location()
	if resp.StatusCode != http.StatusSeeOther || err != nil {
		r.t.Fatalf("%s: %d %s", path, resp.StatusCode, resp.Body)
	}
	return to
}

// signIn goes all the way.
func (r *rig) signIn(b *authtest.Browser) *authtest.Response {
	r.t.Helper()
	return b.Get(r.answered(b, "/auth/test").String())
}

// me is who is signed in in b, or "".
func (r *rig) me(b *authtest.Browser) string {
	r.t.Helper()
	if resp := b.Get("/me"); resp.StatusCode == http.StatusOK {
		return resp.Body
	}
	return ""
}

// want holds a response to a status and, if it is an error, to a code.
func (r *rig) want(resp *authtest.Response, status int, code string) {
	r.t.Helper()
	if resp.StatusCode != status {
		r.t.Fatalf("%d %s, want %d", resp.StatusCode, resp.Body, status)
	}
	if status >= 400 {
		if got := string(resp.Problem().Code); got != code {
			r.t.Fatalf("code %s, want %s", got, code)
		}
	}
}

// refused is want for a refusal after which nobody is signed in.
func (r *rig) refused(b *authtest.Browser, resp *authtest.Response, status int, code string) {
	r.t.Helper()
	r.want(resp, status, code)
	if resp.Cookie("__Host-session") != nil {
		r.t.Fatal("a refusal sets a session")
	}
	if who := r.me(b); who != "" {
		r.t.Fatalf("%s is signed in", who)
	}
}

// with returns u with changed parameters.
func with(u *url.URL, change func(q url.Values)) string {
	c := *u
	q := c.Query()
	change(q)
	c.RawQuery = q.Encode()
	return c.String()
}
