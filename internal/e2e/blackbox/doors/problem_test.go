package doors_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func TestProblems(t *testing.T) {
	t.Parallel()
	s := open(t)
	customer := s.Member(t, alice, words)
	corpus.Case(t, "PRB-01", "every route of the contract, refused as a visitor, as a customer and with a broken body",
		"application/problem+json with type, title, status, code; status is that of the response; type names the code; no-store, nosniff", func(t *testing.T) {
			n := 0
			for _, c := range []*running.Client{s.Client(), customer} {
				for _, r := range contract() {
					if r.path == "/api/v1/auth/logout" || r.path == "/api/v1/sessions" || strings.HasSuffix(r.path, "change-password") { // which would succeed
						continue
					}
					for _, in := range []any{r.body, "{", nil} {
						if a := c.Call(t, r.method, r.path, in); a.StatusCode >= 400 {
							n++
							isProblem(t, a)
						}
					}
				}
			}
			if n < 100 {
				t.Errorf("%d refusals", n)
			}
		})
	corpus.Case(t, "PRB-02", "refusals whose cause has a secret, a path, SQL or an address in it: canaries in bodies, ids, keys, tokens, queries",
		"no canary, no SQL, no path of a file, no address of a server in any answer; and no secret in the log", func(t *testing.T) { canaries(t, s, customer) })
	corpus.Case(t, "PRB-04", "script and line breaks in paths, queries and bodies that are refused, as JSON and as a page",
		"nothing of it in the answer, JSON as JSON and never as HTML", func(t *testing.T) {
			const script = "%3Cscript%3Eevil.example%3C/script%3E"
			for _, path := range []string{"/" + script, orders + "/" + script, "/api/v1/auth/" + script, "/login?notice=" + script, "/verify-email?token=%22%3E%3Cscript%3E", "/account?notice=" + script, "/admin/users/" + script + "/roles"} {
				for _, c := range []*running.Client{s.Client(), customer} {
					for _, method := range []string{"GET", "POST", "DELETE"} {
						a := c.Send(t, method, path, http.Header{"Accept": {"text/html"}, "Sec-Fetch-Site": {"same-origin"}}, nil)
						if strings.Contains(a.Text, "<script>evil") || strings.Contains(a.Text, `"><script>`) {
							t.Errorf("%s %s: %s", method, path, a.Text)
						}
						if a := c.Call(t, method, path, nil); strings.Contains(a.Header.Get("Content-Type"), "html") && a.StatusCode >= 400 {
							t.Errorf("%s %s: a client gets %s", method, path, a.Header.Get("Content-Type"))
						}
					}
				}
			}
		})
	corpus.Case(t, "PRB-06", "HEAD of what is refused; 204; 304; 429",
		"no body; a length only where it is true; 429 with Retry-After of whole seconds", func(t *testing.T) { bodiless(t, s, customer) })
	corpus.Case(t, "XCT-10", "bodies on the routes that take one: another content type, none, an unknown member, a member twice, in capitals, trailing data, 65 KB, a list, a form with a field twice",
		"415, 400, 413; no partial effect", func(t *testing.T) { strictBodies(t, s, customer) })
}

// isProblem holds an answer to RFC 9457 §3.
func isProblem(t *testing.T, a *running.Answer) {
	t.Helper()
	status, _ := a.JSON("status").(float64)
	code := a.Code()
	if a.Header.Get("Content-Type") != "application/problem+json" || int(status) != a.StatusCode || a.String("title") == "" || code == "" ||
		!strings.HasSuffix(a.String("type"), "#"+strings.ToLower(code)) || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s %s: %d %s %v", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Text, a.Header)
	}
	if a.StatusCode == 401 && a.Header.Get("WWW-Authenticate") == "" && code == "UNAUTHENTICATED" {
		t.Errorf("%s %s: a 401 without a challenge", a.Request.Method, a.Request.URL.Path)
	}
}

func canaries(t *testing.T, s *site, customer *running.Client) {
	const canary = "c4n4ry"
	text := keyText(t, customer, "orders:read")
	_, token := s.TokenFor(t, alice, words)
	bad := unknown(text)
	parts := strings.Split(token, ".")
	var answers []string
	ask := func(c *running.Client, method, path string, in any) {
		a := c.Call(t, method, path, in)
		if a.StatusCode < 400 && a.StatusCode != 202 {
			t.Errorf("%s %s: %d", method, path, a.StatusCode)
		}
		answers = append(answers, fmt.Sprint(a.Text, a.Header))
	}
	ask(s.Key(bad), "GET", orders, nil)
	ask(s.Bearer(parts[0]+"."+parts[1]+"."+canary), "GET", orders, nil)
	ask(s.Bearer(canary), "GET", orders, nil)
	ask(s.Key("sk_live_"+canary), "GET", orders, nil)
	for _, c := range []*running.Client{s.Client(), customer} {
		ask(c, "DELETE", orders+"/"+canary, nil)
		ask(c, "DELETE", apiKeys+"/"+canary, nil)
		ask(c, "POST", "/api/v1/auth/login", running.Credentials(canary+"@example.com", canary))
		ask(c, "POST", "/api/v1/auth/login", `{"email":"`+canary+`","password":"`+canary+`","unknown":1}`) // the name of a member is told, its value is not
		ask(c, "POST", "/api/v1/auth/reset-password", object{"token": canary, "password": words})
		ask(c, "POST", "/api/v1/auth/verify-email", object{"token": canary})
		ask(c, "POST", "/api/v1/auth/mfa/challenge", object{"code": canary})
		ask(c, "GET", oidc+"/callback?code="+canary+"&state="+canary+"&iss="+canary, nil)
		ask(c, "GET", "/"+canary+"?x="+canary, nil)
		ask(c, "POST", orders, canary)
	}
	all := strings.ToLower(strings.Join(answers, "\n"))
	for _, leak := range []string{canary, "sql", "select ", "goroutine", ".go:", "/tmp/", "/home/", "127.0.0.1", "reference_orders", "auth_users", "no rows", "dial tcp", bad[20:], parts[1]} {
		if strings.Contains(all, strings.ToLower(leak)) {
			t.Errorf("an answer has %q", leak)
		}
	}
	log := s.Log()
	for _, secret := range []string{text[30:], bad[30:], parts[2], words, "secret of the client"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has a secret, %.4s…", secret)
		}
	}
	for _, k := range cookies(t, customer) {
		if strings.Contains(log, k.Value) {
			t.Errorf("the log has the cookie %s", k.Name)
		}
	}
}

