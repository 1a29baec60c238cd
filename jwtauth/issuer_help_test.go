package jwtauth_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/problem"
)

const (
	deskIssuer   = "https://auth.example.com"
	deskAudience = "https://api.example.com"
)

var errDown = errors.New("the table of users cannot be read")

// A desk is an Issuer and a Verifier over one store, with a user who can be
// changed, a clock that is moved, and a route for everything.
type desk struct {
	t        testing.TB
	issuer   *jwtauth.Issuer
	verifier *jwtauth.Verifier
	store    *faultyStore
	epochs   *faultyEpochs
	clock    *authtest.Clock
	mux      *http.ServeMux

	mu      sync.Mutex
	current func(p *auth.Principal) (*auth.Principal, error)
	events  []auth.Event
}

func refreshSecret(b byte) []byte { h := sha256.Sum256([]byte{b}); return h[:] }

func signingKeys(t testing.TB) *jwtauth.KeySet {
	t.Helper()
	k, err := jwtauth.HMACKey("k1", jwtauth.HS256, refreshSecret(7))
	noErr(t, err)
	keys, err := jwtauth.NewKeySet(k)
	noErr(t, err)
	return keys
}

func noErr(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// issuerConfig is the least that works.
func issuerConfig() jwtauth.IssuerConfig {
	return jwtauth.IssuerConfig{Issuer: deskIssuer, Audience: []string{deskAudience}, RefreshKeys: [][]byte{refreshSecret(1)}, SkipCurrent: true}
}

func newDesk(t testing.TB, change func(*jwtauth.IssuerConfig)) *desk {
	t.Helper()
	d := &desk{t: t, clock: authtest.NewClock(time.Time{})}
	memory, err := jwtauth.NewMemoryStore(jwtauth.MemoryConfig{Now: d.clock.Now})
	noErr(t, err)
	d.store = &faultyStore{FamilyStore: memory}
	epochs, err := jwtauth.NewMemoryEpochs(jwtauth.MemoryEpochsConfig{Now: d.clock.Now})
	noErr(t, err)
	d.epochs = &faultyEpochs{EpochStore: epochs}
	d.clock.Advance(time.Second)
	d.on(change)
	return d
}

// on puts another Issuer in the place of that of the desk.
func (d *desk) on(change func(*jwtauth.IssuerConfig)) {
	d.t.Helper()
	cfg := issuerConfig()
	cfg.SkipCurrent = false
	cfg.Current = func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.current == nil {
			return p, nil
		}
		return d.current(p)
	}
	cfg.Epochs = d.epochs
	cfg.Now = d.clock.Now
	cfg.OnEvent = func(_ context.Context, e auth.Event) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.events = append(d.events, e)
	}
	if change != nil {
		change(&cfg)
	}
	keys := signingKeys(d.t)
	var err error
	d.issuer, err = jwtauth.NewIssuer(keys, d.store, cfg)
	noErr(d.t, err)
	d.verifier, err = jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Issuer: deskIssuer, Audience: deskAudience, Epochs: d.epochs, EpochDelay: -1, Now: d.clock.Now, Leeway: time.Second})
	noErr(d.t, err)
	d.mux = http.NewServeMux()
	d.mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if err := d.issuer.SignIn(w, r, deskUser()); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	d.mux.Handle("/token/refresh", d.issuer.RefreshHandler())
	d.mux.Handle("/token/revoke", d.issuer.RevokeHandler())
	devices := auth.Require(d.verifier)(d.issuer.DevicesHandler())
	d.mux.Handle("/devices", devices)
	d.mux.Handle("/devices/{id}", devices)
}

func deskUser() *auth.Principal {
	return &auth.Principal{Subject: "u-alice", Roles: []string{"customer"}}
}

func (d *desk) user(f func(p *auth.Principal) (*auth.Principal, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = f
}

// kinds are those of the events since the last call.
func (d *desk) kinds() (kinds []auth.EventKind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		kinds = append(kinds, e.Kind)
	}
	d.events = nil
	return kinds
}

// signIn makes a family.
func (d *desk) signIn() *jwtauth.Tokens {
	d.t.Helper()
	tokens, err := d.issuer.Issue(d.t.Context(), deskUser(), jwtauth.Device{UserAgent: "test/1.0"})
	noErr(d.t, err)
	return tokens
}

