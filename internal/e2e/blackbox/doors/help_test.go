package doors_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

const (
	words   = "correct horse battery staple"
	alice   = "alice@example.com"
	bob     = "bob@example.com"
	mallory = "mallory@example.com"

	profile = "/api/v1/profile"
	orders  = "/api/v1/orders"
	apiKeys = "/api/v1/api-keys"
	oidc    = "/api/v1/auth/oidc"
	github  = "/api/v1/auth/github"
)

type object = map[string]any

// person is who signs in at both providers.
func person(email string) oauthtest.User {
	return oauthtest.User{Subject: "7", ID: 7, Email: email, EmailVerified: true, Username: "person", Name: "Person"}
}

// A site is a server with two providers that do what a test tells them to: idp is that
// of OpenID Connect, hub is GitHub.
type site struct {
	*running.Server
	backend  *running.Backend
	idp, hub *hostileidp.Server
}

// open starts a site of its own on SQLite. The first user is signed in at both providers.
func open(t *testing.T, users ...oauthtest.User) *site {
	t.Helper()
	return openOn(t, running.On(t, "SQLite", nil), users...)
}

func openOn(t *testing.T, b *running.Backend, users ...oauthtest.User) *site {
	t.Helper()
	atHub := users
	if len(users) == 0 { // two addresses, or the second sign-in is asked to link
		users, atHub = []oauthtest.User{person("person@example.com")}, []oauthtest.User{person("person@hub.example.com")}
	}
	s := &site{backend: b, idp: hostileidp.NewWith(t, oauthtest.Config{Users: users}), hub: hostileidp.NewWith(t, oauthtest.Config{Users: atHub})}
	s.Server = b.Start(t, s.options())
	return s
}

// options are those of a server with both providers.
func (s *site) options() running.Options {
	return running.Options{Env: []string{
		"OIDC_ISSUER=" + s.idp.URL, "OIDC_CLIENT_ID=" + oauthtest.ClientID, "OIDC_CLIENT_SECRET=" + oauthtest.ClientSecret,
		"GITHUB_CLIENT_ID=" + oauthtest.ClientID, "GITHUB_CLIENT_SECRET=" + oauthtest.ClientSecret,
		"GITHUB_URL=" + s.hub.URL, "GITHUB_API_URL=" + s.hub.URL + "/api/v3",
	}}
}

// begin begins a sign-in and returns the authorization request.
func (s *site) begin(t *testing.T, c *running.Client, path string) *url.URL {
	t.Helper()
	a := c.Want(t, c.Page(t, path), 303)
	return parse(t, a.Header.Get("Location"))
}

// atProvider is what a browser does at the provider. It returns the path and the query
// of the callback.
func (s *site) atProvider(t *testing.T, request *url.URL) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, request.String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	back, ok := strings.CutPrefix(res.Header.Get("Location"), s.Base)
	if !ok {
		t.Fatalf("the provider answers %d and leads to %q", res.StatusCode, res.Header.Get("Location"))
	}
	return back
}

// callback is a good callback that was not sent yet.
func (s *site) callback(t *testing.T, c *running.Client, path string) string {
	t.Helper()
	return s.atProvider(t, s.begin(t, c, path))
}

// signIn is the whole way. The answer is that of the callback, to a client of the API:
// 200, or a problem.
func (s *site) signIn(t *testing.T, c *running.Client, path string) *running.Answer {
	t.Helper()
	return c.Call(t, "GET", s.callback(t, c, path), nil)
}

// asked is how many requests have reached the token endpoints of both providers.
func (s *site) asked() int {
	return s.idp.Count(hostileidp.Token) + s.hub.Count(hostileidp.GitHubToken)
}

// refused fails the test unless the answer is a problem with one of the statuses, and
// nobody is signed in in the browser.
func refused(t *testing.T, c *running.Client, a *running.Answer, statuses ...int) {
	t.Helper()
	if !slices.Contains(statuses, a.StatusCode) {
		t.Errorf("%s %s: %d %s, want %v", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Text, statuses)
	}
	if a.Header.Get("Location") != "" {
		t.Errorf("leads to %q", a.Header.Get("Location"))
	}
	visitor(t, c)
}

// visitor fails the test if somebody is signed in in the browser.
func visitor(t *testing.T, c *running.Client) {
	t.Helper()
	if a := c.Call(t, "GET", profile, nil); a.StatusCode != 401 {
		t.Errorf("signed in: %d %s", a.StatusCode, a.Text)
	}
}

// who is the id of the user who is signed in.
func who(t *testing.T, c *running.Client) string {
	t.Helper()
	return c.Want(t, c.Call(t, "GET", profile, nil), 200).String("data", "id")
}

// key makes an API key with scopes, by a session that has just signed in.
func key(t *testing.T, c *running.Client, scopes ...string) *running.Client {
	t.Helper()
	return c.Server.Key(keyText(t, c, scopes...))
}

func keyText(t *testing.T, c *running.Client, scopes ...string) string {
	t.Helper()
	return c.Want(t, c.Call(t, "POST", apiKeys, object{"name": "n", "scopes": scopes}), 201).String("key")
}

// setRoles replaces the roles of a user.
func setRoles(t *testing.T, admin *running.Client, id string, roles ...string) {
	t.Helper()
	admin.Want(t, admin.Call(t, "PUT", "/api/v1/admin/users/"+id+"/roles", object{"roles": append([]string{}, roles...)}), 200)
}

// cookies are those that the browser sends to the site.
func cookies(t *testing.T, c *running.Client) []*http.Cookie {
	t.Helper()
	return c.HTTP.Jar.Cookies(parse(t, c.Server.URL))
}

// copyCookies gives one browser the cookies of another, those that keep says.
func copyCookies(t *testing.T, to, from *running.Client, keep func(name string) bool) {
	t.Helper()
	for _, k := range cookies(t, from) {
		if keep(k.Name) {
			to.HTTP.Jar.SetCookies(parse(t, to.Server.URL), []*http.Cookie{{Name: k.Name, Value: k.Value, Path: "/"}})
		}
	}
}

func isAttempt(name string) bool { return strings.HasPrefix(name, "oauth") }

// query returns a path with one parameter set.
func query(t *testing.T, path, name, value string) string {
	t.Helper()
	u := parse(t, path)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// throughScript is what a script makes of an answer.
func throughScript(t *testing.T, script hostileidp.Script, in map[string]any) (out map[string]any) {
	t.Helper()
	rec := httptest.NewRecorder()
	script(rec, httptest.NewRequest(http.MethodGet, "/", http.NoBody), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(in)
	}))
	d := json.NewDecoder(rec.Body)
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
