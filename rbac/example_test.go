package rbac_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/rbac"
)

// A caller for the examples: what an auth.Gate would put into the context.
func request(method, path, subject string, roles ...string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	return r.WithContext(auth.NewContext(r.Context(), &auth.Principal{Subject: subject, Roles: roles}))
}

func ExamplePolicy_Require() {
	policy, err := rbac.NewPolicy(map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"orders:read"}},
		"manager":  {Permissions: []rbac.Permission{"orders:write"}, Inherits: []string{"customer"}},
		"admin":    {Permissions: []rbac.Permission{"*"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	done := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux := http.NewServeMux()
	mux.Handle("GET /orders", policy.Require("orders:read")(done))
	mux.Handle("POST /orders", policy.Require("orders:write")(done))

	for _, r := range []*http.Request{
		request("GET", "/orders", "u1", "customer"),
		request("POST", "/orders", "u1", "customer"),
		request("POST", "/orders", "u2", "manager"),
		httptest.NewRequest("GET", "/orders", nil),
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		var answer struct{ Code string }
		_ = json.Unmarshal(w.Body.Bytes(), &answer)
		fmt.Printf("%s %d %q\n", r.Method, w.Code, answer.Code)
	}
	// Output:
	// GET 200 ""
	// POST 403 "FORBIDDEN"
	// POST 200 ""
	// GET 401 "UNAUTHENTICATED"
}

func ExamplePolicy_Explain() {
	policy := rbac.MustPolicy(map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"orders:read"}},
		"manager":  {Permissions: []rbac.Permission{"orders:*"}, Inherits: []string{"customer"}},
		"director": {Inherits: []string{"manager"}},
	})
	key := &auth.Principal{Subject: "u1", Roles: []string{"director"}, Scopes: []string{"orders:read"}}
	fmt.Println(policy.Explain(key, "orders:read"))
	fmt.Println(policy.Explain(key, "orders:close"))
	fmt.Println(policy.Explain(&auth.Principal{Roles: []string{"customer"}}, "orders:close"))
	// Output:
	// "orders:read" is permitted: the role "director" inherits "manager", which is granted "orders:*", and the scope "orders:read" covers it
	// "orders:close" is denied: the role "director" inherits "manager", which is granted "orders:*", but none of the scopes ["orders:read"] covers it
	// "orders:close" is denied: none of the roles ["customer"] is granted it; ["director" "manager"] are
}

// An invoice belongs to a person and to a tenant.
type invoice struct{ id, owner, tenant string }

func (i *invoice) Owner() string  { return i.owner }
func (i *invoice) Tenant() string { return i.tenant }

func ExampleOn() {
	policy := rbac.MustPolicy(map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"invoices:read"}},
		"support":  {Permissions: []rbac.Permission{"invoices:read", "invoices:read-any"}},
	})
	invoices := map[string]*invoice{"1": {"1", "alice", "north"}, "2": {"2", "bob", "north"}, "3": {"3", "alice", "south"}}
	load := func(r *http.Request) (*invoice, error) {
		if inv := invoices[r.PathValue("id")]; inv != nil {
			return inv, nil
		}
		return nil, rbac.ErrNotFound
	}

	// What a caller may not see is answered as if it did not exist.
	guard := &rbac.Guard{Decider: policy, Hide: true}
	visible := rbac.On(guard, "invoices:read", load,
		rbac.Tenant("tenant", (*invoice).Tenant),
		rbac.AnyOf(rbac.Owner((*invoice).Owner), rbac.Holds[*invoice](guard, "invoices:read-any")))

	mux := http.NewServeMux()
	mux.Handle("GET /invoices/{id}", visible(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inv, _ := rbac.Resource[*invoice](r.Context()) // loaded once, by On
		fmt.Fprint(w, "invoice ", inv.id)
	})))

	for _, subject := range []string{"alice", "sam"} {
		role := map[string]string{"alice": "customer", "sam": "support"}[subject]
		for _, id := range []string{"1", "2", "3", "4"} {
			p := &auth.Principal{Subject: subject, Roles: []string{role}, Attributes: map[string]string{"tenant": "north"}}
			r := httptest.NewRequest("GET", "/invoices/"+id, nil)
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), p)))
			fmt.Println(subject, id, w.Code)
		}
	}
	// Output:
	// alice 1 200
	// alice 2 404
	// alice 3 404
	// alice 4 404
	// sam 1 200
	// sam 2 200
	// sam 3 404
	// sam 4 404
}