func (d *desk) refresh(token string) *jwtauth.Tokens {
	d.t.Helper()
	tokens, err := d.issuer.Refresh(d.t.Context(), token)
	noErr(d.t, err)
	return tokens
}

// refused holds a refresh to its error, and to it that there are no tokens.
func (d *desk) refused(token string, want error) {
	d.t.Helper()
	tokens, err := d.issuer.Refresh(d.t.Context(), token)
	if !errors.Is(err, want) || tokens != nil {
		d.t.Errorf("Refresh: %v, %v; want %v alone", tokens, err, want)
	}
}

// verified reports whether an access token is good.
func (d *desk) verified(access string) bool {
	_, err := d.verifier.Verify(d.t.Context(), access)
	return err == nil
}

// A faultyStore fails when it is told to.
type faultyStore struct {
	jwtauth.FamilyStore
	mu     sync.Mutex
	fail   map[string]error
	calls  map[string]int
	before func(method string)
}

func (s *faultyStore) at(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = make(map[string]int)
	}
	s.calls[method]++
	if s.before != nil {
		s.before(method)
	}
	return s.fail[method]
}

// failing sets the methods that fail from here on.
func (s *faultyStore) failing(methods ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = make(map[string]error)
	for _, m := range methods {
		s.fail[m] = errors.New("the store is down")
	}
}

// count is how many calls there were since it was last asked.
func (s *faultyStore) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		n += c
	}
	s.calls = nil
	return n
}

func (s *faultyStore) Create(ctx context.Context, id jwtauth.FamilyID, grant []byte, l jwtauth.Limits) error {
	if err := s.at("Create"); err != nil {
		return err
	}
	return s.FamilyStore.Create(ctx, id, grant, l)
}

func (s *faultyStore) Find(ctx context.Context, id jwtauth.FamilyID) (*jwtauth.Family, error) {
	if err := s.at("Find"); err != nil {
		return nil, err
	}
	return s.FamilyStore.Find(ctx, id)
}

func (s *faultyStore) Rotate(ctx context.Context, id jwtauth.FamilyID, r jwtauth.Rotation) (jwtauth.Outcome, time.Duration, error) {
	if err := s.at("Rotate"); err != nil {
		return 0, 0, err
	}
	return s.FamilyStore.Rotate(ctx, id, r)
}

func (s *faultyStore) Revoke(ctx context.Context, id jwtauth.FamilyID) error {
	if err := s.at("Revoke"); err != nil {
		return err
	}
	return s.FamilyStore.Revoke(ctx, id)
}

func (s *faultyStore) RevokeAll(ctx context.Context, b jwtauth.Bucket, except jwtauth.FamilyID) error {
	if err := s.at("RevokeAll"); err != nil {
		return err
	}
	return s.FamilyStore.RevokeAll(ctx, b, except)
}

func (s *faultyStore) List(ctx context.Context, b jwtauth.Bucket) ([]*jwtauth.Family, error) {
	if err := s.at("List"); err != nil {
		return nil, err
	}
	return s.FamilyStore.List(ctx, b)
}

// faultyEpochs cannot be moved while down.
type faultyEpochs struct {
	jwtauth.EpochStore
	mu   sync.Mutex
	down bool
}

func (e *faultyEpochs) set(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

func (e *faultyEpochs) Advance(ctx context.Context, subject string, at time.Time) error {
	e.mu.Lock()
	down := e.down
	e.mu.Unlock()
	if down {
		return errors.New("the epochs are down")
	}
	return e.EpochStore.Advance(ctx, subject, at)
}

// send sends a request. Headers are names and values in turn.
func (d *desk) send(method, path, cookie, body string, headers ...string) *http.Response {
	d.t.Helper()
	r := httptest.NewRequest(method, "https://shop.example"+path, strings.NewReader(body))
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	return w.Result()
}

// cookieOf is the pair that a response sets.
func cookieOf(res *http.Response) string {
	pair, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	return pair
}

func deskBody(t testing.TB, res *http.Response) map[string]any {
	t.Helper()
	m := make(map[string]any)
	noErr(t, json.NewDecoder(res.Body).Decode(&m))
	return m
}

func wantStatus(t testing.TB, res *http.Response, status int) {
	t.Helper()
	if res.StatusCode != status {
		t.Fatalf("status %d, want %d", res.StatusCode, status)
	}
}
