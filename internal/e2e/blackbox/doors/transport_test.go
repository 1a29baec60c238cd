package doors_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func TestTransport(t *testing.T) {
	t.Parallel()
	s := open(t)
	customer := s.Member(t, alice, words)
	corpus.Case(t, "H01", "X-User-Id, X_User_Id, X-Forwarded-User, Remote-User and twenty more that name a person, a role or a principal, alone and beside a customer's session",
		"401 alone; beside a session nothing changes", func(t *testing.T) { identityHeaders(t, s.Server, customer) })
	corpus.Case(t, "H02", "CR and LF, raw, escaped and by HTTP/2, in every value that may reach a header: return_to, state, path, Host, cookie, Accept, key, token, request line",
		"refused, or no header of it in the answer", func(t *testing.T) { splitHeaders(t, s, customer) })
	corpus.Case(t, "H03", "10,000 cookies, a Cookie header of 1 MB, 20,000 header lines, a request line of 1 MB, the cookies by HTTP/2 as well; 500 cookies that are in the limit",
		"431 or 400 or a closed connection; the server goes on, and logs no panic", func(t *testing.T) { manyCookies(t, s.Server) })
	corpus.Case(t, "H04", "3,000 malformed requests to every route: bodies of random types, broken JSON and forms, wrong content types, ids of rubbish, 32 at a time (a panic of a hook or a store is left to the packages)",
		"no 5xx, no panic in the log, and a good request works meanwhile", func(t *testing.T) { rubbish(t, s, customer) })
	corpus.Case(t, "X-T1", "DNS rebinding: a name of the attacker that points to this machine is the Host of requests to a development server",
		"refused: no mail in the mailbox, no page, no session", func(t *testing.T) {
			for _, host := range []string{"evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "", "169.254.169.254", "0.0.0.0", "[::]"} {
				for _, path := range []string{"/dev/mailbox", "/login", profile} {
					if status, header := raw(t, s.Server, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n"); status < 400 || header.Get("Set-Cookie") != "" {
						t.Errorf("%s for %q: %d", path, host, status)
					}
				}
			}
		})
	corpus.Case(t, "X-T2", "request smuggling: Content-Length twice, with Transfer-Encoding, chunked twice, a space before the colon, a bare LF, a minus, an obs-fold",
		"400 or 501 or a closed connection, and one answer at most", func(t *testing.T) { smuggling(t, s.Server) })
	corpus.Case(t, "X-T3", "a body that the route does not want, of 10 MB, to routes without and with a login, and one that is announced and never comes",
		"no 5xx: 413, 400 or 401, a closed connection, or the body is not read; others are served meanwhile", func(t *testing.T) { uninvitedBodies(t, s.Server, customer) })
}

func identityHeaders(t *testing.T, s *running.Server, customer *running.Client) {
	id := who(t, customer)
	for _, name := range []string{
		"X-User-Id", "X_User_Id", "X-User", "X-User-Email", "X-User-Roles", "X-Roles", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Remote-User", "Remote-User", "Remote_User",
		"X-Auth-Request-User", "X-Auth-User", "X-Authenticated-User", "X-Principal", "X-Subject", "X-Account-Id", "X-Admin", "X-Is-Admin", "X-Goog-Authenticated-User-Email", "X-Ms-Client-Principal-Id", "Cf-Access-Authenticated-User-Email", "X-Consumer-Username", "X-Webauth-User",
	} {
		for _, v := range []string{id, running.AdminEmail, "admin", "1", "true"} {
			c := s.Client().With(name, v)
			if a := c.Call(t, "GET", profile, nil); a.StatusCode != 401 {
				t.Errorf("%s: %s: %d", name, v, a.StatusCode)
			}
			a := customer.With(name, v).Call(t, "GET", profile, nil)
			if a.StatusCode != 200 || a.String("data", "id") != id {
				t.Errorf("%s: %s beside a session: %d %s", name, v, a.StatusCode, a.Text)
			}
		}
		c := customer.With(name, "admin")
		c.Want(t, c.Call(t, "GET", "/api/v1/admin/users", nil), 403)
	}
}

