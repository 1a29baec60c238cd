package jwtauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/jwtauth"
)

func TestNewIssuer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*jwtauth.IssuerConfig)
		wrong  []string // nil: no error
	}{
		"the least that works":    {func(*jwtauth.IssuerConfig) {}, nil},
		"nothing at all":          {func(c *jwtauth.IssuerConfig) { *c = jwtauth.IssuerConfig{} }, []string{"Issuer", "Audience", "Current", "RefreshKeys", "openssl"}},
		"an empty audience":       {func(c *jwtauth.IssuerConfig) { c.Audience = []string{"a", ""} }, []string{"Audience"}},
		"JWT-22 iss no UTF-8":     {func(c *jwtauth.IssuerConfig) { c.Issuer = "\xff" }, []string{"Issuer", "UTF-8"}},
		"JWT-22 client_id, NUL":   {func(c *jwtauth.IssuerConfig) { c.ClientID = "a\x00" }, []string{"ClientID", "NUL"}},
		"JWT-22 aud no UTF-8":     {func(c *jwtauth.IssuerConfig) { c.Audience = []string{"a", "\xc0\x80"} }, []string{"Audience", "UTF-8"}},
		"no Current":              {func(c *jwtauth.IssuerConfig) { c.SkipCurrent = false }, []string{"SkipCurrent"}},
		"access too short":        {func(c *jwtauth.IssuerConfig) { c.AccessLifetime = time.Millisecond }, []string{"AccessLifetime"}},
		"access too long":         {func(c *jwtauth.IssuerConfig) { c.AccessLifetime, c.InsecureLongLived = 25*time.Hour, true }, []string{"AccessLifetime"}},
		"access beyond idle":      {func(c *jwtauth.IssuerConfig) { c.RefreshIdle = time.Minute }, []string{"RefreshIdle"}},
		"idle beyond lifetime":    {func(c *jwtauth.IssuerConfig) { c.RefreshIdle, c.RefreshLifetime = 3*time.Hour, 2*time.Hour }, []string{"RefreshIdle"}},
		"idle alone":              {func(c *jwtauth.IssuerConfig) { c.RefreshIdle = 60 * 24 * time.Hour }, nil},
		"lifetime alone":          {func(c *jwtauth.IssuerConfig) { c.RefreshLifetime = time.Hour }, nil},
		"lifetime of years":       {func(c *jwtauth.IssuerConfig) { c.RefreshLifetime = 1000 * 24 * time.Hour }, []string{"RefreshLifetime"}},
		"negative lifetime":       {func(c *jwtauth.IssuerConfig) { c.RefreshLifetime = -1 }, []string{"RefreshLifetime"}},
		"a grace of an hour":      {func(c *jwtauth.IssuerConfig) { c.Grace = time.Hour }, []string{"Grace"}},
		"families":                {func(c *jwtauth.IssuerConfig) { c.MaxPerUser = -1 }, []string{"MaxPerUser"}},
		"transport":               {func(c *jwtauth.IssuerConfig) { c.Transport = 9 }, []string{"Transport"}},
		"reuse":                   {func(c *jwtauth.IssuerConfig) { c.Reuse = 9 }, []string{"Reuse"}},
		"SameSite=None":           {func(c *jwtauth.IssuerConfig) { c.SameSite = http.SameSiteNoneMode }, []string{"SameSite"}},
		"a path of elsewhere":     {func(c *jwtauth.IssuerConfig) { c.CookiePath = "//evil.example" }, []string{"CookiePath"}},
		"a path with a trick":     {func(c *jwtauth.IssuerConfig) { c.CookiePath = "/x; Domain=example.com" }, []string{"CookiePath"}},
		"a name without prefix":   {func(c *jwtauth.IssuerConfig) { c.CookieName = "refresh" }, []string{"__Host-"}},
		"__Secure- for /":         {func(c *jwtauth.IssuerConfig) { c.CookieName = "__Secure-x" }, []string{"__Host-"}},
		"__Host- for a path":      {func(c *jwtauth.IssuerConfig) { c.CookieName, c.CookiePath = "__Host-x", "/auth" }, []string{"__Secure-"}},
		"nothing but a prefix":    {func(c *jwtauth.IssuerConfig) { c.CookieName = "__Host-" }, []string{"CookieName"}},
		"a name that is none":     {func(c *jwtauth.IssuerConfig) { c.CookieName = "__Host-a;b" }, []string{"CookieName"}},
		"a prefix without Secure": {func(c *jwtauth.IssuerConfig) { c.CookieName, c.InsecureCookie = "__Host-x", true }, []string{"CookieName"}},
	} {
		cfg := issuerConfig()
		c.change(&cfg)
		_, err := jwtauth.NewIssuer(signingKeys(t), nil, cfg)
		if c.wrong == nil && err != nil || c.wrong != nil && err == nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, word := range c.wrong {
			if err != nil && !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not say %q", name, err, word)
			}
		}
	}
	if _, err := jwtauth.NewIssuer(nil, nil, issuerConfig()); err == nil {
		t.Error("no keys")
	}
}

