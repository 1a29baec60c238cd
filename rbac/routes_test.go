package rbac_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/rbac"
)

// TestRouteMatrix (RBA-03, B03): whatever the method, the spelling of the path
// and the headers, a handler runs only for callers who have the permission that
// it was mounted with.
func TestRouteMatrix(t *testing.T) {
	pol := rbac.MustPolicy(map[string]rbac.Role{
		"reader": {Permissions: []rbac.Permission{"orders:read"}},
		"writer": {Permissions: []rbac.Permission{"orders:write"}},
		"admin":  {Permissions: []rbac.Permission{"*"}},
	})
	var ran rbac.Permission // what the handler that ran was mounted with
	mux := http.NewServeMux()
	for pattern, perm := range map[string]rbac.Permission{
		"GET /orders":         "orders:read",
		"POST /orders":        "orders:write",
		"GET /orders/{id}":    "orders:read",
		"DELETE /orders/{id}": "orders:delete",
		"/admin/":             "users:write",
		"/export/{path...}":   "orders:export",
	} {
		mux.Handle(pattern, pol.Require(perm)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = perm })))
	}
	// A service that honours method overrides does so in front of its router.
	override := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m := r.Header.Get("X-HTTP-Method-Override"); m != "" {
			r.Method = m
		}
		mux.ServeHTTP(w, r)
	})

	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "FOO"}
	paths := []string{
		"/orders", "/orders/", "//orders", "/orders//", "/./orders", "/%2e/orders", "/x/../orders", "/x/%2e%2e/orders", "/ORDERS", "/Orders",
		"/%6frders", "/orders%2f", "/orders%00", "/orders;a=b", "/orders?a=b", "/orders/7", "/orders/7/", "/orders//7", "/orders/%37", "/orders/%2e%2e",
		"/orders/../admin/users", "/admin", "/admin/", "//admin/", "/admin/../orders", "/ADMIN/", "/admin/%2e%2e/orders", "/%61dmin/x",
		"/export/a", "/export//a", "/export/../orders", "/export/%2e%2e/orders", "http://other.example/orders", "/orders/x%2fadmin",
	}
	headers := []http.Header{
		nil,
		{"X-Http-Method-Override": {"GET"}},
		{"X-Http-Method-Override": {"DELETE"}},
		{"X-Http-Method": {"DELETE"}, "X-Method-Override": {"DELETE"}},
		{"X-Original-Url": {"/orders"}, "X-Rewrite-Url": {"/orders"}, "X-Forwarded-Prefix": {"/orders"}},
		{"X-Roles": {"admin"}, "X-User-Role": {"admin"}, "X-Forwarded-User": {"admin"}},
	}
	for name, c := range map[string]struct {
		p   *auth.Principal
		may []rbac.Permission
	}{
		"anonymous": {nil, nil},
		"stranger":  {as("stranger"), nil},
		"reader":    {as("reader"), []rbac.Permission{"orders:read"}},
		"writer":    {as("writer"), []rbac.Permission{"orders:write"}},
		"bounded":   {scoped("admin", "orders:read"), []rbac.Permission{"orders:read"}},
		"admin":     {as("admin"), []rbac.Permission{"orders:read", "orders:write", "orders:delete", "users:write", "orders:export"}},
	} {
		t.Run(name, func(t *testing.T) {
			admitted := make(map[rbac.Permission]bool)
			for _, router := range []http.Handler{mux, override} {
				for _, method := range methods {
					for _, path := range paths {
						for _, header := range headers {
							ran = ""
							status := visit(t, router, c.p, method, path, header)
							if ran != "" && !slices.Contains(c.may, ran) {
								t.Fatalf("%s %s %v: the handler for %q ran", method, path, header, ran)
							}
							if ran == "" && status < 300 {
								t.Fatalf("%s %s %v: %d without a handler", method, path, header, status)
							}
							admitted[ran] = true
						}
					}
				}
			}
			for _, perm := range c.may {
				if !admitted[perm] {
					t.Errorf("no request reached the handler for %q", perm)
				}
			}
		})
	}
	t.Run("HEAD and OPTIONS are asked for the permission of the route", func(t *testing.T) {
		for _, c := range []struct {
			method, path string
			p            *auth.Principal
			status       int
		}{
			{"HEAD", "/orders", nil, 401}, {"HEAD", "/orders", as("writer"), 403}, {"HEAD", "/orders", as("reader"), 200},
			{"OPTIONS", "/admin/", nil, 401}, {"OPTIONS", "/admin/", as("reader"), 403}, {"OPTIONS", "/admin/", as("admin"), 200},
			{"OPTIONS", "/orders", as("admin"), 405}, {"GET", "/ORDERS", as("admin"), 404}, {"GET", "/orders/", as("admin"), 404},
		} {
			if got := visit(t, mux, c.p, c.method, c.path, nil); got != c.status {
				t.Errorf("%s %s as %v: %d, want %d", c.method, c.path, c.p, got, c.status)
			}
		}
	})
}

// visit sends a request and follows redirects as the same caller. It returns the
// last status.
func visit(t *testing.T, h http.Handler, p *auth.Principal, method, path string, header http.Header) int {
	t.Helper()
	for range 5 {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method = method
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		r.URL, r.RequestURI = u, path
		if header != nil {
			r.Header = header.Clone()
		}
		if p != nil {
			r = r.WithContext(auth.NewContext(r.Context(), p))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code < 300 || w.Code > 399 {
			return w.Code
		}
		path = w.Header().Get("Location")
	}
	return http.StatusLoopDetected
}
