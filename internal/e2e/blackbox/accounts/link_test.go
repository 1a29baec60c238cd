package accounts

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
)

const base = "https://app.example.com/"

// Links of mail, and the pages that they lead to.
func TestLinks(t *testing.T) {
	s, office := production(t)

	corpus.Case(t, "P11", "forgot-password and registration with Host, X-Forwarded-Host, X-Forwarded-Proto, X-Original-URL, Forwarded of an attacker",
		"the link of the mail has the configured base (RST-08)", func(t *testing.T) {
			for i, h := range []http.Header{
				{}, {"X-Forwarded-Host": {"evil.example"}}, {"X-Forwarded-Proto": {"http"}}, {"Forwarded": {"host=evil.example;proto=http"}},
				{"X-Host": {"evil.example"}, "X-Forwarded-Server": {"evil.example"}, "X-Original-URL": {"//evil.example/"}, "Origin": {"https://app.example.com"}},
			} {
				// Each has an address of its own: an address gets five of a kind.
				email := "p11-" + string(rune('a'+i)) + "@example.com"
				s.add(t, email)
				host := "evil.example"
				if h.Get("Origin") != "" {
					host = "app.example.com" // or it would be another site
				}
				c := s.through(host)
				c.Header = h
				empty(t, c.Call(t, "POST", v1+"/auth/forgot-password", object{"email": email}), 202)
				empty(t, c.Call(t, "POST", v1+"/auth/register", object{"email": "new-" + email, "password": words}), 202)
				for _, letter := range []string{office.await(t, email, "new password"), office.await(t, "new-"+email, "Confirm")} {
					if !strings.Contains(letter, base) || strings.Contains(letter, "evil") || strings.Contains(letter, "http://") {
						t.Errorf("%v: %s", h, letter)
					}
					s.told.add(tokenIn(t, letter))
				}
			}
		})
	corpus.Case(t, "RST-09", "open the page of a link, and send its form with a weak password", "no-referrer, no-store, no Location, nothing loaded from elsewhere, and no token in the log", func(t *testing.T) {
		s.add(t, "rst09@example.com")
		c := s.through("app.example.com")
		empty(t, c.Call(t, "POST", v1+"/auth/forgot-password", object{"email": "rst09@example.com"}), 202)
		token := tokenIn(t, office.await(t, "rst09@example.com", "new password"))
		s.told.add(token)
		for _, path := range []string{"/reset-password?token=" + token, "/verify-email?token=" + token} {
			a := c.Want(t, c.Page(t, path), 200)
			if a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Location") != "" {
				t.Errorf("%s: %v", path, a.Header)
			}
			if strings.Contains(a.Text, `src="http`) || strings.Contains(a.Text, `href="http`) || strings.Contains(a.Header.Get("Content-Security-Policy"), "http") {
				t.Errorf("%s loads from elsewhere: %s", path, a.Text)
			}
		}
		a := c.Send(t, "POST", "/reset-password", http.Header{"Accept": {"text/html"}, "Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader("token="+token+"&password=short"))
		if a.StatusCode != 422 || a.Header.Get("Referrer-Policy") != "no-referrer" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Location") != "" {
			t.Errorf("%d %v", a.StatusCode, a.Header)
		}
		corpus.Case(t, "RST-10", "open the link ten times before its owner does, also by HEAD", "nothing changes: the form works", func(t *testing.T) {
			for range 10 {
				c.Want(t, c.Page(t, "/reset-password?token="+token), 200)
				c.Want(t, c.Send(t, "HEAD", "/reset-password?token="+token, nil, nil), 200)
				a := c.Send(t, "GET", v1+"/auth/reset-password?token="+token+"&password=another+horse+battery", nil, nil)
				if a.StatusCode < 400 {
					t.Errorf("GET of the endpoint: %d", a.StatusCode)
				}
			}
			a := c.Send(t, "POST", "/reset-password", http.Header{"Accept": {"text/html"}, "Content-Type": {"application/x-www-form-urlencoded"}},
				strings.NewReader("token="+token+"&password=another+horse+battery+staple"))
			if a.StatusCode != 303 || strings.Contains(a.Header.Get("Location"), token) {
				t.Fatalf("%d %v %s", a.StatusCode, a.Header, a.Text)
			}
			noCredential(t, a)
			login := s.through("app.example.com")
			login.Want(t, try(t, login, "rst09@example.com", other), 200)
		})
	})
	corpus.Case(t, "RST-09", "a text of HTML and quotes as the token of the page", "it is shown as text, if at all", func(t *testing.T) {
		a := s.through("app.example.com").Page(t, "/reset-password?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
		if strings.Contains(a.Text, "<script>alert") {
			t.Error(a.Text)
		}
	})
}

// tokenIn is the token of the link in a letter.
func tokenIn(t testing.TB, letter string) string {
	t.Helper()
	_, rest, ok := strings.Cut(letter, "token=")
	if !ok {
		t.Fatalf("no link in %s", letter)
	}
	token, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(token)
}
