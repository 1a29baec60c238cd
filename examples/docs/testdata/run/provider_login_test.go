package signin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/oauth/oidc"
	"github.com/go-sallyport/auth/session"
)

type table map[string]string // address to id

func (t table) Find(_ context.Context, email string) (string, error) { return t[email], nil }

func (t table) Make(_ context.Context, email, _ string) (string, error) {
	t[email] = fmt.Sprint("user-", len(t)+1)
	return t[email], nil
}
func (t table) Remove(context.Context, string) error              { return nil }
func (t table) HasPassword(context.Context, string) (bool, error) { return true, nil }

func (t table) Principal(_ context.Context, id string) (*auth.Principal, error) {
	for _, have := range t {
		if have == id {
			return &auth.Principal{Subject: id}, nil
		}
	}
	return nil, auth.ErrInvalidCredentials
}

// Alice signs in with GitHub and links the company; a stranger at the company with her
// address gets nowhere.
func TestProviders(t *testing.T) {
	alice := oauthtest.User{Subject: "7", Email: "alice@example.com", EmailVerified: true}
	hub := oauthtest.New(t, oauthtest.Config{Users: []oauthtest.User{alice}, SkipConsent: true})
	idp := oauthtest.New(t, oauthtest.Config{Users: []oauthtest.User{alice}, SkipConsent: true})
	github, err := oauth.NewGitHub(oauth.GitHubConfig{ClientID: oauthtest.ClientID, Auth: oauth.ClientSecretPost(oauthtest.ClientSecret), URL: hub.URL})
	if err != nil {
		t.Fatal(err)
	}
	company, err := oidc.New(oidc.Config{Issuer: idp.URL, ClientID: oauthtest.ClientID, Auth: oauth.ClientSecretBasic(oauthtest.ClientSecret)})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	site, err := New("https://app.example.com", []byte("32 random bytes from a secret..."), table{}, sessions, github, company)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(site)
	defer server.Close()
	open := func() func(method, path string) string {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		browser := *server.Client()
		browser.Jar = jar
		return func(method, path string) string {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), method, "https://app.example.com"+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept", "text/html")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			res, err := browser.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(res.StatusCode, " ", res.Request.URL.RequestURI(), " ", string(text))
		}
	}
	want := func(got, want string) {
		t.Helper()
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	hers, stranger := open(), open()
	want(hers("GET", "/auth/github"), "200 /account you are user-1")
	want(stranger("GET", "/auth/oidc"), "404 /login?say=link")
	want(hers("POST", "/auth/oidc/link"), "200 /account you are user-1")
	want(stranger("GET", "/auth/oidc"), "200 /account you are user-1")
	want(hers("POST", "/logout"), "404 / ") // the home page, which this service has not
	want(hers("GET", "/account"), "401")
}
