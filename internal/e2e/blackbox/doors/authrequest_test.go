package doors_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

func TestAuthorizationRequests(t *testing.T) {
	t.Parallel()
	s := open(t)
	corpus.Case(t, "OAU-02", "the authorization request and the token request of 20 sign-ins",
		"PKCE with S256 and a new verifier of 43 characters or more, a new state and nonce, only the configured scopes, whatever the query asks for", func(t *testing.T) { requests(t, s) })
	corpus.Case(t, "OAU-07", "a server behind a proxy is asked with a hostile Host, X-Forwarded-Host, -Proto and Forwarded",
		"redirect_uri is that of the configuration; the cookie of the attempt is __Host-, Secure, HttpOnly, SameSite=Lax", func(t *testing.T) { hostileHost(t, s) })
	corpus.Case(t, "O19", "error=access_denied and other errors with script in the description, in the code, in the state, in error_uri; with and without an attempt, as page and as JSON",
		"403 or 400, nothing of it in the answer or as a link, and the attempt is used up", func(t *testing.T) { errorAnswers(t, s) })
	corpus.Case(t, "OAU-14", "a session of a visitor is planted before the sign-in by a provider",
		"a new session id, and the old one is good for nothing", func(t *testing.T) {
			c := s.Client().With("X-Test", "1")
			back := s.callback(t, c, oidc)
			c.HTTP.Jar.SetCookies(parse(t, s.URL), []*http.Cookie{{Name: "session", Value: strings.Repeat("A", 43), Path: "/"}})
			c.Want(t, c.Call(t, "GET", back, nil), 200)
			for _, k := range cookies(t, c) {
				if k.Name == "session" && k.Value == strings.Repeat("A", 43) {
					t.Error("the planted id is the session")
				}
			}
			planted := s.Client().With("Cookie", "session="+strings.Repeat("A", 43))
			visitor(t, planted)
		})
	corpus.Case(t, "X-O2", "a back-channel logout token that is none: unsigned, an ID token, another audience, without events, with a nonce, twice the same; and a good one",
		"400; the good one ends the session, and only once", func(t *testing.T) { backchannel(t, s) })
	corpus.Case(t, "X-O3", "the server as a weapon: 200 visitors begin and never end; a callback with good state and a code of 4 KB, a code with a line break",
		"no request to the token endpoint for the malformed ones; healthy", func(t *testing.T) {
			before := s.asked()
			for _, code := range []string{strings.Repeat("a", 5000), "a\r\nHost: evil.example", "", "\u00e4", "a\x00b"} {
				c := s.Client()
				refused(t, c, c.Call(t, "GET", query(t, s.callback(t, c, oidc), "code", code), nil), 400)
			}
			if n := s.asked() - before; n != 0 {
				t.Errorf("%d token requests", n)
			}
			for range 200 {
				s.begin(t, s.Client(), github)
			}
			c := s.Client()
			c.Want(t, c.Call(t, "GET", "/healthz", nil), 200)
		})
}

func requests(t *testing.T, s *site) {
	seen := make(map[string]bool)
	for start, e := range map[string]hostileidp.Endpoint{oidc: hostileidp.Token, github: hostileidp.GitHubToken} {
		for range 10 {
			c := s.Client()
			request := s.begin(t, c, start+"?scope=admin&redirect_uri=https://evil.example&code_challenge_method=plain&client_id=x&state=x&prompt=none&nonce=x")
			q := request.Query()
			fresh := []string{q.Get("state"), q.Get("code_challenge")}
			scope := "user:email"
			if start == oidc {
				fresh, scope = append(fresh, q.Get("nonce")), "openid email profile"
			}
			for _, v := range fresh {
				if len(v) < 43 || seen[v] {
					t.Errorf("%q is short, or was there before", v)
				}
				seen[v] = true
			}
			if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" || q.Get("client_id") != oauthtest.ClientID ||
				q.Get("redirect_uri") != s.Base+start+"/callback" || q.Get("scope") != scope || q.Has("prompt") || q.Has("client_secret") {
				t.Errorf("%s", request)
			}
			c.Want(t, c.Call(t, "GET", s.atProvider(t, request), nil), 200)
			all := []*hostileidp.Server{s.idp, s.hub}[map[string]int{oidc: 0, github: 1}[start]].Requests(e)
			form := all[len(all)-1].Form
			sum := sha256.Sum256([]byte(form.Get("code_verifier")))
			if v := form.Get("code_verifier"); len(v) < 43 || base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") || form.Get("redirect_uri") != q.Get("redirect_uri") {
				t.Errorf("the token request has %v", form)
			}
		}
	}
	for _, r := range append(s.idp.Requests(hostileidp.Authorize), s.idp.Requests(hostileidp.UserInfo)...) {
		if strings.Contains(r.Query.Encode(), url.QueryEscape(oauthtest.ClientSecret)) || r.Header.Get("Cookie") != "" {
			t.Error("a secret or a cookie is in a request that must not have it")
		}
	}
}

