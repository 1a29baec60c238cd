package mfa_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

type object map[string]any

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

var sealKey = []byte("0123456789abcdef0123456789abcdef")

// A rig is a whole service with sessions and tokens. Whoever posts to /login or
// /token with a name as user has given the right password.
type rig struct {
	t        *testing.T
	clock    *authtest.Clock
	store    *stepStore
	sessions *session.Manager
	issuer   *jwtauth.Issuer
	factors  *mfa.Manager
	browser  *authtest.Browser
	reached  []string // what was reached behind the gates
	secret   string   // of the last authenticator app

	mu      sync.Mutex
	events  []auth.Event
	notices []mfa.Notice
}

func newRig(t *testing.T, configure ...func(*mfa.Config)) *rig {
	t.Helper()
	g := &rig{t: t, clock: authtest.NewClock(time.Time{})}
	memory, err := mfa.NewMemoryStore(mfa.MemoryConfig{Now: g.clock.Now})
	g.must(err)
	g.store = &stepStore{Store: memory}
	g.sessions, err = session.New(nil, session.Config{Now: g.clock.Now, Landing: "/home"})
	g.must(err)
	key, err := jwtauth.HMACKey("1", jwtauth.HS256, sealKey)
	g.must(err)
	keys, err := jwtauth.NewKeySet(key)
	g.must(err)
	g.issuer, err = jwtauth.NewIssuer(keys, nil, jwtauth.IssuerConfig{
		Issuer: "https://auth.example.com", Audience: []string{"api"}, RefreshKeys: [][]byte{sealKey}, Now: g.clock.Now,
		Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil },
	})
	g.must(err)
	tokens, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Issuer: "https://auth.example.com", Audience: "api", Now: g.clock.Now})
	g.must(err)
	gate := &auth.Gate{Authenticators: []auth.Authenticator{tokens, g.sessions}}
	cfg := mfa.Config{
		Issuer: "Example", Key: sealKey, Now: g.clock.Now,
		Revokers: auth.Revokers{g.sessions, g.issuer}, Elevate: g.sessions.Elevate, Reissue: g.issuer, SignedIn: gate, Remember: session.Remember,
		OnEvent: func(_ context.Context, e auth.Event) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.events = append(g.events, e)
		},
		Notify: func(_ context.Context, n mfa.Notice) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.notices = append(g.notices, n)
		},
	}
	for _, f := range configure {
		f(&cfg)
	}
	g.factors, err = mfa.New(g.store, cfg)
	g.must(err)
	g.browser = authtest.NewBrowser(t, problem.Recover(nil)(g.sessions.Handler(g.routes(gate))))
	return g
}

func (g *rig) routes(gate *auth.Gate) http.Handler {
	mux := http.NewServeMux()
	login := func(next auth.SignIn) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			p := g.principal(r.URL.Query().Get("user"))
			ctx := r.Context()
			if r.URL.Query().Get("remember") != "" {
				ctx = g.factors.Remember(ctx)
			}
			if err := next.SignIn(w, r.WithContext(ctx), p); err != nil {
				problem.WriteError(w, r, err)
			}
		}
	}
	mux.Handle("POST /login", login(g.factors.Gate(g.sessions)))
	mux.Handle("POST /token", login(g.factors.Gate(g.issuer)))
	mux.Handle("/mfa/challenge", g.factors.ChallengeHandler())
	mux.Handle("/mfa/enable", gate.Handler(g.factors.EnableHandler()))
	mux.Handle("/mfa/verify", gate.Handler(g.factors.VerifyHandler()))
	mux.Handle("/mfa/disable", gate.Handler(g.factors.DisableHandler()))
	mux.Handle("/mfa/recovery-codes", gate.Handler(g.factors.RecoveryCodesHandler()))
	mux.Handle("/mfa/devices/revoke", gate.Handler(g.factors.RevokeDeviceHandler()))
	mux.Handle("/token/refresh", g.issuer.RefreshHandler())
	reach := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.mu.Lock()
			g.reached = append(g.reached, name)
			g.mu.Unlock()
			p, _ := auth.FromContext(r.Context())
			w.Header().Set("X-User", p.Subject)
			w.WriteHeader(http.StatusNoContent)
		})
	}
	fresh := &auth.StepUp{MaxAge: 5 * time.Minute, Factors: []string{auth.FactorOTP, auth.FactorRecovery, auth.FactorHardware}, Now: g.clock.Now}
	mux.Handle("/private", gate.Handler(reach("private")))
	mux.Handle("/sensitive", gate.Handler(fresh.Handler(reach("sensitive"))))
	return mux
}