// An engine is whatever decides elsewhere: Casbin's Enforce, or a query to OPA.
type engine interface {
	Enforce(subject, object, action string) (bool, error)
}

// An adapter makes an engine a Decider. Its errors deny, so it need not catch
// anything; and scopes are none of its business.
type adapter struct{ engine engine }

func (a adapter) Decide(_ context.Context, p *auth.Principal, perm rbac.Permission, _ any) (bool, error) {
	object, action, _ := strings.Cut(string(perm), ":")
	return a.engine.Enforce(p.Subject, object, action)
}

// rules stands in for a real engine.
type rules map[string]bool

func (r rules) Enforce(subject, object, action string) (bool, error) {
	if subject == "mallory" {
		return true, fmt.Errorf("engine: connection refused")
	}
	return r[subject+" "+action+" "+object], nil
}

func ExampleDecider() {
	guard := &rbac.Guard{Decider: adapter{rules{"alice read reports": true}}}
	h := guard.Require("reports:read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, subject := range []string{"alice", "bob", "mallory"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request("GET", "/reports", subject))
		fmt.Println(subject, w.Code)
	}
	// Output:
	// alice 200
	// bob 403
	// mallory 503
}

func ExampleLive_LoadJSON() {
	var live rbac.Live
	guard := &rbac.Guard{Decider: &live, OnEvent: func(_ context.Context, e auth.Event) {
		fmt.Println(e.Kind, e.Resource, e.Subject)
	}}
	h := guard.Require("orders:read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fmt.Println("served") }))
	try := func() { h.ServeHTTP(httptest.NewRecorder(), request("GET", "/orders", "u1", "customer")) }

	try() // no policy yet
	fmt.Println(live.LoadJSON(strings.NewReader(`{"roles": {"customer": {"permissions": ["orders:*"]}}}`)))
	try()
	fmt.Println(live.LoadJSON(strings.NewReader(`{"roles": {"customer": {"permissions": ["orders:list"]}}}`)))
	try() // the last good policy stays
	fmt.Println(live.LoadJSON(strings.NewReader(`{"roles": {"customer": {}, "clerk": {"permissions": ["orders:*"]}}}`)))
	try() // taken away: obeyed by the next request
	// Output:
	// request.denied orders:read u1
	// <nil>
	// served
	// rbac: invalid policy: a route requires what it lacks, the last good policy stays: no role is granted "orders:read"
	// served
	// <nil>
	// request.denied orders:read u1
}

func ExampleGuard_Can() {
	guard := &rbac.Guard{Decider: rbac.MustPolicy(map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"orders:read"}},
		"manager":  {Permissions: []rbac.Permission{"orders:read", "orders:close"}},
	})}
	for _, role := range []string{"customer", "manager"} {
		ctx := request("GET", "/", "u1", role).Context()
		fmt.Println(role, guard.Can(ctx, "orders:read"), guard.Can(ctx, "orders:close"))
	}
	// Output:
	// customer true false
	// manager true true
}

func ExampleNewPolicy_mistakes() {
	_, err := rbac.NewPolicy(map[string]rbac.Role{
		"admin":    {Inherits: []string{"manager"}},
		"manager":  {Permissions: []rbac.Permission{"orders*"}, Inherits: []string{"admin", "custmer"}},
		"customer": {Permissions: []rbac.Permission{"orders:read", "orders:read"}},
	})
	fmt.Println(err)
	// Output:
	// rbac: invalid policy: role "customer" lists the permission "orders:read" twice
	// role "manager": permission "orders*": a wildcard stands only as "resource:*" or "*", and only in what a role is granted
	// role "manager" inherits "custmer", which does not exist (did you mean "customer"?)
	// the roles inherit in a circle: "admin" -> "manager" -> "admin"
}
