package apikey_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/problem"
)

// home is where the clients of the tests are.
var home = netip.MustParseAddr("192.0.2.7")

// standing is an Owner that knows everybody, as a manager.
func standing(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
	now := p.Clone()
	now.Roles = []string{"manager"}
	return now, nil
}

// permits is a Permits by role.
func permits(owner *auth.Principal, scope string) bool {
	rights := map[string][]string{
		"customer": {"orders:read"}, "manager": {"orders:read", "orders:write"}, "admin": {"orders:read", "orders:write", "users:write"},
	}
	return slices.ContainsFunc(owner.Roles, func(role string) bool { return slices.Contains(rights[role], scope) })
}

// people is an Owner whose answers tests change.
type people struct {
	mu    sync.Mutex
	roles map[string][]string
	err   error
	panic any
	asked atomic.Int64
}

func newPeople() *people {
	return &people{roles: map[string][]string{"alice": {"manager"}, "bob": {"customer"}}}
}

func (o *people) set(subject string, roles ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.roles[subject] = roles
}

func (o *people) disable(subject string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.roles, subject)
}

func (o *people) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *people) current(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
	o.asked.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.panic != nil {
		panic(o.panic)
	}
	roles, ok := o.roles[p.Subject]
	switch {
	case o.err != nil:
		return nil, o.err
	case !ok:
		return nil, auth.ErrInvalidCredentials
	}
	now := p.Clone()
	now.Roles = slices.Clone(roles)
	now.Attributes["tenant"] = "acme"
	return now, nil
}

// faults is a Store that counts calls and fails on demand.
type faults struct {
	apikey.Store
	finds, writes, touches atomic.Int64
	hook                   atomic.Pointer[func(ctx context.Context, method string) error]
}

// on sets what happens before each call; an error is the answer of the call.
func (f *faults) on(hook func(ctx context.Context, method string) error) {
	if hook == nil {
		f.hook.Store(nil)
		return
	}
	f.hook.Store(&hook)
}

func (f *faults) before(ctx context.Context, method string) error {
	if hook := f.hook.Load(); hook != nil {
		return (*hook)(ctx, method)
	}
	return nil
}

func (f *faults) Find(ctx context.Context, id string) (*apikey.Key, error) {
	f.finds.Add(1)
	if err := f.before(ctx, "Find"); err != nil {
		return nil, err
	}
	return f.Store.Find(ctx, id)
}

func (f *faults) List(ctx context.Context, subject string) ([]*apikey.Key, error) {
	if err := f.before(ctx, "List"); err != nil {
		return nil, err
	}
	return f.Store.List(ctx, subject)
}

func (f *faults) Create(ctx context.Context, k *apikey.Key, limit int) error {
	f.writes.Add(1)
	if err := f.before(ctx, "Create"); err != nil {
		return err
	}
	return f.Store.Create(ctx, k, limit)
}

func (f *faults) Rotate(ctx context.Context, id string, r apikey.Rotation) error {
	f.writes.Add(1)
	if err := f.before(ctx, "Rotate"); err != nil {
		return err
	}
	return f.Store.Rotate(ctx, id, r)
}

func (f *faults) Revoke(ctx context.Context, id string, at time.Time) error {
	f.writes.Add(1)
	if err := f.before(ctx, "Revoke"); err != nil {
		return err
	}
	return f.Store.Revoke(ctx, id, at)
}

func (f *faults) RevokeAll(ctx context.Context, subject, except string, at time.Time) error {
	f.writes.Add(1)
	if err := f.before(ctx, "RevokeAll"); err != nil {
		return err
	}
	return f.Store.RevokeAll(ctx, subject, except, at)
}

func (f *faults) Touch(ctx context.Context, uses []apikey.Use) error {
	f.touches.Add(1)
	if err := f.before(ctx, "Touch"); err != nil {
		return err
	}
	return f.Store.Touch(ctx, uses)
}

// A rig is a Manager with everything around it in the hands of a test.
type rig struct {
	*apikey.Manager
	t      testing.TB
	store  *faults
	owners *people
	clock  *authtest.Clock
	mu     sync.Mutex
	events []auth.Event
}

// newRig makes a Manager that notes no uses; change, if not nil, changes its Config.
func newRig(t testing.TB, change func(cfg *apikey.Config)) *rig {
	t.Helper()
	store, err := apikey.NewMemoryStore(apikey.MemoryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: &faults{Store: store}, owners: newPeople(), clock: authtest.NewClock(time.Time{})}
	r.Manager = r.another(change)
	return r
}

// another is a Manager on the same store, as another process has it.
func (r *rig) another(change func(cfg *apikey.Config)) *apikey.Manager {
	r.t.Helper()
	cfg := apikey.Config{Owner: r.owners.current, Permits: permits, TouchEvery: -1, Now: r.clock.Now, OnEvent: r.onEvent}
	if change != nil {
		change(&cfg)
	}
	m, err := apikey.New(r.store, cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := m.Close(ctx); err != nil && !errors.Is(err, errDown) {
			r.t.Errorf("Close: %v", err)
		}
	})
	return m
}

func (r *rig) onEvent(_ context.Context, e auth.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// last returns the last event of a kind.
func (r *rig) last(kind auth.EventKind) (auth.Event, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range slices.Backward(r.events) {
		if e.Kind == kind {
			return e, true
		}
	}
	return auth.Event{}, false
}

// issue makes a key of alice, or as the request says.
func (r *rig) issue(change func(q *apikey.Request)) (string, *apikey.Key) {
	r.t.Helper()
	q := apikey.Request{Subject: "alice", Name: "backup", Scopes: []string{"orders:read", "orders:write"}}
	if change != nil {
		change(&q)
	}
	text, k, err := r.Issue(r.t.Context(), q)
	if err != nil {
		r.t.Fatalf("Issue: %v", err)
	}
	return text, k
}

// good holds a key to being accepted.
func (r *rig) good(text string) *auth.Principal {
	r.t.Helper()
	p, err := r.Verify(r.t.Context(), text, home)
	if err != nil {
		r.t.Fatalf("Verify: %v", err)
	}
	return p
}

// bad holds a key to being refused, with an error of which there is no doubt.
func (r *rig) bad(text string, want error) {
	r.t.Helper()
	p, err := r.Verify(r.t.Context(), text, home)
	if p != nil || !errors.Is(err, want) {
		r.t.Fatalf("Verify: %v, %v; want %v alone", p, err, want)
	}
}

// down is a hook for a store that cannot be reached.
var errDown = errors.New("connection refused")

func down(context.Context, string) error { return errDown }

func codeOf(err error) problem.Code { return problem.From(err).Code }

func jsonRequest(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// serve sends a request and decodes the answer, if it is JSON, into a map.
func serve(t testing.TB, h http.Handler, r *http.Request) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var out map[string]any
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s %s: %v in %q", r.Method, r.URL, err, w.Body)
		}
	}
	return w, out
}

// withKey is a request with a key in its header.
func withKey(text string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.RemoteAddr = home.String() + ":1234"
	if text != "" {
		r.Header.Set("X-Api-Key", text)
	}
	return r
}