// principal is who has just given the right password.
func (g *rig) principal(subject string) *auth.Principal {
	now := g.clock.Now()
	return &auth.Principal{
		Subject: subject, Method: auth.MethodSession, AuthenticatedAt: now, Factors: []auth.Factor{{Kind: auth.FactorPassword, At: now}},
		Roles: []string{"customer"}, Attributes: map[string]string{"email": subject + "@example.com"},
	}
}

// member is somebody who has signed in, without HTTP.
func (g *rig) member(subject string, kinds ...string) *auth.Principal {
	p := g.principal(subject)
	p.CredentialID = "login of " + subject
	for _, kind := range kinds {
		p.Factors = append(p.Factors, auth.Factor{Kind: kind, At: g.clock.Now()})
	}
	return p
}

// A phone is an authenticator app, and the paper beside it.
type phone struct {
	g       *rig
	secret  string
	codes   []string
	subject string
}

// enable gives subject an authenticator app, and lets a minute pass.
func (g *rig) enable(subject string) *phone {
	g.t.Helper()
	e, err := g.factors.Enrol(g.t.Context(), g.member(subject))
	g.must(err)
	f := &phone{g: g, secret: e.Secret, subject: subject}
	g.secret = e.Secret
	f.codes, err = g.factors.Confirm(g.t.Context(), g.member(subject), f.code())
	g.must(err)
	g.clock.Advance(time.Minute)
	return f
}

// code is what the app shows now, or at an offset from now.
func (f *phone) code(offset ...time.Duration) string {
	f.g.t.Helper()
	at := f.g.clock.Now()
	for _, d := range offset {
		at = at.Add(d)
	}
	code, err := totp.GenerateCode(f.secret, at)
	f.g.must(err)
	return code
}

// wrong is a code that the app does not show now.
func (f *phone) wrong() string {
	shown := []string{f.code(), f.code(-30 * time.Second), f.code(30 * time.Second)}
	for _, c := range []string{"000000", "111111", "222222", "333333"} {
		if !slices.Contains(shown, c) {
			return c
		}
	}
	return ""
}

func (g *rig) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// want holds a response to a status and, of a problem, to a code.
func (g *rig) want(res *authtest.Response, status int, code ...problem.Code) *authtest.Response {
	g.t.Helper()
	if res.StatusCode != status {
		g.t.Fatalf("%s %s: %d, want %d: %s", res.Request.Method, res.Request.URL.Path, res.StatusCode, status, res.Body)
	}
	if len(code) > 0 {
		if got := res.Problem().Code; got != code[0] {
			g.t.Fatalf("%s: %s, want %s", res.Request.URL.Path, got, code[0])
		}
	}
	return res
}

// signIn signs subject in to b with a factor.
func (g *rig) signIn(b *authtest.Browser, f *phone) {
	g.t.Helper()
	g.want(b.PostJSON("/login?user="+f.subject, "{}"), 401, problem.MFARequired)
	g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
	g.want(b.Fetch("GET", "/private", nil), 204)
}

// happened counts the events of a kind.
func (g *rig) happened(kind auth.EventKind) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// told returns the kinds of the notices so far, and forgets them.
func (g *rig) told() (kinds []auth.EventKind) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.notices {
		kinds = append(kinds, n.Kind)
	}
	g.notices = nil
	return kinds
}

// A stepStore asks a hook before each call of a store, and one after it. The
// hooks may fail, panic, or change the world.
type stepStore struct {
	mfa.Store
	mu            sync.Mutex
	before, after func(method string) error
	calls         []string
	opened        func(c mfa.Challenge)
}

