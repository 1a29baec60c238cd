package authtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

const evil = "https://evil.example"

func TestFromHeaders(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(s.Close)
	b := authtest.NewBrowserAt(t, "https://app.example.com", s.Client().Transport)
	for _, test := range []struct {
		name    string
		resp    *authtest.Response
		has     []string
		without string
	}{
		{"a link on another site", b.From(evil).Get("/a"), []string{"GET /a", "host app.example.com", "Sec-Fetch-Site: cross-site\n", "Sec-Fetch-Mode: navigate\n"}, "Origin:"},
		{"a form on another site", b.From(evil+"/page?x=1").Post("/a", nil), []string{"POST /a", "Sec-Fetch-Site: cross-site\n", "Origin: " + evil + "\n"}, "Origin: https://app.example.com"},
		{"a script on another site that reads", b.From(evil).Fetch("GET", "/a", nil), []string{"Sec-Fetch-Site: cross-site\n", "Origin: " + evil + "\n", "Sec-Fetch-Mode: cors\n"}, "POST"},
		{"a script on another site that writes", b.From(evil).PostJSON("/a", "{}"), []string{"Sec-Fetch-Site: cross-site\n", "Origin: " + evil + "\n"}, "GET"},
		{"a form on another subdomain", b.From("https://blog.example.com").Post("/a", nil), []string{"Sec-Fetch-Site: same-site\n", "Origin: https://blog.example.com\n"}, "cross-site"},
		{"a link on its own pages", b.From("https://app.example.com").Get("/a"), []string{"Sec-Fetch-Site: same-origin\n"}, "Origin:"},
		{"and it stays where it was", b.Get("/a"), []string{"Sec-Fetch-Site: none\n"}, "Origin:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, want := range test.has {
				if !strings.Contains(test.resp.Body, want) {
					t.Errorf("lacks %q:\n%s", want, test.resp.Body)
				}
			}
			if strings.Contains(test.resp.Body, test.without) {
				t.Errorf("has %q:\n%s", test.without, test.resp.Body)
			}
		})
	}
	if r := faketb.Run("TestX", func(t testing.TB) { b.Another(t).From("evil.example"); t.Log("went on") }); !r.Failed || len(r.Log) != 1 {
		t.Errorf("an origin that is none: %+v", r)
	}
}

// A page of another subdomain that is led from its own server to that of b.
func TestFromFollows(t *testing.T) {
	const blog = "https://blog.example.com"
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "blog.example.com" {
			http.Redirect(w, r, "https://app.example.com/", http.StatusSeeOther)
			return
		}
		echo(w, r)
	}))
	t.Cleanup(s.Close)
	other := authtest.NewBrowserAt(t, "https://app.example.com", s.Client().Transport).From(blog)
	if got := other.Follow(other.Get(blog + "/")).Body; !strings.Contains(got, "host app.example.com\n") || !strings.Contains(got, "Sec-Fetch-Site: same-site\n") {
		t.Errorf("arrived with\n%s", got)
	}
}

// Which cookies leave, by SameSite: draft-ietf-httpbis-rfc6265bis, section 5.8.3.
func TestFromObeysSameSite(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", cookies)
	mux.HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) })
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	b := authtest.NewBrowserAt(t, "https://app.example.com", s.Client().Transport)
	for _, c := range []string{"strict=1; SameSite=Strict", "lax=1; SameSite=Lax", "none=1; SameSite=None", "silent=1"} {
		set(b, c+"; Path=/; Secure")
	}
	other := b.From(evil)
	const all = "strict=1; lax=1; none=1; silent=1"
	for _, test := range []struct {
		name string
		resp *authtest.Response
		want string
	}{
		{"its own page", b.Post("/", nil), all},
		{"a pretence by headers, for the server to see through", b.Post("/", nil, "Origin", evil, "Sec-Fetch-Site", "cross-site"), all},
		{"its own page, named", b.From(b.URL("")).Post("/", nil), all},
		{"another subdomain", b.From("https://blog.example.com").Post("/", nil), all},
		{"a link", other.Get("/"), "lax=1; none=1; silent=1"},
		{"a redirect after a link", other.Follow(other.Get("/again")), "lax=1; none=1; silent=1"},
		{"a form", other.Post("/", nil), "none=1; silent=1"},
		{"a page behind a form", other.Follow(other.Post("/again", nil)), "lax=1; none=1; silent=1"},
		{"a script", other.Fetch("GET", "/", nil), "none=1; silent=1"},
		{"plain HTTP is another site", b.From("http://app.example.com").Post("/", nil), "none=1; silent=1"},
	} {
		if test.resp.Body != test.want {
			t.Errorf("%s sent %q, want %q", test.name, test.resp.Body, test.want)
		}
	}
	set(other, "lax=2; SameSite=Lax; Path=/; Secure")
	if c := b.Cookie("lax"); c == nil || c.Value != "2" {
		t.Errorf("the two share no cookies: %v", c)
	}
	if got := other.Another(t).Post("/", nil, "Cookie", "a=1").Request.Header.Get("Origin"); got != "https://app.example.com" {
		t.Errorf("another browser begins at %s", got)
	}
}

// The guard of the standard library refuses what a page of another site sends, and
// the test sees it without SameSite's help.
func TestFromMeetsCrossOriginProtection(t *testing.T) {
	b := authtest.NewBrowser(t, http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "done")
	})))
	b.Post("/", nil).Want(http.StatusOK)
	b.From(evil).Get("/").Want(http.StatusOK)
	b.From(evil).Post("/", nil).Want(http.StatusForbidden)
	b.From(evil).PostJSON("/", "{}").Want(http.StatusForbidden)
}