func TestRFT11Cookie(t *testing.T) {
	const age = "; Max-Age=604800"
	for name, c := range map[string]struct {
		change     func(*jwtauth.IssuerConfig)
		set, clear string
	}{
		"zero": {
			nil,
			"__Host-refresh=TOKEN" + age + "; Path=/; HttpOnly; Secure; SameSite=Strict",
			"__Host-refresh=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; Secure; SameSite=Strict",
		},
		"path": {
			func(c *jwtauth.IssuerConfig) { c.CookiePath, c.SameSite = "/token", http.SameSiteLaxMode },
			"__Secure-refresh=TOKEN" + age + "; Path=/token; HttpOnly; Secure; SameSite=Lax",
			"__Secure-refresh=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/token; HttpOnly; Secure; SameSite=Lax",
		},
	} {
		t.Run("RFT-11 the cookie of "+name, func(t *testing.T) {
			d := newDesk(t, c.change)
			res := d.send("POST", "/token", "", "")
			wantStatus(t, res, http.StatusOK)
			pair := cookieOf(res)
			_, token, _ := strings.Cut(pair, "=")
			if got := strings.Replace(res.Header.Get("Set-Cookie"), token, "TOKEN", 1); got != c.set {
				t.Errorf("%s", got)
			}
			if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%v", res.Header)
			}
			body := deskBody(t, res)
			if len(body) != 3 || body["token_type"] != "Bearer" || body["expires_in"] != float64(900) || !d.verified(fmt.Sprint(body["access_token"])) {
				t.Errorf("%v", body)
			}
			res = d.send("POST", "/token/refresh", pair, "")
			wantStatus(t, res, http.StatusOK)
			next := cookieOf(res)
			if next == pair || res.Header.Get("Cache-Control") != "no-store" || len(deskBody(t, res)) != 3 {
				t.Error("the cookie is not a new one")
			}
			res = d.send("POST", "/token/revoke", next, "")
			wantStatus(t, res, http.StatusNoContent)
			if got := res.Header.Get("Set-Cookie"); got != c.clear {
				t.Errorf("%s", got)
			}
			wantStatus(t, d.send("POST", "/token/refresh", next, ""), http.StatusUnauthorized)
		})
	}
	t.Run("RFT-11 a browser sends the cookie to refresh and revoke, by either path", func(t *testing.T) {
		for _, path := range []string{"/", "/token"} {
			d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.CookiePath = path })
			b := authtest.NewBrowser(t, d.mux)
			for _, step := range []struct {
				path   string
				status int
			}{{"/token", 200}, {"/token/refresh", 200}, {"/token/refresh", 200}, {"/token/revoke", 204}, {"/token/refresh", 401}} {
				if res := b.Fetch("POST", step.path, nil); res.StatusCode != step.status {
					t.Errorf("%s %s: %d, want %d: %s", path, step.path, res.StatusCode, step.status, res.Body)
				}
			}
		}
	})
	t.Run("two cookies of the name are none for a refresh, and both end by a sign-out", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.CookiePath = "/token" })
		one, two := cookieOf(d.send("POST", "/token", "", "")), cookieOf(d.send("POST", "/token", "", ""))
		wantStatus(t, d.send("POST", "/token/refresh", one+"; "+two, ""), http.StatusUnauthorized)
		wantStatus(t, d.send("POST", "/token/refresh", one+"; "+one, ""), http.StatusUnauthorized)
		next := cookieOf(d.send("POST", "/token/refresh", one, ""))
		wantStatus(t, d.send("POST", "/token/revoke", "x=1; "+next+"; y=2; "+two, ""), http.StatusNoContent)
		wantStatus(t, d.send("POST", "/token/refresh", next, ""), http.StatusUnauthorized)
		wantStatus(t, d.send("POST", "/token/refresh", two, ""), http.StatusUnauthorized)
	})
	t.Run("RFT-12 planted cookies do not keep a sign-out from the one that they hide", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.CookiePath = "/token" })
		pair := cookieOf(d.send("POST", "/token", "", ""))
		wantStatus(t, d.send("POST", "/token/revoke", strings.Repeat("__Secure-refresh=planted; ", 50)+pair, ""), http.StatusNoContent)
		wantStatus(t, d.send("POST", "/token/refresh", pair, ""), http.StatusUnauthorized)

		// Genuine ones, of one sign-in of the neighbour's, and then of many.
		bob := deskUser()
		bob.Subject = "u-bob"
		var planted strings.Builder
		tokens, err := d.issuer.Issue(t.Context(), bob, jwtauth.Device{})
		noErr(t, err)
		for range 20 {
			fmt.Fprintf(&planted, "__Secure-refresh=%s; ", tokens.Refresh)
			tokens = d.refresh(tokens.Refresh)
		}
		pair = cookieOf(d.send("POST", "/token", "", ""))
		wantStatus(t, d.send("POST", "/token/revoke", planted.String()+pair, ""), http.StatusNoContent)
		wantStatus(t, d.send("POST", "/token/refresh", pair, ""), http.StatusUnauthorized)
		planted.Reset()
		for range 8 {
			tokens, err := d.issuer.Issue(t.Context(), bob, jwtauth.Device{})
			noErr(t, err)
			fmt.Fprintf(&planted, "__Secure-refresh=%s; __Secure-refresh=%s; ", tokens.Refresh, d.refresh(tokens.Refresh).Refresh)
		}
		pair = cookieOf(d.send("POST", "/token", "", ""))
		wantStatus(t, d.send("POST", "/token", planted.String()+"x=y", ""), http.StatusOK)
		d.store.count()
		wantStatus(t, d.send("POST", "/token/revoke", planted.String()+pair, ""), http.StatusUnauthorized) // not reported as done
		if n := d.store.count(); n > 16 {
			t.Errorf("%d calls of the store", n)
		}
		wantStatus(t, d.send("POST", "/token/revoke", pair, ""), http.StatusNoContent)
		wantStatus(t, d.send("POST", "/token/refresh", pair, ""), http.StatusUnauthorized)
	})
	t.Run("a sign-in ends the family that the browser had", func(t *testing.T) {
		d := newDesk(t, nil)
		old := cookieOf(d.send("POST", "/token", "", ""))
		res := d.send("POST", "/token", old, "")
		wantStatus(t, res, http.StatusOK)
		wantStatus(t, d.send("POST", "/token/refresh", old, ""), http.StatusUnauthorized)
		fresh := cookieOf(res)
		d.store.failing("Revoke")
		res = d.send("POST", "/token", fresh, "")
		wantStatus(t, res, http.StatusServiceUnavailable)
		if len(res.Header.Values("Set-Cookie")) != 0 {
			t.Error("a cookie")
		}
		d.store.failing()
		noErr(t, d.issuer.RevokeSubject(t.Context(), "u-alice", ""))
		fresh = cookieOf(d.send("POST", "/token", "", ""))
		calls := 0
		d.store.before = func(method string) {
			if method == "Revoke" {
				calls++
				d.store.fail = map[string]error{"Revoke": map[bool]error{true: errDown}[calls == 1]}
			}
		}
		wantStatus(t, d.send("POST", "/token", fresh, ""), http.StatusServiceUnavailable)
		d.store.before = nil
		if list, err := d.issuer.List(t.Context(), "u-alice"); err != nil || len(list) != 1 {
			t.Errorf("%d families, want the old one alone, %v", len(list), err)
		}
		wantStatus(t, d.send("POST", "/token/refresh", fresh, ""), http.StatusOK)
	})
	t.Run("InsecureCookie is for loopback", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.InsecureCookie = true })
		request := func(host, peer string, headers ...string) int {
			r := httptest.NewRequest("POST", "http://"+host+"/token", nil)
			r.RemoteAddr = peer
			for i := 0; i < len(headers); i += 2 {
				r.Header.Set(headers[i], headers[i+1])
			}
			w := httptest.NewRecorder()
			d.mux.ServeHTTP(w, r)
			if cookie := w.Header().Get("Set-Cookie"); w.Code == 200 && (!strings.HasPrefix(cookie, "refresh=") || strings.Contains(cookie, "Secure")) {
				t.Errorf("%s", cookie)
			}
			return w.Code
		}
		for _, c := range []struct{ got, want int }{
			{request("localhost:8080", "127.0.0.1:1"), 200},
			{request("[::1]:8080", "[::1]:1", "Origin", "http://[::1]:8080"), 200},
			{request("shop.example", "127.0.0.1:1"), 500},
			{request("localhost", "192.0.2.1:1"), 500},
			{request("localhost", "127.0.0.1:1", "X-Forwarded-For", "192.0.2.1"), 500},
		} {
			if c.got != c.want {
				t.Errorf("%d, want %d", c.got, c.want)
			}
		}
	})
	t.Run("a sign-in over plain HTTP is refused where that can be told", func(t *testing.T) {
		d := newDesk(t, nil)
		for name, c := range map[string]struct {
			host, peer, proto string
			want              int
		}{
			"loopback":           {"localhost", "127.0.0.1:1", "", 500},
			"the proxy says so":  {"shop.example", "10.0.0.1:1", "http", 500},
			"the proxy says not": {"shop.example", "10.0.0.1:1", "https", 200},
			"nobody says":        {"shop.example", "10.0.0.1:1", "", 200},
		} {
			r := httptest.NewRequest("POST", "http://"+c.host+"/token", nil)
			r.RemoteAddr = c.peer
			if c.proto != "" {
				r.Header.Set("X-Forwarded-Proto", c.proto)
			}
			w := httptest.NewRecorder()
			if d.mux.ServeHTTP(w, r); w.Code != c.want {
				t.Errorf("%s: %d, want %d", name, w.Code, c.want)
			}
		}
	})
}

