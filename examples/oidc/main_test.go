package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// A browser is a client with cookies that goes wherever a redirect sends it.
type browser struct {
	t      *testing.T
	client *http.Client
	base   string
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar}, base}
}

type answer struct {
	status int
	body   string
	at     *url.URL // where the browser ended
}

func (b *browser) do(method, address string, form url.Values) answer {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.base + address
	}
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res.StatusCode, string(page), res.Request.URL}
}

func (b *browser) get(path string) answer  { b.t.Helper(); return b.do("GET", path, nil) }
func (b *browser) post(path string) answer { b.t.Helper(); return b.do("POST", path, url.Values{}) }

var hidden = regexp.MustCompile(`name="id" value="([^"]+)"`)

// choose answers the page of the provider.
func (b *browser) choose(page answer, subject, say string) answer {
	b.t.Helper()
	id := hidden.FindStringSubmatch(page.body)
	if page.status != http.StatusOK || id == nil {
		b.t.Fatalf("not the page of the provider: %d at %s: %s", page.status, page.at, page.body)
	}
	return b.do("POST", page.at.Scheme+"://"+page.at.Host+"/consent", url.Values{"id": {id[1]}, "user": {subject}, "answer": {say}})
}

func (b *browser) signIn(subject string) answer {
	b.t.Helper()
	page := b.choose(b.get("/account"), subject, "allow")
	if page.status != http.StatusOK || page.at.Path != "/account" || page.at.RawQuery != "" {
		b.t.Fatalf("sign-in of %s: %d at %s: %s", subject, page.status, page.at, page.body)
	}
	return page
}