// set replaces the hooks; nil ones do nothing.
func (s *stepStore) set(before, after func(method string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after, s.calls = before, after, nil
}

// failing makes every call of these methods, or of all, fail before it begins.
func (s *stepStore) failing(methods ...string) {
	s.set(func(m string) error {
		if len(methods) == 0 || slices.Contains(methods, m) {
			return errDown
		}
		return nil
	}, nil)
}

var errDown = errors.New("the store is down")

func step[T any](ctx context.Context, s *stepStore, method string, do func() (T, error)) (T, error) {
	s.mu.Lock()
	before, after := s.before, s.after
	s.calls = append(s.calls, method)
	s.mu.Unlock()
	var zero T
	if before != nil {
		if err := before(method); err != nil {
			return zero, err
		}
	}
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	v, err := do()
	if after != nil && err == nil {
		if err := after(method); err != nil {
			return zero, err
		}
	}
	return v, err
}

func step0(ctx context.Context, s *stepStore, method string, do func() error) error {
	_, err := step(ctx, s, method, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func (s *stepStore) Find(ctx context.Context, subject string) (mfa.State, error) {
	return step(ctx, s, "Find", func() (mfa.State, error) { return s.Store.Find(ctx, subject) })
}

func (s *stepStore) Begin(ctx context.Context, subject string, p mfa.PendingTOTP, ttl time.Duration) error {
	return step0(ctx, s, "Begin", func() error { return s.Store.Begin(ctx, subject, p, ttl) })
}

func (s *stepStore) Pending(ctx context.Context, subject string) (mfa.PendingTOTP, error) {
	return step(ctx, s, "Pending", func() (mfa.PendingTOTP, error) { return s.Store.Pending(ctx, subject) })
}

func (s *stepStore) Activate(ctx context.Context, subject string, f mfa.TOTP, codes []mfa.CodeHash) error {
	return step0(ctx, s, "Activate", func() error { return s.Store.Activate(ctx, subject, f, codes) })
}

func (s *stepStore) Advance(ctx context.Context, subject, id string, n uint64, call mfa.CallID) (bool, error) {
	return step(ctx, s, "Advance", func() (bool, error) { return s.Store.Advance(ctx, subject, id, n, call) })
}

func (s *stepStore) Reseal(ctx context.Context, subject, id, from, to string) (bool, error) {
	return step(ctx, s, "Reseal", func() (bool, error) { return s.Store.Reseal(ctx, subject, id, from, to) })
}

func (s *stepStore) Deactivate(ctx context.Context, subject, id string, codes bool) error {
	return step0(ctx, s, "Deactivate", func() error { return s.Store.Deactivate(ctx, subject, id, codes) })
}

func (s *stepStore) Remove(ctx context.Context, subject string) error {
	return step0(ctx, s, "Remove", func() error { return s.Store.Remove(ctx, subject) })
}

func (s *stepStore) ReplaceCodes(ctx context.Context, subject string, codes []mfa.CodeHash) error {
	return step0(ctx, s, "ReplaceCodes", func() error { return s.Store.ReplaceCodes(ctx, subject, codes) })
}

func (s *stepStore) ConsumeCode(ctx context.Context, subject string, code mfa.CodeHash, call mfa.CallID) (used bool, left int, err error) {
	used, err = step(ctx, s, "ConsumeCode", func() (ok bool, err error) {
		ok, left, err = s.Store.ConsumeCode(ctx, subject, code, call)
		return ok, err
	})
	return used, left, err
}

func (s *stepStore) OpenChallenge(ctx context.Context, c mfa.Challenge, ttl time.Duration, limit int) error {
	if s.opened != nil {
		s.opened(c)
	}
	return step0(ctx, s, "OpenChallenge", func() error { return s.Store.OpenChallenge(ctx, c, ttl, limit) })
}

func (s *stepStore) FindChallenge(ctx context.Context, id mfa.ChallengeID) (mfa.Challenge, error) {
	return step(ctx, s, "FindChallenge", func() (mfa.Challenge, error) { return s.Store.FindChallenge(ctx, id) })
}

func (s *stepStore) TryChallenge(ctx context.Context, id mfa.ChallengeID, limit int) (mfa.Challenge, error) {
	return step(ctx, s, "TryChallenge", func() (mfa.Challenge, error) { return s.Store.TryChallenge(ctx, id, limit) })
}

func (s *stepStore) ClaimChallenge(ctx context.Context, id mfa.ChallengeID, call mfa.CallID) error {
	return step0(ctx, s, "ClaimChallenge", func() error { return s.Store.ClaimChallenge(ctx, id, call) })
}

func (s *stepStore) EndChallenges(ctx context.Context, b mfa.Bucket) error {
	return step0(ctx, s, "EndChallenges", func() error { return s.Store.EndChallenges(ctx, b) })
}

func (s *stepStore) AddDevice(ctx context.Context, subject string, d mfa.Device, ttl time.Duration, limit int) error {
	return step0(ctx, s, "AddDevice", func() error { return s.Store.AddDevice(ctx, subject, d, ttl, limit) })
}

func (s *stepStore) FindDevice(ctx context.Context, subject string, hash mfa.DeviceHash) (mfa.Device, error) {
	return step(ctx, s, "FindDevice", func() (mfa.Device, error) { return s.Store.FindDevice(ctx, subject, hash) })
}

func (s *stepStore) DropDevice(ctx context.Context, subject, id string) error {
	return step0(ctx, s, "DropDevice", func() error { return s.Store.DropDevice(ctx, subject, id) })
}

func (s *stepStore) DropDevices(ctx context.Context, subject string) error {
	return step0(ctx, s, "DropDevices", func() error { return s.Store.DropDevices(ctx, subject) })
}