func TestHandlers(t *testing.T) {
	t.Run("R14 a cross-site request with the cookie is refused, and spends and ends nothing", func(t *testing.T) {
		d := newDesk(t, nil)
		cookie := cookieOf(d.send("POST", "/token", "", ""))
		d.store.count()
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "http://shop.example"},
		} {
			for _, path := range []string{"/token", "/token/refresh", "/token/revoke"} {
				res := d.send("POST", path, cookie, "", headers...)
				wantStatus(t, res, http.StatusForbidden)
				if len(res.Header.Values("Set-Cookie")) != 0 {
					t.Errorf("%s %v: a cookie", path, headers)
				}
			}
		}
		if n := d.store.count(); n != 0 {
			t.Errorf("%d calls of the store", n)
		}
		d.clock.Advance(time.Hour)
		wantStatus(t, d.send("POST", "/token/refresh", cookie, "", "Origin", "https://shop.example", "Sec-Fetch-Site", "same-origin"), http.StatusOK)
	})
	t.Run("R15 what is no POST is refused, and spends and ends nothing", func(t *testing.T) {
		d := newDesk(t, nil)
		cookie := cookieOf(d.send("POST", "/token", "", ""))
		d.store.count()
		for _, path := range []string{"/token/refresh", "/token/revoke"} {
			for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"} {
				res := d.send(method, path, cookie, "")
				wantStatus(t, res, http.StatusMethodNotAllowed)
				if res.Header.Get("Allow") != "POST" || len(res.Header.Values("Set-Cookie")) != 0 {
					t.Errorf("%v", res.Header)
				}
			}
		}
		if n := d.store.count(); n != 0 {
			t.Errorf("%d calls of the store", n)
		}
	})
	t.Run("RFT-12 a sign-out works when the access token has expired, and twice", func(t *testing.T) {
		d := newDesk(t, nil)
		cookie := cookieOf(d.send("POST", "/token", "", ""))
		d.clock.Advance(3 * time.Hour)
		for range 2 {
			wantStatus(t, d.send("POST", "/token/revoke", cookie, ""), http.StatusNoContent)
		}
		wantStatus(t, d.send("POST", "/token/refresh", cookie, ""), http.StatusUnauthorized)
		for _, junk := range []string{"", "__Host-refresh=", "__Host-refresh=junk", "__Host-refresh=" + strings.Repeat("A", 108)} {
			wantStatus(t, d.send("POST", "/token/revoke", junk, ""), http.StatusNoContent)
		}
	})
	t.Run("RFT-09 a sign-out that fails says so, and clears the cookie", func(t *testing.T) {
		d := newDesk(t, nil)
		cookie := cookieOf(d.send("POST", "/token", "", ""))
		d.store.failing("Revoke")
		res := d.send("POST", "/token/revoke", cookie, "")
		wantStatus(t, res, http.StatusServiceUnavailable)
		if !strings.Contains(res.Header.Get("Set-Cookie"), "Max-Age=0") || res.Header.Get("Retry-After") == "" {
			t.Errorf("%v", res.Header)
		}
	})
	t.Run("RFT-09 a refresh that fails sets no cookie", func(t *testing.T) {
		d := newDesk(t, nil)
		cookie := cookieOf(d.send("POST", "/token", "", ""))
		for _, method := range []string{"Find", "Rotate"} {
			d.store.failing(method)
			res := d.send("POST", "/token/refresh", cookie, "")
			wantStatus(t, res, http.StatusServiceUnavailable)
			if len(res.Header.Values("Set-Cookie")) != 0 || strings.Contains(fmt.Sprint(deskBody(t, res)), "access_token") {
				t.Error("tokens")
			}
		}
		d.store.failing()
		res := d.send("POST", "/token/refresh", "", "")
		wantStatus(t, res, http.StatusUnauthorized)
		if got := res.Header.Get("WWW-Authenticate"); got != `Cookie cookie-name="__Host-refresh"` {
			t.Errorf("the challenge is %q", got)
		}
		wantStatus(t, d.send("POST", "/token/refresh", cookie, ""), http.StatusOK)
	})
	t.Run("R13 neither token does the other's work, over HTTP", func(t *testing.T) {
		d := newDesk(t, nil)
		res := d.send("POST", "/token", "", "")
		cookie, access := cookieOf(res), fmt.Sprint(deskBody(t, res)["access_token"])
		_, refresh, _ := strings.Cut(cookie, "=")
		wantStatus(t, d.send("POST", "/token/refresh", "__Host-refresh="+access, ""), http.StatusUnauthorized)
		wantStatus(t, d.send("GET", "/devices", "", "", "Authorization", "Bearer "+refresh), http.StatusUnauthorized)
		wantStatus(t, d.send("GET", "/devices", cookie, ""), http.StatusUnauthorized)
		wantStatus(t, d.send("POST", "/token/refresh", "", "", "Authorization", "Bearer "+refresh), http.StatusUnauthorized)
		wantStatus(t, d.send("GET", "/devices", "", "", "Authorization", "Bearer "+access), http.StatusOK)
	})
}

