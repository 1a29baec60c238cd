package accounts

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

const challengeInvalid = "MFA_CHALLENGE_INVALID"

// protected are the routes that want somebody signed in.
var protected = []string{
	"POST /auth/change-password", "POST /auth/mfa/enable", "POST /auth/mfa/verify", "POST /auth/mfa/disable", "POST /auth/mfa/recovery-codes",
	"GET /api-keys", "POST /api-keys", "POST /api-keys/x/rotate", "DELETE /api-keys/x", "GET /sessions", "DELETE /sessions/x", "DELETE /sessions",
	"GET /profile", "GET /orders", "POST /orders", "DELETE /orders/1", "GET /admin/users", "PUT /admin/users/x/roles", "GET /admin/audit",
	"POST /auth/token/refresh",
}

// protectedPages lead to the login instead.
var protectedPages = []string{
	"GET /account", "GET /account/prove", "POST /account/password", "POST /account/email", "POST /account/delete", "POST /account/sessions/end-others",
	"POST /account/factor/enable", "POST /account/factor/verify", "POST /account/factor/disable", "POST /account/factor/codes", "POST /account/devices/forget", "POST /account/keys",
	"GET /orders", "POST /orders", "GET /admin",
}

func TestPending(t *testing.T) {
	idp := oauthtest.New(t, oauthtest.Config{SkipConsent: true, Users: []oauthtest.User{{Subject: "7", ID: 7, Email: "oidc@example.com", EmailVerified: true}}})
	s := open(t, running.On(t, "SQLite", nil), running.Options{Env: []string{"OIDC_ISSUER=" + idp.URL, "OIDC_CLIENT_ID=" + oauthtest.ClientID, "OIDC_CLIENT_SECRET=" + oauthtest.ClientSecret}})

	corpus.Case(t, "M06", "after the password and before the code: every route that wants a login, also with the challenge as session, token, key", "401, pages lead to the login (MFA-06)", func(t *testing.T) {
		h := s.holder(t, "m06@example.com")
		c := s.begin(t, h.email)
		value := ""
		for _, k := range c.HTTP.Jar.Cookies(mustURL(t, s.URL)) {
			if k.Name == "mfa" {
				value = k.Value
			}
		}
		clients := []*running.Client{c}
		for _, header := range []string{"Cookie: session=" + value, "Cookie: refresh=" + value, "Authorization: Bearer " + value, "X-API-Key: " + value} {
			name, value, _ := strings.Cut(header, ": ")
			clients = append(clients, s.visitor().With(name, value))
		}
		for i, c := range clients {
			for _, route := range protected {
				method, path, _ := strings.Cut(route, " ")
				a := c.Call(t, method, v1+path, object{})
				noCredential(t, a)
				if a.StatusCode != 401 {
					t.Errorf("client %d, %s: %d %s", i, route, a.StatusCode, a.Text)
				}
			}
		}
		for _, route := range protectedPages {
			method, path, _ := strings.Cut(route, " ")
			a := c.Send(t, method, path, http.Header{"Accept": {"text/html"}, "Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(""))
			if a.StatusCode != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/login") {
				t.Errorf("%s: %d %q", route, a.StatusCode, a.Header.Get("Location"))
			}
		}
		c.Want(t, prove(t, c, object{"code": h.code(t, 0)}), 200) // and none of it has ended the sign-in
	})
	corpus.Case(t, "M07", "a sign-in of A with the code of B; used twice; without its cookie; with the cookie cut, altered and doubled; 10 minutes old", "401, and A's is not spent", func(t *testing.T) {
		a, b := s.holder(t, "m07-a@example.com"), s.holder(t, "m07-b@example.com")
		c := s.begin(t, a.email)
		denied(t, prove(t, c, object{"code": b.code(t, 0)}), 401, codeInvalid)
		denied(t, prove(t, c, object{"recovery_code": b.recovery[0]}), 401, codeInvalid)
		denied(t, prove(t, s.visitor(), object{"code": a.code(t, 0)}), 401, challengeInvalid)
		u := mustURL(t, s.URL)
		value := ""
		for _, k := range c.HTTP.Jar.Cookies(u) {
			if k.Name == "mfa" {
				value = k.Value
			}
		}
		flipped := []byte(value)
		flipped[len(flipped)/2] ^= 1
		for _, header := range []string{"mfa=" + value[:len(value)-1], "mfa=" + value + "A", "mfa=" + string(flipped), "mfa=" + value + "; mfa=" + value, "mfa=", "mfa=" + strings.Repeat("A", 4000)} {
			denied(t, prove(t, s.visitor().With("Cookie", header), object{"code": a.code(t, 0)}), 401, challengeInvalid)
		}
		c.Want(t, prove(t, c, object{"code": a.code(t, 0)}), 200)
		again := s.visitor().With("Cookie", "mfa="+value)
		denied(t, prove(t, again, object{"code": a.code(t, 1)}), 401, challengeInvalid)
		c = s.begin(t, a.email)
		s.exec(t, "UPDATE auth_mfa_challenges SET opened_at = opened_at - ?, expires_at = expires_at - ?", 600_000_000, 600_000_000)
		denied(t, prove(t, c, object{"code": a.code(t, 1)}), 401, challengeInvalid)
		if n := s.count(t, "SELECT count(*) FROM auth_mfa_challenges WHERE expires_at - opened_at > ?", 600_000_000); n != 0 {
			t.Errorf("%d sign-ins wait longer than 10 minutes", n)
		}
	})
	corpus.Case(t, "M08", "reset of the password, remember me, the form of the page, the token endpoint, sign-in with a provider, for somebody with a factor", "each asks for it (MFA-07, RST-07)", func(t *testing.T) {
		h := s.holder(t, "m08@example.com")
		empty(t, setNew(t, s.visitor(), s.reset(t, h.email, 1), words), 204)
		s.begin(t, h.email)
		v := s.visitor()
		denied(t, v.Call(t, "POST", v1+"/auth/login", object{"email": h.email, "password": words, "remember": true}), 401, "MFA_REQUIRED")
		a := v.Want(t, prove(t, v, object{"recovery_code": h.recovery[0]}), 200)
		if c := a.Cookie("session"); c == nil || c.MaxAge <= 0 {
			t.Errorf("the wish to be remembered is lost: %q", a.Header["Set-Cookie"])
		}
		v = s.visitor()
		a = v.Post(t, "/login", url.Values{"email": {h.email}, "password": {words}, "return_to": {"/orders"}})
		if a.StatusCode != 303 || a.Header.Get("Location") != "/login/factor" || a.Cookie("session") != nil && a.Cookie("session").Value != "" {
			t.Errorf("%d %v", a.StatusCode, a.Header)
		}
		if a := v.Call(t, "GET", v1+"/profile", nil); a.StatusCode != 401 {
			t.Errorf("after the form: %d", a.StatusCode)
		}
		a = v.Post(t, "/login/factor", url.Values{"recovery_code": {h.recovery[1]}})
		if a.StatusCode != 303 || a.Header.Get("Location") != "/orders" {
			t.Errorf("%d %v", a.StatusCode, a.Header)
		}
		v = s.visitor()
		denied(t, v.Call(t, "POST", v1+"/auth/token", running.Credentials(h.email, words)), 401, "MFA_REQUIRED")

		p := &holder{email: "oidc@example.com", client: s.visitor()}
		s.byProvider(t, p.client)
		p.client.Want(t, p.client.Call(t, "GET", v1+"/profile", nil), 200)
		s.enrol(t, p)
		v = s.visitor()
		a = s.byProvider(t, v)
		if a.StatusCode != 303 || a.Header.Get("Location") != "/login/factor" {
			t.Errorf("the callback: %d %v", a.StatusCode, a.Header)
		}
		if a := v.Call(t, "GET", v1+"/profile", nil); a.StatusCode != 401 {
			t.Errorf("by a provider: %d %s", a.StatusCode, a.Text)
		}
		v.Want(t, prove(t, v, object{"code": p.code(t, 0)}), 200)
		v.Want(t, v.Call(t, "GET", v1+"/profile", nil), 200)
	})
	corpus.Case(t, "X-M3", "a sign-in waits when its user resets the password, or changes it, or is disabled; then the right code", "401, no session", func(t *testing.T) {
		h := s.holder(t, "xm3@example.com")
		c := s.begin(t, h.email)
		empty(t, setNew(t, s.visitor(), s.reset(t, h.email, 1), words), 204)
		denied(t, prove(t, c, object{"recovery_code": h.recovery[0]}), 401, challengeInvalid)
		session := s.finish(t, h.email, object{"recovery_code": h.recovery[1]})
		c = s.begin(t, h.email)
		empty(t, session.Call(t, "POST", v1+"/auth/change-password", object{"current_password": words, "password": other}), 204)
		denied(t, prove(t, c, object{"recovery_code": h.recovery[2]}), 401, challengeInvalid)
		v := s.visitor()
		denied(t, try(t, v, h.email, other), 401, "MFA_REQUIRED")
		s.exec(t, "UPDATE auth_users SET disabled = 1 WHERE email = ?", h.email)
		a := prove(t, v, object{"recovery_code": h.recovery[3]})
		noCredential(t, a)
		if a.StatusCode != 401 {
			t.Errorf("disabled: %d %s", a.StatusCode, a.Text)
		}
	})
	corpus.Case(t, "X-M4", "another site sends the code of a sign-in that waits, by JSON and by form; a session of B is there beside the sign-in of A", "403 or a page, no session; A's code signs A in and B out", func(t *testing.T) {
		h := s.holder(t, "xm4@example.com")
		c := s.begin(t, h.email)
		for _, media := range []string{"application/json", "application/x-www-form-urlencoded"} {
			text := `{"recovery_code":"` + h.recovery[0] + `"}`
			if media != "application/json" {
				text = "recovery_code=" + h.recovery[0]
			}
			a := c.Send(t, "POST", v1+"/auth/mfa/challenge", http.Header{"Content-Type": {media}, "Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, strings.NewReader(text))
			noCredential(t, a)
			if a.StatusCode != 403 {
				t.Errorf("%s: %d %s", media, a.StatusCode, a.Text)
			}
		}
		s.add(t, "xm4-b@example.com")
		c.Want(t, try(t, c, "xm4-b@example.com", words), 200) // in the browser in which A's waits
		a := c.Want(t, prove(t, c, object{"recovery_code": h.recovery[0]}), 200)
		if a.String("data", "email") != h.email {
			t.Error(a.Text)
		}
		if a := c.Call(t, "GET", v1+"/profile", nil); a.String("data", "email") != h.email {
			t.Error(a.Text)
		}
	})
}

// byProvider signs in at the provider and comes back, as a browser does.
func (s *site) byProvider(t testing.TB, c *running.Client) *running.Answer {
	t.Helper()
	to := c.Want(t, c.Page(t, v1+"/auth/oidc"), 303).Header.Get("Location")
	res, err := c.HTTP.Get(to) //nolint:noctx // the provider of this test
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	back, ok := strings.CutPrefix(res.Header.Get("Location"), s.URL)
	if !ok {
		t.Fatalf("the provider leads to %q", res.Header.Get("Location"))
	}
	return c.Page(t, back)
}
