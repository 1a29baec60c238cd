package rbac_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

// shop is the policy of most tests.
func shop() map[string]rbac.Role {
	return map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"orders:read"}},
		"manager":  {Permissions: []rbac.Permission{"orders:write"}, Inherits: []string{"customer"}},
		"support":  {Permissions: []rbac.Permission{"tickets:*"}},
		"auditor":  {Permissions: []rbac.Permission{"audit-log-of-all-tenants:read", "users:read"}},
		"admin":    {Permissions: []rbac.Permission{"*"}},
	}
}

// as is a principal that holds roles and is not bound by scopes.
func as(roles ...string) *auth.Principal {
	return &auth.Principal{Subject: "u1", Method: auth.MethodSession, CredentialID: "c1", Roles: roles}
}

// scoped is a principal that holds role and is bound by scopes.
func scoped(role string, scopes ...string) *auth.Principal {
	p := as(role)
	p.Scopes = append([]string{}, scopes...)
	return p
}

// ok is the handler behind every check.
var ok = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

// get sends GET /orders/7 as p, who may be nil, to mw in front of ok.
func get(mw func(http.Handler) http.Handler, p *auth.Principal) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/orders/7", nil)
	if p != nil {
		r = r.WithContext(auth.NewContext(r.Context(), p))
	}
	w := httptest.NewRecorder()
	mw(ok).ServeHTTP(w, r)
	return w
}

// code is the problem code of an answer, "" if it is none.
func code(t *testing.T, w *httptest.ResponseRecorder) problem.Code {
	t.Helper()
	var d problem.Details
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil && w.Code != http.StatusOK {
		t.Fatalf("the body is no problem: %q", w.Body)
	}
	return d.Code
}

// want checks the status and, for a refusal, the code of an answer.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, c problem.Code) {
	t.Helper()
	if got := code(t, w); w.Code != status || got != c {
		t.Errorf("answer %d %q, want %d %q", w.Code, got, status, c)
	}
}

// mustPanic returns what f panics with.
func mustPanic(t *testing.T, f func()) (v any) {
	t.Helper()
	defer func() {
		if v = recover(); v == nil {
			t.Error("no panic")
		}
	}()
	f()
	return nil
}

// events collects what a Guard emits.
type events struct {
	mu   sync.Mutex
	list []auth.Event
}

func (e *events) add(_ context.Context, ev auth.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

// one returns the only event.
func (e *events) one(t *testing.T) auth.Event {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.list) != 1 {
		t.Fatalf("%d events, want 1: %v", len(e.list), e.list)
	}
	return e.list[0]
}