func TestBodyTransport(t *testing.T) {
	d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.Transport = jwtauth.TransportBody })
	signIn := func(t *testing.T) string {
		t.Helper()
		res := d.send("POST", "/token", "", "")
		wantStatus(t, res, http.StatusOK)
		if len(res.Header.Values("Set-Cookie")) != 0 || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", res.Header)
		}
		return fmt.Sprint(deskBody(t, res)["refresh_token"])
	}
	t.Run("RFT-11 the refresh token is in the bodies and nowhere else", func(t *testing.T) {
		token := signIn(t)
		res := d.send("POST", "/token/refresh", "", `{"refresh_token":"`+token+`"}`)
		wantStatus(t, res, http.StatusOK)
		body := deskBody(t, res)
		if len(res.Header.Values("Set-Cookie")) != 0 || len(body) != 4 || body["refresh_token"] == token {
			t.Errorf("%v %v", res.Header, body)
		}
		next := fmt.Sprint(body["refresh_token"])
		form := url.Values{"refresh_token": {next}, "scope": {"a b"}}.Encode()
		r := httptest.NewRequest("POST", "https://shop.example/token/refresh", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		d.mux.ServeHTTP(w, r)
		body = deskBody(t, w.Result())
		if w.Code != http.StatusOK || body["scope"] != "a b" {
			t.Fatalf("%d %v", w.Code, body)
		}
		next = fmt.Sprint(body["refresh_token"])
		res = d.send("POST", "/token/revoke", "", `{"refresh_token":"`+next+`"}`)
		wantStatus(t, res, http.StatusNoContent)
		if len(res.Header.Values("Set-Cookie")) != 0 {
			t.Error("a cookie")
		}
		wantStatus(t, d.send("POST", "/token/refresh", "", `{"refresh_token":"`+next+`"}`), http.StatusUnauthorized)
	})
	t.Run("R11 what is no scope is a 400, and spends nothing", func(t *testing.T) {
		unbound := deskUser()
		unbound.Scopes = nil
		tokens, err := d.issuer.Issue(t.Context(), unbound, jwtauth.Device{})
		noErr(t, err)
		refresh := func(scope string) *http.Response {
			return d.send("POST", "/token/refresh", "", string(must(json.Marshal(map[string]string{"refresh_token": tokens.Refresh, "scope": scope}))))
		}
		for _, scope := range []string{"é", `a"b`, `a\b`, "\x7f", strings.Repeat("a ", 33), strings.Repeat("a", 129)} {
			wantStatus(t, refresh(scope), http.StatusBadRequest)
		}
		wantStatus(t, refresh(strings.Repeat(strings.Repeat("a", 128)+" ", 32)), http.StatusOK)
		d.refused(tokens.Refresh+"x", jwtauth.ErrNoFamily)
		wantStatus(t, refresh("a"), http.StatusOK) // the same token, within the grace
	})
	t.Run("a token in a cookie, a header or the query is not read", func(t *testing.T) {
		token := signIn(t)
		wantStatus(t, d.send("POST", "/token/refresh", "__Host-refresh="+token, "{}"), http.StatusUnauthorized)
		wantStatus(t, d.send("POST", "/token/refresh?refresh_token="+token, "", "{}"), http.StatusUnauthorized)
		wantStatus(t, d.send("POST", "/token/refresh", "", "{}", "Authorization", "Bearer "+token), http.StatusUnauthorized)
		wantStatus(t, d.send("POST", "/token/refresh", "", ""), http.StatusUnsupportedMediaType)
		wantStatus(t, d.send("POST", "/token/refresh", "", `{"refresh_token":"`+token+`","refresh_token":"x"}`), http.StatusBadRequest)
		d.store.failing("Revoke")
		wantStatus(t, d.send("POST", "/token/revoke", "", `{"refresh_token":"`+token+`"}`), http.StatusServiceUnavailable)
		d.store.failing()
	})
	t.Run("RFT-11 with the cookie a token in the body is not read, nor one sent", func(t *testing.T) {
		d := newDesk(t, nil)
		res := d.send("POST", "/token", "", "")
		_, token, _ := strings.Cut(cookieOf(res), "=")
		wantStatus(t, d.send("POST", "/token/refresh", "", `{"refresh_token":"`+token+`"}`), http.StatusUnauthorized)
		if body := deskBody(t, res); body["refresh_token"] != nil {
			t.Error("a token that script can read")
		}
	})
}

