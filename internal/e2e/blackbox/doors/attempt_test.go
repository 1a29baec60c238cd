package doors_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
)

// callbacks are those of the two providers, by the path on which a sign-in begins.
var callbacks = map[string]string{oidc: oidc + "/callback", github: github + "/callback"}

func TestAttempts(t *testing.T) {
	t.Parallel()
	s := open(t)
	corpus.Case(t, "O01", "callback without an attempt: no state and no cookie, empty state, no code, state of another browser, of another provider, used, with a changed cookie or two of them (one that expired is left to the package, which has a clock)",
		"400 SIGN_IN_ATTEMPT_INVALID, no token request, no session", func(t *testing.T) { withoutAttempt(t, s) })
	corpus.Case(t, "O02", "mix-up: a code of one provider at the callback of the other, in both directions; iss missing, empty, wrong, twice, with a slash, in capitals; GitHub with an iss of somebody else",
		"400, no token request", func(t *testing.T) { mixUp(t, s) })
	corpus.Case(t, "OAU-09", "code, state, iss, error or an unknown parameter twice in the answer; a semicolon, a broken percent sign, 9 KB, 40 parameters; an answer by POST",
		"400 (405 by POST), no token request", func(t *testing.T) { strangeAnswers(t, s) })
	corpus.Case(t, "O10", "the code of an attacker in the attempt of a victim: PKCE refuses it; and a provider that does not check PKCE, but the nonce is the attacker's",
		"400 or 502, no session", func(t *testing.T) { codeInjection(t, s) })
	corpus.Case(t, "O11", "50 callbacks with one state at once, and one more",
		"one token request, one sign-in, 400 for all others", func(t *testing.T) { manyCallbacks(t, s) })
	corpus.Case(t, "O12", "the complete callback address of an attacker, opened by a victim: as a visitor, with an attempt of their own, by HEAD, in an image from another site",
		"400, nobody is signed in, and the attacker's attempt is not used up", func(t *testing.T) { loginCSRF(t, s) })
	corpus.Case(t, "O20", "1,000 sign-ins begun by one browser over both providers",
		"at most 5 attempts and 7 KB of cookies, and the newest works", func(t *testing.T) { manyStarts(t, s) })
}

func withoutAttempt(t *testing.T, s *site) {
	before := s.asked()
	invalid := func(c *running.Client, path string) {
		t.Helper()
		a := c.Call(t, "GET", path, nil)
		refused(t, c, a, 400)
		if a.Code() != "SIGN_IN_ATTEMPT_INVALID" {
			t.Errorf("%s: %s", path, a.Text)
		}
	}
	for start, at := range callbacks {
		for _, q := range []string{"", "?", "?code=x", "?code=x&state=", "?state=", "?code=x&state=undefined", "?code=&state=" + strings.Repeat("A", 43)} {
			invalid(s.Client(), at+q)
		}
		one := s.Client()
		back := s.callback(t, one, start)
		other := s.Client()
		s.begin(t, other, start)
		invalid(other, back)
		invalid(one, query(t, back, "state", ""))
		invalid(one, query(t, back, "state", parse(t, back).Query().Get("state")+"A"))
		for start2, at2 := range callbacks {
			if start2 == start {
				continue
			}
			invalid(one, at2+"?"+parse(t, back).RawQuery)
			renamed := s.Client() // the cookie under the name that the other provider would look for
			for _, k := range cookies(t, one) {
				name := strings.Replace(k.Name, start[strings.LastIndex(start, "/")+1:], start2[strings.LastIndex(start2, "/")+1:], 1)
				renamed.HTTP.Jar.SetCookies(parse(t, s.URL), []*http.Cookie{{Name: name, Value: k.Value, Path: "/"}})
			}
			invalid(renamed, at2+"?"+parse(t, back).RawQuery)
		}
		for _, k := range cookies(t, one) {
			if !isAttempt(k.Name) {
				continue
			}
			at, sealed, _ := strings.Cut(k.Value, ".")
			last := sealed[:len(sealed)-3] + "AAA"
			for _, v := range []string{"", sealed, at, at + "." + last, at + "." + sealed[:40], "zzzz.e30"} {
				c := s.Client()
				invalid(c.With("Cookie", k.Name+"="+v), back)
			}
			invalid(s.Client().With("Cookie", k.Name+"=x.y; "+k.Name+"="+k.Value), back)
			invalid(s.Client().With("Cookie", k.Name+"="+k.Value+"; "+k.Name+"="+k.Value), back)
		}
		if n := s.asked(); n != before {
			t.Fatalf("%d token requests", n-before)
		}
		one.Want(t, one.Call(t, "GET", back, nil), 200) // so all of this was refused for its own sake
		if before++; s.asked() != before {
			t.Errorf("%d token requests, want 1", s.asked()-before+1)
		}
		again := s.Client() // without the session, with the cookie of the attempt
		copyCookies(t, again, one, isAttempt)
		invalid(again, back)
	}
	kept := s.Client() // a browser that keeps the cookie of a used attempt
	back := s.callback(t, kept, oidc)
	thief := s.Client()
	copyCookies(t, thief, kept, isAttempt)
	kept.Want(t, kept.Call(t, "GET", back, nil), 200)
	before = s.asked()
	invalid(thief, back)
	if n := s.asked() - before; n != 0 {
		t.Errorf("%d token requests for a used attempt", n)
	}
}