func hostileHost(t *testing.T, s *site) {
	const base = "https://app.example.com"
	o := s.options()
	o.Args, o.Env = []string{"-dev", "false", "-base-url", base}, append(o.Env, "SMTP_URL=smtp://127.0.0.1:1?from=no-reply@example.com")
	production := running.On(t, "SQLite", nil).Start(t, o)
	for _, h := range []string{"Host: evil.example", "Host: localhost\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http", "Host: localhost\r\nForwarded: host=evil.example;proto=http", "Host: localhost\r\nX-Forwarded-Prefix: //evil.example\r\nX-Original-Host: evil.example"} {
		status, header := raw(t, production, "GET "+oidc+" HTTP/1.1\r\n"+h+"\r\nConnection: close\r\n\r\n")
		q := parse(t, header.Get("Location")).Query()
		if status != 303 || q.Get("redirect_uri") != base+oidc+"/callback" || evil(header.Get("Location")) {
			t.Errorf("%q: %d, leads to %q", h, status, header.Get("Location"))
		}
		set := header.Get("Set-Cookie")
		for _, part := range []string{"__Host-oauth-oidc-", "; Path=/;", "; Secure", "; HttpOnly", "; SameSite=Lax"} {
			if !strings.Contains(set, part) {
				t.Errorf("%q has no %q", set, part)
			}
		}
		if strings.Contains(set, "Domain") || header.Get("Referrer-Policy") != "no-referrer" || header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", header)
		}
	}
}

func errorAnswers(t *testing.T, s *site) {
	const script = "<script>evil.example</script>"
	for start, at := range callbacks {
		for _, code := range []string{"access_denied", "server_error", "login_required", script, "", "access_denied\r\nX-Injected: 1", strings.Repeat("e", 3000)} {
			for _, page := range []bool{false, true} {
				c := s.Client()
				q := s.begin(t, c, start).Query()
				params := url.Values{"error": {code}, "error_description": {script}, "error_uri": {"https://evil.example/"}, "state": {q.Get("state")}}
				if start == oidc {
					params.Set("iss", s.idp.URL)
				}
				without := url.Values{"error": {code}, "error_description": {script}, "state": {script}}
				for i, p := range []url.Values{without, params, params} {
					ask, want := c.Page, 400
					if !page {
						ask = func(t testing.TB, path string) *running.Answer { return c.Call(t, "GET", path, nil) }
					}
					if i == 1 {
						want = 403
					}
					a := ask(t, at+"?"+p.Encode())
					refused(t, c, a, want)
					if evil(a.Text) || a.Header.Get("X-Injected") != "" || evil(strings.Join(a.Header.Values("Location"), "")) {
						t.Errorf("%q is in the answer: %s", code, a.Text)
					}
				}
			}
		}
	}
}

func backchannel(t *testing.T, s *site) {
	c := s.Client()
	c.Want(t, s.signIn(t, c, oidc), 200)
	claims := func(change func(m map[string]any)) map[string]any {
		m := map[string]any{"iss": s.idp.URL, "aud": oauthtest.ClientID, "sub": "7", "iat": time.Now().Unix(), "exp": time.Now().Unix() + 120, "jti": rand.Text(),
			"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
		if change != nil {
			change(m)
		}
		return m
	}
	send := func(token string) *running.Answer {
		return s.Client().Send(t, "POST", "/api/v1/auth/oidc/backchannel", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body(url.Values{"logout_token": {token}}.Encode()))
	}
	typ := map[string]any{"typ": "logout+jwt"}
	good := s.idp.Good.Sign(typ, claims(nil))
	unsigned := hostileidp.Compact(map[string]any{"alg": "none", "typ": "logout+jwt"}, claims(nil), func([]byte) []byte { return nil })
	stranger := hostileidp.New(t).Good.Sign(typ, claims(nil))
	for name, token := range map[string]string{
		"nothing": "", "no JWT": "x", "unsigned": unsigned, "signed by a stranger": stranger, "an ID token": s.idp.Good.Sign(nil, claims(func(m map[string]any) { delete(m, "events"); m["nonce"] = "n" })),
		"another audience": s.idp.Good.Sign(typ, claims(func(m map[string]any) { m["aud"] = "x" })), "another issuer": s.idp.Good.Sign(typ, claims(func(m map[string]any) { m["iss"] = "https://evil.example" })),
		"no events": s.idp.Good.Sign(typ, claims(func(m map[string]any) { delete(m, "events") })), "a nonce": s.idp.Good.Sign(typ, claims(func(m map[string]any) { m["nonce"] = "n" })),
		"no jti": s.idp.Good.Sign(typ, claims(func(m map[string]any) { delete(m, "jti") })), "no subject": s.idp.Good.Sign(typ, claims(func(m map[string]any) { delete(m, "sub") })),
		"old": s.idp.Good.Sign(typ, claims(func(m map[string]any) { m["iat"], m["exp"] = time.Now().Unix()-7200, time.Now().Unix()-7000 })),
	} {
		if a := send(token); a.StatusCode != 400 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
		c.Want(t, c.Call(t, "GET", profile, nil), 200)
	}
	if a := send(good); a.StatusCode != 200 && a.StatusCode != 204 {
		t.Errorf("a good one: %d %s", a.StatusCode, a.Text)
	}
	visitor(t, c)
	again := s.Client()
	again.Want(t, s.signIn(t, again, oidc), 200)
	send(good)
	again.Want(t, again.Call(t, "GET", profile, nil), 200)
}