func TestDevices(t *testing.T) {
	d := newDesk(t, func(c *jwtauth.IssuerConfig) {
		c.ClientID = "web"
		c.ClientIP = func(*http.Request) (netip.Addr, error) { return netip.MustParseAddr("::ffff:192.0.2.7"), nil }
	})
	signIn := func(agent string) (cookie, bearer string) {
		t.Helper()
		d.clock.Advance(time.Second)
		res := d.send("POST", "/token", "", "", "User-Agent", agent)
		return cookieOf(res), "Bearer " + fmt.Sprint(deskBody(t, res)["access_token"])
	}
	phoneCookie, _ := signIn("phone \xff" + strings.Repeat("x", 300))
	laptopCookie, laptop := signIn("laptop")
	tabletCookie, _ := signIn("tablet")
	bob, err := d.issuer.Issue(t.Context(), &auth.Principal{Subject: "u-bob"}, jwtauth.Device{})
	noErr(t, err)
	list := func(t *testing.T) (ids []string) {
		t.Helper()
		res := d.send("GET", "/devices", "", "", "Authorization", laptop)
		wantStatus(t, res, http.StatusOK)
		data, _ := deskBody(t, res)["data"].([]any)
		for _, e := range data {
			entry, _ := e.(map[string]any)
			ids = append(ids, fmt.Sprint(entry["id"]))
			if fmt.Sprint(entry["address"]) != "192.0.2.7" || entry["client_id"] != "web" || entry["created_at"] == nil || entry["last_used_at"] == nil || entry["expires_at"] == nil || len(fmt.Sprint(entry["user_agent"])) > 256 {
				t.Errorf("%v", entry)
			}
			if entry["current"] != (len(ids) == 1) {
				t.Error("the current one is not the first")
			}
		}
		return ids
	}
	t.Run("a user sees his devices, the current one first, then by last use", func(t *testing.T) {
		if ids := list(t); len(ids) != 3 {
			t.Fatalf("%v", ids)
		}
		infos, err := d.issuer.List(t.Context(), "u-alice")
		noErr(t, err)
		if infos[0].UserAgent != "tablet" || infos[1].UserAgent != "laptop" || !strings.HasPrefix(infos[2].UserAgent, "phone x") || infos[0].Current {
			t.Errorf("%+v", infos)
		}
	})
	t.Run("a user ends one, and nobody ends another's", func(t *testing.T) {
		ids := list(t)
		for _, id := range []string{bob.Family, "junk", ids[2][:21]} {
			wantStatus(t, d.send("DELETE", "/devices/"+url.PathEscape(id), "", "", "Authorization", laptop), http.StatusNoContent)
		}
		d.refresh(bob.Refresh)
		wantStatus(t, d.send("DELETE", "/devices/"+ids[2], "", "", "Authorization", laptop), http.StatusNoContent)
		if got := list(t); len(got) != 2 {
			t.Fatalf("%v", got)
		}
		wantStatus(t, d.send("POST", "/token/refresh", phoneCookie, ""), http.StatusUnauthorized)
	})
	t.Run("JWT-19 a user ends all others, and goes on after a refresh", func(t *testing.T) {
		d.clock.Advance(time.Second)
		wantStatus(t, d.send("DELETE", "/devices", "", "", "Authorization", laptop), http.StatusNoContent)
		wantStatus(t, d.send("POST", "/token/refresh", tabletCookie, ""), http.StatusUnauthorized)
		wantStatus(t, d.send("GET", "/devices", "", "", "Authorization", laptop), http.StatusUnauthorized)
		d.clock.Advance(time.Second)
		res := d.send("POST", "/token/refresh", laptopCookie, "")
		wantStatus(t, res, http.StatusOK)
		laptop = "Bearer " + fmt.Sprint(deskBody(t, res)["access_token"])
		if got := list(t); len(got) != 1 {
			t.Fatalf("%v", got)
		}
	})
	t.Run("nobody, and what is no such method", func(t *testing.T) {
		wantStatus(t, d.send("GET", "/devices", "", ""), http.StatusUnauthorized)
		wantStatus(t, d.send("POST", "/devices", "", "", "Authorization", laptop), http.StatusMethodNotAllowed)
		wantStatus(t, d.send("GET", "/devices/x", "", "", "Authorization", laptop), http.StatusMethodNotAllowed)
		w := httptest.NewRecorder()
		d.issuer.DevicesHandler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%d", w.Code)
		}
		d.store.failing("List", "Revoke", "RevokeAll")
		wantStatus(t, d.send("GET", "/devices", "", "", "Authorization", laptop), http.StatusServiceUnavailable)
		wantStatus(t, d.send("DELETE", "/devices/"+bob.Family, "", "", "Authorization", laptop), http.StatusServiceUnavailable)
		wantStatus(t, d.send("DELETE", "/devices", "", "", "Authorization", laptop), http.StatusServiceUnavailable)
		d.store.failing()
	})
}