func mixUp(t *testing.T, s *site) {
	before := s.asked()
	none := func(c *running.Client, path string) {
		t.Helper()
		refused(t, c, c.Call(t, "GET", path, nil), 400)
		if n := s.asked(); n != before {
			t.Fatalf("%s: %d token requests", path, n-before)
		}
	}
	for start, at := range callbacks {
		for start2 := range callbacks {
			if start2 == start {
				continue
			}
			// The browser has attempts with both, and the attacker swaps the callbacks.
			c := s.Client()
			own, strange := s.callback(t, c, start), s.callback(t, c, start2)
			none(c, at+"?"+parse(t, strange).RawQuery)
			// The state of the one and the code of the other. GitHub sends no iss.
			mixed := query(t, own, "code", parse(t, strange).Query().Get("code"))
			if start == oidc {
				u := parse(t, mixed)
				q := u.Query()
				q.Del("iss")
				none(c, u.Path+"?"+q.Encode())
			} else {
				none(c, query(t, mixed, "iss", s.idp.URL))
			}
		}
	}
	for _, iss := range []string{"", "https://attacker.example", s.idp.URL + "/", strings.ToUpper(s.idp.URL), s.idp.URL + "/.", s.hub.URL, " " + s.idp.URL, s.idp.URL + "\x00"} {
		c := s.Client()
		none(c, query(t, s.callback(t, c, oidc), "iss", iss))
	}
	for _, iss := range []string{"", s.hub.URL, s.idp.URL, s.hub.URL + "/login/oauth/"} {
		c := s.Client()
		none(c, query(t, s.callback(t, c, github), "iss", iss))
	}
	c := s.Client()
	back := s.callback(t, c, oidc)
	none(c, back+"&iss="+url.QueryEscape(s.idp.URL))
	c = s.Client()
	good := c.Call(t, "GET", query(t, s.callback(t, c, github), "iss", s.hub.URL+"/login/oauth"), nil)
	c.Want(t, good, 200) // its own
}

func strangeAnswers(t *testing.T, s *site) {
	before := s.asked()
	for _, more := range []string{
		"&code=x", "&state=x", "&error=access_denied", "&%63ode=x", "&x=1&x=2", ";code=x", "&x=%zz", "&x=%", "&x=" + strings.Repeat("a", 9<<10),
		strings.Repeat("&a", 1) + "=1" + manyParameters(40), "&posted=1",
	} {
		c := s.Client()
		back := s.callback(t, c, oidc) + more
		a := c.Call(t, "GET", back, nil)
		if more == "&posted=1" { // a parameter that the provider may send for itself
			c.Want(t, a, 200)
			before++
			continue
		}
		refused(t, c, a, 400)
	}
	c := s.Client()
	refused(t, c, c.Call(t, "GET", oidc+"/callback?posted=1", nil), 400)
	back := parse(t, s.callback(t, c, oidc))
	form := c.Send(t, "POST", back.Path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(back.RawQuery))
	refused(t, c, form, 405)
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
		a := c.Call(t, method, back.String(), nil)
		refused(t, c, a, 405)
		if allow := a.Header.Get("Allow"); !strings.Contains(allow, "GET") {
			t.Errorf("%s: Allow %q", method, allow)
		}
	}
	if n := s.asked(); n != before {
		t.Errorf("%d token requests", n-before)
	}
}