// start runs the site with a provider of its own.
func start(t *testing.T) (base string, idp *oauthtest.Server, log *bytes.Buffer) {
	t.Helper()
	log = new(bytes.Buffer)
	var site http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { site.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	idp, err := demoProvider(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(idp.Close)
	site, err = newSite(settings{server.URL, idp.URL, oauthtest.ClientID, oauthtest.ClientSecret}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return server.URL, idp, log
}

var subjects = regexp.MustCompile(`<dt>Subject</dt><dd><code>([^<]+)</code>`)

func subjectOf(t *testing.T, a answer) string {
	t.Helper()
	m := subjects.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no account at %s: %s", a.at, a.body)
	}
	return m[1]
}

var removals = regexp.MustCompile(`action="(/account/links/[^"]+/remove)"`)

// TestSite walks the whole flow: sign-in, account, links, sign-out.
func TestSite(t *testing.T) {
	base, idp, log := start(t)
	b := newBrowser(t, base)
	if home := b.get("/"); !strings.Contains(home.body, "no passwords") {
		t.Fatal(home.body)
	}
	page := b.signIn("alice-7")
	alice := subjectOf(t, page)
	if !strings.Contains(page.body, "alice@example.com") || !strings.Contains(page.body, "this session") {
		t.Error(page.body)
	}

	t.Run("the same identity is the same account, another one is another", func(t *testing.T) {
		if got := subjectOf(t, newBrowser(t, base).signIn("alice-7")); got != alice {
			t.Errorf("%s, want %s", got, alice)
		}
	})
	t.Run("the last identity stays", func(t *testing.T) {
		remove := removals.FindStringSubmatch(b.get("/account").body)[1]
		if got := b.post(remove); got.status != http.StatusConflict || !strings.Contains(got.body, "LAST_LOGIN_METHOD") {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	t.Run("link another identity, sign in with it, remove it", func(t *testing.T) {
		page := b.choose(b.post("/account/link"), "bob-8", "allow")
		if page.status != http.StatusOK || page.at.Path != "/account" || len(removals.FindAllString(page.body, -1)) != 2 {
			t.Fatalf("%d at %s: %s", page.status, page.at, page.body)
		}
		other := newBrowser(t, base)
		if got := subjectOf(t, other.signIn("bob-8")); got != alice {
			t.Errorf("Bob's identity opens %s, want %s", got, alice)
		}
		remove := removals.FindAllStringSubmatch(page.body, -1)[1][1]
		if got := b.post(remove); got.status != http.StatusOK || len(removals.FindAllString(got.body, -1)) != 1 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if got := other.get("/account"); got.at.Host == b.get("/account").at.Host {
			t.Error("the session of the identity that was removed lives on")
		}
		if got := subjectOf(t, newBrowser(t, base).signIn("bob-8")); got == alice {
			t.Error("an identity that was removed opens the account")
		}
	})
	t.Run("an identity of somebody else cannot be linked", func(t *testing.T) {
		if got := b.choose(b.post("/account/link"), "bob-8", "allow"); got.status != http.StatusConflict || !strings.Contains(got.body, "LINK_CONFLICT") {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	t.Run("who says no is told so", func(t *testing.T) {
		other := newBrowser(t, base)
		if got := other.choose(other.get("/auth/oidc"), "alice-7", "deny"); got.status != http.StatusForbidden || !strings.Contains(got.body, "PROVIDER_DENIED") {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
	t.Run("sign out, here and at the provider, and back", func(t *testing.T) {
		if got := b.post("/sign-out"); got.status != http.StatusOK || got.at.Host != mustParse(t, base).Host || got.at.Path != "/" {
			t.Fatalf("%d at %s: %s", got.status, got.at, got.body)
		}
		if got := b.get("/account"); got.at.Host != mustParse(t, idp.URL).Host {
			t.Errorf("still signed in: at %s", got.at)
		}
	})
	t.Run("the provider signs a user out", func(t *testing.T) {
		b.signIn("alice-7")
		now := time.Now()
		token := idp.Sign(map[string]any{"typ": "logout+jwt"}, map[string]any{
			"iss": idp.URL, "aud": oauthtest.ClientID, "sub": "alice-7", "jti": "1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
		})
		res, err := http.PostForm(base+backchannelPath, url.Values{"logout_token": {token}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := b.get("/account"); res.StatusCode != http.StatusOK || got.at.Host != mustParse(t, idp.URL).Host {
			t.Errorf("%d, and at %s", res.StatusCode, got.at)
		}
	})
	if strings.Contains(log.String(), "eyJ") || strings.Contains(log.String(), oauthtest.ClientSecret) {
		t.Error("a token or a secret is in the log")
	}
}

// TestRemoveCurrent: a session does not outlive the identity that it was made through.
func TestRemoveCurrent(t *testing.T) {
	base, idp, _ := start(t)
	b := newBrowser(t, base)
	b.signIn("alice-7")
	page := b.choose(b.post("/account/link"), "bob-8", "allow")
	remove := removals.FindAllStringSubmatch(page.body, -1)
	if len(remove) != 2 {
		t.Fatal(page.body)
	}
	if got := b.post(remove[0][1]); got.at.Host != mustParse(t, idp.URL).Host {
		t.Errorf("still signed in: at %s", got.at)
	}
}

// TestUnverifiedAddress: an address that nobody has proved keeps nobody out.
func TestUnverifiedAddress(t *testing.T) {
	base, idp, _ := start(t)
	idp.SetUsers(
		oauthtest.User{Subject: "mallory", Name: "Mallory", Email: "alice@example.com"},
		oauthtest.User{Subject: "alice-7", Name: "Alice", Email: "Alice@example.com", EmailVerified: true},
		oauthtest.User{Subject: "alice-9", Name: "Alice", Email: "alice@example.com", EmailVerified: true},
	)
	if page := newBrowser(t, base).signIn("mallory"); !strings.Contains(page.body, "<dt>E-mail</dt><dd></dd>") {
		t.Errorf("Mallory has the address: %s", page.body)
	}
	newBrowser(t, base).signIn("alice-7")
	b := newBrowser(t, base)
	if got := b.choose(b.get("/auth/oidc"), "alice-9", "allow"); got.status != http.StatusConflict || !strings.Contains(got.body, "LINK_REQUIRED") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestProviderDown: the site starts, and says what is wrong.
func TestProviderDown(t *testing.T) {
	site, err := newSite(settings{"http://127.0.0.1:8080", "http://127.0.0.1:1", "client", ""}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(site)
	defer server.Close()
	b := newBrowser(t, server.URL)
	if got := b.get("/"); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := b.get("/auth/oidc"); got.status != http.StatusBadGateway || !strings.Contains(got.body, "PROVIDER_FAILED") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