func TestRevokedHook(t *testing.T) {
	t.Run("JWT-19 with a look into the store a sign-out ends the access token at once", func(t *testing.T) {
		d := newDesk(t, nil)
		v, err := jwtauth.NewVerifier(signingKeys(t), jwtauth.VerifierConfig{Issuer: deskIssuer, Audience: deskAudience, Revoked: d.issuer.Revoked, Now: d.clock.Now})
		noErr(t, err)
		out, stays := d.signIn(), d.signIn()
		noErr(t, d.issuer.Revoke(t.Context(), out.Refresh))
		if _, err := v.Verify(t.Context(), out.Access); !errors.Is(err, jwtauth.ErrRevoked) {
			t.Errorf("%v", err)
		}
		if _, err := v.Verify(t.Context(), stays.Access); err != nil {
			t.Errorf("%v", err)
		}
		if revoked, err := d.issuer.Revoked(t.Context(), &jwtauth.Claims{Subject: "u-alice"}); err != nil || !revoked {
			t.Errorf("a token of no family: %v, %v", revoked, err)
		}
		if revoked, err := d.issuer.Revoked(t.Context(), &jwtauth.Claims{Subject: "u-bob", SessionID: stays.Family}); err != nil || !revoked {
			t.Errorf("the family of another: %v, %v", revoked, err)
		}
		stolen := d.signIn()
		d.refresh(stolen.Refresh)
		d.clock.Advance(time.Minute)
		d.store.failing("Revoke") // so that the family stays, and has ended
		_, _ = d.issuer.Refresh(t.Context(), stolen.Refresh)
		if revoked, err := d.issuer.Revoked(t.Context(), &jwtauth.Claims{Subject: "u-alice", SessionID: stolen.Family}); err != nil || !revoked {
			t.Errorf("a family that has ended: %v, %v", revoked, err)
		}
		d.store.failing("Find")
		if _, err := v.Verify(t.Context(), stays.Access); !errors.Is(err, jwtauth.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
}

func TestIssue(t *testing.T) {
	t.Run("a principal without a subject gets nothing", func(t *testing.T) {
		d := newDesk(t, nil)
		for _, p := range []*auth.Principal{nil, {}} {
			if tokens, err := d.issuer.Issue(t.Context(), p, jwtauth.Device{}); err == nil || tokens != nil {
				t.Errorf("%v", tokens)
			}
		}
		if err := errors.Join(d.issuer.RevokeFamily(t.Context(), "", "x"), d.issuer.RevokeFamily(t.Context(), "u", "")); err == nil {
			t.Error("nobody is revoked")
		}
		if d.issuer.RevokeSubject(t.Context(), "", "") == nil {
			t.Error("nobody is revoked")
		}
		if _, err := d.issuer.List(t.Context(), ""); err == nil {
			t.Error("nobody is listed")
		}
	})
	t.Run("custom claims are asked for each time, and cannot stand for others", func(t *testing.T) {
		var claims map[string]any
		var fails error
		d := newDesk(t, func(c *jwtauth.IssuerConfig) {
			c.Claims = func(context.Context, *auth.Principal) (map[string]any, error) { return claims, fails }
		})
		claims = map[string]any{"plan": "gold"}
		tokens := d.signIn()
		next := d.refresh(tokens.Refresh)
		if !d.verified(next.Access) {
			t.Error("it is not good")
		}
		for _, name := range []string{"sub", "exp", "iss", "SID"} {
			claims = map[string]any{name: "x"}
			if _, err := d.issuer.Refresh(t.Context(), next.Refresh); !errors.Is(err, jwtauth.ErrClaims) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := d.issuer.Issue(t.Context(), deskUser(), jwtauth.Device{}); !errors.Is(err, jwtauth.ErrClaims) {
				t.Errorf("%s: %v", name, err)
			}
		}
		claims, fails = nil, errDown
		if _, err := d.issuer.Refresh(t.Context(), next.Refresh); !errors.Is(err, errDown) {
			t.Errorf("%v", err)
		}
		fails = nil
		d.clock.Advance(time.Hour)
		d.refresh(next.Refresh)
	})
	t.Run("a user has no more than so many families", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.MaxPerUser = 2 })
		first := d.signIn()
		d.signIn()
		d.signIn()
		d.refused(first.Refresh, jwtauth.ErrNoFamily)
		if list, err := d.issuer.List(t.Context(), "u-alice"); err != nil || len(list) != 2 {
			t.Errorf("%d, %v", len(list), err)
		}
	})
	t.Run("XCT-04 tokens do not print", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("refreshed", "tokens", tokens, "value", *tokens)
		for _, s := range []string{log.String(), fmt.Sprint(tokens), fmt.Sprintf("%+v %#v %v", tokens, tokens, *tokens), fmt.Sprintf("%#v", *tokens)} {
			if strings.Contains(s, tokens.Access) || strings.Contains(s, tokens.Refresh) {
				t.Error(s)
			}
		}
	})
}