func manyParameters(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&p" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "=1")
	}
	return b.String()
}

func codeInjection(t *testing.T, s *site) {
	for start := range callbacks {
		attacker, victim := s.Client(), s.Client()
		stolen := parse(t, s.callback(t, attacker, start)).Query().Get("code")
		refused(t, victim, victim.Call(t, "GET", query(t, s.callback(t, victim, start), "code", stolen), nil), 400, 502)
		// The code is now spent or void: the attacker gains nothing by it either.
	}
	attacker := s.Client()
	nonce := s.begin(t, attacker, oidc).Query().Get("nonce")
	victim := s.Client()
	s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { tok.Claims["nonce"], tok.Claims["sub"] = nonce, "attacker" }))
	defer s.idp.Script(hostileidp.Token, nil)
	a := s.signIn(t, victim, oidc)
	refused(t, victim, a, 400)
	if a.Code() != "IDENTITY_INVALID" || nonce == "" {
		t.Errorf("%s, nonce %q", a.Text, nonce)
	}
}

func manyCallbacks(t *testing.T, s *site) {
	for start := range callbacks {
		c := s.Client()
		back := s.callback(t, c, start)
		var header []string
		for _, k := range cookies(t, c) {
			header = append(header, k.Name+"="+k.Value)
		}
		before := s.asked()
		var good, bad, other atomic.Int32
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				a, err := s.Client().With("Cookie", strings.Join(header, "; ")).Try(t, "GET", back, nil, nil)
				switch {
				case err == nil && a.StatusCode == 200:
					good.Add(1)
				case err == nil && a.StatusCode == 400:
					bad.Add(1)
				default:
					other.Add(1)
				}
			})
		}
		all.Wait()
		if good.Load() != 1 || bad.Load() != 49 || other.Load() != 0 {
			t.Errorf("%s: %d signed in, %d refused, %d other", start, good.Load(), bad.Load(), other.Load())
		}
		refused(t, c, c.Call(t, "GET", back, nil), 400)
		if n := s.asked() - before; n != 1 {
			t.Errorf("%s: %d token requests", start, n)
		}
	}
}

func loginCSRF(t *testing.T, s *site) {
	for start := range callbacks {
		attacker := s.Client()
		back := s.callback(t, attacker, start)
		before := s.asked()
		visitorOnly, trying := s.Client(), s.Client()
		s.begin(t, trying, start)
		image := s.Client().With("Sec-Fetch-Site", "cross-site").With("Sec-Fetch-Dest", "image")
		for _, victim := range []*running.Client{visitorOnly, trying, image} {
			refused(t, victim, victim.Call(t, "GET", back, nil), 400)
			if a := victim.Call(t, "HEAD", back, nil); a.StatusCode != 405 && a.StatusCode != 400 {
				t.Errorf("HEAD: %d", a.StatusCode)
			}
			visitor(t, victim)
		}
		if n := s.asked() - before; n != 0 {
			t.Errorf("%d token requests", n)
		}
		attacker.Want(t, attacker.Call(t, "GET", back, nil), 200)
	}
}

func manyStarts(t *testing.T, s *site) {
	c := s.Client()
	for i := range 999 {
		start := oidc
		if i%2 == 1 {
			start = github
		}
		s.begin(t, c, start+"?return_to=/orders")
	}
	back := s.callback(t, c, oidc+"?return_to=/orders")
	n, size := 0, 0
	for _, k := range cookies(t, c) {
		if size += len(k.Name) + len(k.Value); isAttempt(k.Name) {
			n++
		}
	}
	if n > 5 || size > 7<<10 {
		t.Errorf("%d attempts, %d bytes of cookies", n, size)
	}
	if a := c.Want(t, c.Page(t, back), 303); a.Header.Get("Location") != "/orders" {
		t.Errorf("leads to %q", a.Header.Get("Location"))
	}
}
