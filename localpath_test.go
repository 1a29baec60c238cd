package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
)

func TestLocalPath(t *testing.T) {
	for in, want := range map[string]string{
		"/":                         "/",
		"/orders":                   "/orders",
		"/orders/":                  "/orders/",
		"/orders?page=2&q=a%20b":    "/orders?page=2&q=a%20b",
		"/orders#top":               "/orders",
		"/caf%C3%A9":                "/caf%C3%A9",
		"/a:b@c;d=1":                "/a:b@c;d=1",
		"/search?next=//evil":       "/search?next=//evil",
		"/search?next=http://x.y/z": "/search?next=http://x.y/z",
		"/a%2Fb":                    "/a%2Fb",
		"/.well-known/x":            "/.well-known/x",
		"/a?":                       "/a",
	} {
		if got, ok := auth.LocalPath(in); !ok || got != want {
			t.Errorf("%q: %q %v, want %q", in, got, ok, want)
		}
	}

	for _, in := range hostilePaths {
		t.Run("OAU-08 O13 "+in[:min(len(in), 40)], func(t *testing.T) {
			if got, ok := auth.LocalPath(in); ok || got != "" {
				t.Errorf("accepted as %q", got)
			}
		})
	}
}

// hostilePaths has attack O13 and its relatives.
var hostilePaths = []string{
	"", "evil", ".evil", "//evil.example", `/\evil.example`, "/\t/evil.example", `\\evil.example`, `\/evil.example`, "https:evil.example",
	"https:/evil.example", "https://evil.example", "///evil.example", "////evil.example", "/..//evil.example", "//evil.example/%2f..",
	"javascript:alert(1)", "data:text/html,x", "/foo\r\nX: y", "/foo\nX: y", "https://app@evil.example", "https://app.evil.example",
	" //evil.example", "/ /evil.example", "%2f%2fevil.example", "/%2f%2fevil.example", "/%2Fevil.example", "/%5cevil.example", "/%5Cevil.example",
	"/%09/evil.example", "/%0d%0aX:%20y", "/%00", "\x00/evil", "/\x00/evil", "/" + strings.Repeat("a", 8192), "/./evil", "/../evil", "/a/../b",
	"/a/./b", "/a//b", "/%2e%2e/evil", "/%2e/evil", "/a/%2E%2E", "/a/..", "/é", "/\u2028", "/%E2%80%A8", "/\xff", "/%ff", "/%", "/%zz", "?x", "#x", "*",
	"/\u00a0/evil", "/\u3000", "/<script>", `/"onload=x`, "/`x`", "/\x7f", "/a?x=\\evil", "/a?x=\r\n", "/a?b c",
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range hostilePaths {
		f.Add(s)
	}
	f.Add("/orders?page=2#x")
	base, err := url.Parse("https://app.example/login/now")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := auth.LocalPath(s)
		if !ok {
			if got != "" {
				t.Fatalf("refused, yet %q", got)
			}
			return
		}
		// The clean form is a fixed point.
		if again, ok := auth.LocalPath(got); !ok || again != got {
			t.Fatalf("%q is not clean: %q %v", got, again, ok)
		}
		// It stays on the origin for net/url, and for a browser, which drops
		// tabs and newlines, trims, and reads backslashes as slashes.
		browser := strings.ReplaceAll(strings.TrimSpace(strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(got)), `\`, "/")
		decoded, _ := url.PathUnescape(got)
		for _, form := range []string{got, browser} {
			u, err := base.Parse(form)
			if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || u.User != nil {
				t.Fatalf("%q leads to %v (%v)", s, u, err)
			}
		}
		if path, _, _ := strings.Cut(decoded, "?"); strings.HasPrefix(path, "//") || strings.HasPrefix(path, `/\`) {
			t.Fatalf("%q decodes to %q", s, decoded)
		}
		// http.Redirect sends it as it is.
		w := httptest.NewRecorder()
		http.Redirect(w, httptest.NewRequest("GET", "/login/now", nil), got, http.StatusSeeOther)
		if loc := w.Header().Get("Location"); loc != got {
			t.Fatalf("%q is redirected to %q", got, loc)
		}
	})
}

func TestLoginRedirect(t *testing.T) {
	h := auth.Chain((&auth.Gate{
		Authenticators: []auth.Authenticator{scheme{name: "key"}},
		ErrorHandler:   auth.LoginRedirect("/login"),
	}).Handler)(who)
	page := func(method, target string) *http.Request {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		return r
	}

	for _, tc := range []struct {
		name, location string
		r              *http.Request
	}{
		{"a page", "/login?return_to=%2Forders%3Fpage%3D2", page("GET", "/orders?page=2")},
		{"HEAD", "/login?return_to=%2Forders", page("HEAD", "/orders")},
		{"a form: its target is no page", "/login", page("POST", "/orders")},
		{"O13 a path that is not local", "/login", page("GET", "http://app.example//evil.example")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := do(h, tc.r)
			if got := w.Header().Get("Location"); w.Code != 303 || got != tc.location {
				t.Errorf("%d %q", w.Code, got)
			}
			if w.Header().Get("Cache-Control") != "no-store" || !slices.Contains(w.Header().Values("Vary"), "Accept") {
				t.Errorf("%v", w.Header())
			}
		})
	}

	t.Run("an API client gets the problem", func(t *testing.T) {
		for _, accept := range []string{"", "*/*", "application/json", "text/html;q=0", "text/html;q=0.000", "text/htmlx"} {
			r := httptest.NewRequest("GET", "/orders", nil)
			r.Header.Set("Accept", accept)
			if w := do(h, r); w.Code != 401 {
				t.Errorf("%q: %d", accept, w.Code)
			}
		}
	})
	t.Run("only a 401 is a matter of logging in", func(t *testing.T) {
		for _, err := range []error{auth.ErrForbidden, nil} {
			w := httptest.NewRecorder()
			auth.LoginRedirect("/login")(w, page("GET", "/"), err)
			if w.Code == 303 {
				t.Errorf("%v is redirected", err)
			}
		}
	})
	t.Run("a login path with a query", func(t *testing.T) {
		w := httptest.NewRecorder()
		auth.LoginRedirect("/login?lang=en")(w, page("GET", "/a"), auth.ErrNoCredentials)
		if got := w.Header().Get("Location"); got != "/login?lang=en&return_to=%2Fa" {
			t.Error(got)
		}
	})
	t.Run("XCT-05 a login page elsewhere panics at start-up", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		auth.LoginRedirect("https://evil.example/login")
	})
}

func TestReturnPath(t *testing.T) {
	get := func(query string) string {
		return auth.ReturnPath(httptest.NewRequest("GET", "/login?"+query, nil), "/home")
	}
	if got := get("return_to=%2Forders%3Fpage%3D2"); got != "/orders?page=2" {
		t.Error(got)
	}
	for _, q := range []string{"", "return_to=", "return_to=//evil.example", "return_to=https://evil.example", "return_to=/%5Cevil"} {
		if got := get(q); got != "/home" {
			t.Errorf("%s: %s", q, got)
		}
	}
	r := httptest.NewRequest("POST", "/login?return_to=/query", strings.NewReader("return_to=/form"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := r.ParseForm(); err != nil {
		t.Fatal(err)
	}
	if got := auth.ReturnPath(r, "/home"); got != "/form" {
		t.Error(got)
	}
}