func TestMemoryStore(t *testing.T) {
	t.Run("when it is full the family that expires first makes room", func(t *testing.T) {
		clock := authtest.NewClock(time.Time{})
		s, err := jwtauth.NewMemoryStore(jwtauth.MemoryConfig{MaxFamilies: 2, Now: clock.Now})
		noErr(t, err)
		ids := [3]jwtauth.FamilyID{{0, 16: 1}, {1, 16: 2}, {2, 16: 3}}
		for i, id := range ids {
			noErr(t, s.Create(t.Context(), id, nil, jwtauth.Limits{Lifetime: time.Hour, Idle: time.Duration(3-i) * time.Minute, PerSubject: 9}))
		}
		if _, err := s.Find(t.Context(), ids[1]); !errors.Is(err, jwtauth.ErrNoFamily) || s.Len() != 2 {
			t.Errorf("%v, %d families", err, s.Len())
		}
		clock.Advance(2 * time.Minute)
		noErr(t, s.Create(t.Context(), ids[1], nil, jwtauth.Limits{Lifetime: time.Hour, Idle: time.Minute, PerSubject: 9}))
		if _, err := s.Find(t.Context(), ids[0]); err != nil || s.Len() != 2 {
			t.Errorf("an expired family has not made room first: %v, %d", err, s.Len())
		}
		if _, err := jwtauth.NewMemoryStore(jwtauth.MemoryConfig{MaxFamilies: -1}); err == nil {
			t.Error("a negative number")
		}
	})
}