func bodiless(t *testing.T, s *site, customer *running.Client) {
	for _, path := range []string{profile, orders, "/api/v1/nothing", "/account", oidc + "/callback"} {
		status, header := raw(t, s.Server, "HEAD "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		got := exchange(t, s.Server, []byte("HEAD "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), "")
		if _, rest, _ := strings.Cut(got, "\r\n\r\n"); rest != "" || status < 400 && status != 303 {
			t.Errorf("%s: %d %v %q", path, status, header, rest)
		}
	}
	if a := customer.Want(t, customer.Call(t, "DELETE", "/api/v1/sessions/x", nil), 204); a.Text != "" || a.Header.Get("Content-Type") != "" {
		t.Errorf("204 with %q, %v", a.Text, a.Header)
	}
	first := customer.Want(t, customer.Call(t, "GET", "/.well-known/jwks.json", nil), 200)
	if tag := first.Header.Get("ETag"); tag != "" {
		again := customer.With("If-None-Match", tag)
		if a := again.Call(t, "GET", "/.well-known/jwks.json", nil); a.StatusCode != 304 || a.Text != "" {
			t.Errorf("%d with %q", a.StatusCode, a.Text)
		}
	}
	c := s.Client()
	for range 7 {
		a := c.Call(t, "POST", "/api/v1/auth/login", running.Credentials("nobody@example.com", words))
		if a.StatusCode == 429 {
			isProblem(t, a)
			if seconds := a.Header.Get("Retry-After"); seconds == "" || strings.Trim(seconds, "0123456789") != "" {
				t.Errorf("Retry-After %q", seconds)
			}
			return
		}
	}
	t.Error("no 429")
}

func strictBodies(t *testing.T, s *site, customer *running.Client) {
	login := `{"email":"` + alice + `","password":"` + words + `"`
	send := func(c *running.Client, method, path, media, text string) *running.Answer {
		return c.Send(t, method, path, http.Header{"Accept": {"application/json"}, "Content-Type": {media}, "Sec-Fetch-Site": {"same-origin"}}, strings.NewReader(text))
	}
	for _, k := range []struct {
		media, text string
		status      int
	}{
		{"text/plain", login + "}", 415}, {"", login + "}", 415}, {"application/xml", login + "}", 415}, {"application/json; charset=latin1", login + "}", 415},
		{"application/json", login + `,"isAdmin":true}`, 400}, {"application/json", login + `,"email":"` + bob + `"}`, 400}, {"application/json", login + `,"Email":"` + bob + `"}`, 400},
		{"application/json", login + "}x", 400}, {"application/json", login, 400}, {"application/json", "[" + login + "}]", 400}, {"application/json", `{"email":["` + alice + `"],"password":"` + words + `"}`, 400},
		{"application/json", login + strings.Repeat(" ", 66<<10) + "}", 413}, {"application/x-www-form-urlencoded", "email=a&email=b&password=c", 400}, {"application/x-www-form-urlencoded", "email=a&password=c&isAdmin=1", 400},
	} {
		c := s.Client()
		for _, path := range []string{"/api/v1/auth/login", "/api/v1/auth/token"} {
			if a := send(c, "POST", path, k.media, k.text); a.StatusCode != k.status || len(a.Cookies()) != 0 {
				t.Errorf("%s with %q %.90s: %d %s", path, k.media, k.text, a.StatusCode, a.Text)
			}
		}
	}
	for path, text := range map[string]string{apiKeys: `{"name":"n","scopes":["orders:read"]`, "/api/v1/auth/change-password": `{"current_password":"` + words + `","password":"another good password"`, orders: `{"item":"tea"`} {
		for _, tail := range []string{`,"x":1}`, "}x", "", `,"password":"b","password":"c"}`, `,"scopes":["orders:write"]}`, `,"ITEM":"x"}`} {
			if path == "/api/v1/auth/change-password" || path == apiKeys {
				if a := send(customer, "POST", path, "application/json", text+tail); a.StatusCode != 400 {
					t.Errorf("%s with %s%s: %d %s", path, text, tail, a.StatusCode, a.Text)
				}
			}
		}
	}
	s.Login(t, alice, words) // the password is what it was
}