func splitHeaders(t *testing.T, s *site, customer *running.Client) {
	const injected = "X-Injected: 1"
	for _, cr := range []string{"\r\n", "\n", "\r", "%0d%0a", "%0a", "%0D%0A%20", "\u560d\u560a", "%E5%98%8D%E5%98%8A", "\x00", "%00", "\x0b"} {
		for _, line := range []string{
			"GET /login?return_to=/x" + cr + injected + " HTTP/1.1\r\nHost: localhost", "GET " + oidc + "?return_to=/x" + cr + injected + " HTTP/1.1\r\nHost: localhost",
			"GET /orders" + cr + injected + " HTTP/1.1\r\nHost: localhost", "GET " + oidc + "/callback?state=x" + cr + injected + "&code=y HTTP/1.1\r\nHost: localhost",
			"GET /account HTTP/1.1\r\nHost: localhost" + cr + injected + "\r\nAccept: text/html", "GET " + profile + " HTTP/1.1\r\nHost: localhost\r\nCookie: session=x" + cr + injected,
			"GET " + profile + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x" + cr + injected, "GET " + profile + " HTTP/1.1\r\nHost: localhost\r\nX-API-Key: sk_live_x" + cr + injected,
			"GET /style.css HTTP/1.1\r\nHost: localhost\r\nAccept: text/html" + cr + injected, "OPTIONS /x" + cr + injected + " HTTP/1.1\r\nHost: localhost",
		} {
			status, header := raw(t, s.Server, line+"\r\nConnection: close\r\n\r\n")
			if header.Get("X-Injected") != "" || status >= 500 && status != 501 && status != 505 {
				t.Errorf("%q: %d %v", line, status, header)
			}
		}
	}
	// HTTP/2 has no line breaks, so a value can carry one; the client of net/http
	// refuses to send it, and the path and the query are escaped.
	h2 := customer.HTTP2()
	for _, path := range []string{"/orders?return_to=%0d%0aX-Injected:1", "/account%0d%0aX-Injected:1", oidc + "?return_to=/%0aX-Injected:1"} {
		a := h2.Page(t, path)
		if a.ProtoMajor != 2 || a.Header.Get("X-Injected") != "" || strings.Contains(a.Header.Get("Location"), "\n") {
			t.Errorf("%s: %s %v", path, a.Proto, a.Header)
		}
	}
	lineFeedByHTTP2(t, s.Server)
}

func manyCookies(t *testing.T, s *running.Server) {
	c := s.Client()
	big := map[string]http.Header{
		"10,000 cookies": {"Cookie": {strings.TrimSuffix(strings.Repeat("session=aaaaaaaa; ", 10_000), "; ")}},
		"1 MB of cookie": {"Cookie": {"session=" + strings.Repeat("a", 1<<20)}},
		"20,000 lines":   {"X-A": make([]string, 20_000)},
		"1 MB of key":    {"X-Api-Key": {strings.Repeat("a", 1<<20)}},
		"1 MB of token":  {"Authorization": {"Bearer " + strings.Repeat("a", 1<<20)}},
		"1 MB of Accept": {"Accept": {strings.Repeat("text/html,", 1<<17)}},
	}
	for name, h := range big {
		clients := []*running.Client{c}
		if h.Get("Cookie") != "" { // a server of HTTP/2 takes a second to close
			clients = append(clients, c.HTTP2())
		}
		for _, c := range clients {
			a, err := c.Try(t, "GET", profile, h, nil)
			if err == nil && a.StatusCode != 431 && a.StatusCode != 400 && a.StatusCode != 401 {
				t.Errorf("%s by %s: %d", name, a.Proto, a.StatusCode)
			}
			if err == nil && a.ProtoMajor == 1 && a.StatusCode != 431 {
				t.Errorf("%s: %d, want 431", name, a.StatusCode)
			}
		}
	}
	if status, _ := raw(t, s, "GET /"+strings.Repeat("a", 1<<20)+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); status != 431 && status != 414 && status != 400 && status != 0 {
		t.Errorf("a long path: %d", status)
	}
	var within []string
	for i := range 500 {
		within = append(within, fmt.Sprintf("oauth-oidc-%022d=%d", i, i), fmt.Sprintf("session%d=x", i))
	}
	for _, header := range []string{strings.Join(within[:700], "; "), strings.Repeat("session=a; ", 2000), strings.Repeat("; ", 8000), strings.Repeat("=", 30<<10)} {
		c := s.Client().With("Cookie", header)
		for _, path := range []string{profile, "/login", oidc + "/callback?state=x&code=y"} {
			a := c.Call(t, "GET", path, nil)
			if a.StatusCode >= 500 {
				t.Errorf("%s with %.30q…: %d", path, header, a.StatusCode)
			}
		}
		a := c.Page(t, oidc) // makes room, within reason
		if n := len(a.Cookies()); a.StatusCode != 303 || n > 70 {
			t.Errorf("%d, %d cookies are set", a.StatusCode, n)
		}
	}
	c.Want(t, c.Call(t, "GET", "/healthz", nil), 200)
	if strings.Contains(s.Log(), "panic") {
		t.Error("the log has a panic")
	}
}

func rubbish(t *testing.T, s *site, customer *running.Client) {
	bodies := []string{
		"", "{", "[", "null", "0", `""`, "{}", `{"email":null,"password":null}`, `{"email":{},"password":[]}`, `{"email":1e999}`, strings.Repeat(`{"a":`, 5000), strings.Repeat("[", 60_000), "\xff\xfe", `{"email":"\ud800"}`,
		"email=%zz&password=%", strings.Repeat("a=b&", 10_000), "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nx\r\n--x--", `{"code":"000000","recovery_code":"x"}`, `{"token":"` + strings.Repeat("a", 50_000) + `"}`, `{"roles":[[]],"scopes":{}}`,
		`{"name":"n","scopes":["orders:read"],"expires_in":99999999999999999999}`, `{"item":"\u0000"}`,
	}
	media := []string{"application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "", "application/json; charset=utf-16", "application/json;;", "\u00e4"}
	type try struct{ method, path, media, body string }
	var tries []try
	for i, r := range contract() {
		if r.path == "/api/v1/auth/logout" || r.path == "/api/v1/sessions" || r.method == "GET" && r.body == nil && i%3 > 0 {
			continue
		}
		for j, body := range bodies {
			for k := range 4 {
				path := strings.Replace(r.path, "/x", "/"+[]string{"%00", "%ff%fe", strings.Repeat("a", 3000), "%27%20OR%201=1--", "..%2f..%2fetc", "*"}[(i+j+k)%6], 1)
				tries = append(tries, try{r.method, path, media[(j+2*k)%len(media)], body})
			}
		}
	}
	work := make(chan try)
	var all sync.WaitGroup
	for i := range 32 {
		c := customer
		if i%2 == 0 {
			c = s.Client()
		}
		all.Go(func() {
			for w := range work {
				a, err := c.Try(t, w.method, w.path, http.Header{"Content-Type": {w.media}}, body(w.body))
				if err == nil && a.StatusCode >= 500 {
					t.Errorf("%s %s with %.40q as %s: %d %s", w.method, w.path, w.body, w.media, a.StatusCode, a.Text)
				}
			}
		})
	}
	for i := range 3000 {
		work <- tries[i%len(tries)]
	}
	close(work)
	all.Wait()
	customer.Want(t, customer.Call(t, "GET", profile, nil), 200)
	if strings.Contains(s.Log(), "panic") {
		t.Error("the log has a panic")
	}
}
