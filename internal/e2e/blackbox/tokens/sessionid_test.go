package tokens_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// unissued is a well-formed id that nobody has made.
const unissued = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestSessionIDs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		s.user(t, alice)
		s.user(t, bob)
		fixation(t, s)
		_, cookie := s.session(t, alice)
		chosen(t, s, cookie)
		twice(t, s, cookie)
		newIDs(t, s)
		if s.backend.Redis != nil {
			corpus.Case(t, "SES-10", "what sign-ins, sign-outs and step-ups leave in Redis", "no key without an end", func(t *testing.T) { s.backend.Redis.AssertTTL(t) })
		}
	})
}

func fixation(t *testing.T, s *site) {
	corpus.Case(t, "S01", "alice signs in with an id planted before: one that nobody made, one that is over, and that of bob's live session (SES-04)", "a new id; the planted one opens nothing", func(t *testing.T) {
		over, ended := s.session(t, bob)
		over.Want(t, over.Call(t, "POST", logout, nil), 204)
		_, live := s.session(t, bob)
		if len(unissued) != len(live) {
			t.Fatalf("an id has %d characters", len(live))
		}
		for _, planted := range []string{unissued, ended, live} {
			h := cookies("session=" + planted)
			h.Set("Content-Type", "application/json")
			c := s.stranger()
			a := c.Send(t, "POST", login, h, strings.NewReader(`{"email":"`+alice+`","password":"`+password+`"}`))
			c.Want(t, a, 200)
			fresh := a.Cookie("session")
			if fresh == nil || fresh.Value == planted {
				t.Fatalf("the id stays: %v", a.Header["Set-Cookie"])
			}
			s.dead(t, planted)
			s.alive(t, cookies("session="+fresh.Value))
		}
	})
}

func chosen(t *testing.T, s *site, cookie string) {
	corpus.Case(t, "S02", "ids that were chosen: never issued, 1 character, a glob, a colon, a key of the store, SQL, escapes, line breaks, 20 KB, 64 KB; cut, longer, other case (SES-06)", "no session, no cookie, nothing in the store", func(t *testing.T) {
		before := s.rows(t)
		values := []string{unissued, "x", "*", "session:*", "session:" + cookie, "../" + cookie, "' OR 1=1--", "%00", "%2A", strings.Repeat("*", len(cookie)), cookie[:len(cookie)-1], cookie + "A", cookie + "=", "A" + cookie,
			strings.ToLower(cookie), strings.ToUpper(cookie), "%" + cookie[1:], cookie + ":", "\u212a" + cookie[1:], strings.Repeat("A", 20<<10), ""}
		h1 := s.stranger()
		for _, c := range []*running.Client{h1, h1.HTTP2()} {
			for _, value := range values {
				for _, path := range []string{profile, "/login"} {
					a := c.Send(t, "GET", path, cookies("session="+value), nil)
					if path == profile {
						problem(t, a, 401, "UNAUTHENTICATED")
					}
					if a.StatusCode >= 500 || a.Cookie("session") != nil {
						t.Errorf("%q at %s: %d %v", value, path, a.StatusCode, a.Header["Set-Cookie"])
					}
				}
			}
		}
		for _, value := range []string{cookie[:9] + "\r\n" + cookie[9:], cookie + "\x00", cookie[:9] + "\n" + cookie[9:], strings.Repeat("A", 64<<10)} {
			status, header, _ := s.raw(t, "GET "+profile+" HTTP/1.1", "Cookie: session="+value)
			if status == 200 || status >= 500 || header.Get("Set-Cookie") != "" {
				t.Errorf("%.20q: %d", value, status)
			}
		}
		s.nothingGrew(t, before)
	})

	corpus.Case(t, "X-S1", "a genuine id under names and in spellings that other readers of cookies take for the same: other case, blanks, quotes, $Version, prefixes, escapes, the query, other headers", "no session", func(t *testing.T) {
		for _, h := range []http.Header{
			cookies("Session=" + cookie), cookies("SESSION=" + cookie), cookies("session =" + cookie), cookies(`session="` + cookie + `"`), cookies("session=%22" + cookie + "%22"),
			cookies("$Version=1", "$session="+cookie), cookies("__Host-session=" + cookie), cookies("sess%69on=" + cookie), cookies("session,session=" + cookie), cookies("a=b,session=" + cookie),
			cookies("=session=" + cookie), cookies("session: " + cookie), {"X-Session": {cookie}}, {"Cookie2": {"session=" + cookie}}, {"Set-Cookie": {"session=" + cookie}},
		} {
			problem(t, s.with(t, "GET", profile, h), 401)
		}
		problem(t, s.with(t, "GET", profile+"?session="+cookie, nil), 401)
		problem(t, s.with(t, "GET", profile+";session="+cookie, nil), 404)
	})
}

func twice(t *testing.T, s *site, cookie string) {
	corpus.Case(t, "S03", "two cookies of the name, the attacker's first or second, in one header and in two, twice the same, over both protocols (SES-13)", "401, whoever is first", func(t *testing.T) {
		_, attackers := s.session(t, bob)
		h1 := s.stranger()
		for _, c := range []*running.Client{h1, h1.HTTP2()} {
			for _, other := range []string{attackers, unissued, "x", "", cookie} {
				for _, h := range []http.Header{
					cookies("session="+other, "session="+cookie), cookies("session="+cookie, "a=b", "session="+other),
					{"Cookie": {"session=" + other, "session=" + cookie}}, {"Cookie": {"session=" + cookie, "session=" + other}},
				} {
					if other == "" && c != h1 {
						continue // HTTP/2 sends each cookie as a field of its own, and this client leaves out the empty one
					}
					problem(t, c.Send(t, "GET", profile, h, nil), 401, "UNAUTHENTICATED")
				}
			}
		}
		s.alive(t, cookies("session="+cookie))
		s.alive(t, cookies("session="+attackers))
	})
}

func newIDs(t *testing.T, s *site) {
	corpus.Case(t, "SES-04", "a sign-in over a session, a change of the password, a second factor set up, and one asked for at the sign-in", "a new id each time, of one length (SES-02), and the old one is dead", func(t *testing.T) {
		c, first := s.session(t, alice)
		next := func(a *running.Answer, old string) string {
			t.Helper()
			k := a.Cookie("session")
			if a.StatusCode >= 300 || k == nil || k.Value == old || len(k.Value) != len(first) {
				t.Fatalf("%s: %d %v", a.Request.URL.Path, a.StatusCode, a.Header["Set-Cookie"])
			}
			s.dead(t, old)
			s.alive(t, cookies("session="+k.Value))
			return k.Value
		}
		second := next(c.Call(t, "POST", login, running.Credentials(alice, password)), first)
		third := next(c.Call(t, "POST", "/api/v1/auth/change-password", map[string]string{"current_password": password, "password": password}), second)
		secret := c.Want(t, c.Call(t, "POST", "/api/v1/auth/mfa/enable", nil), 200).String("secret")
		a := c.Call(t, "POST", "/api/v1/auth/mfa/verify", map[string]string{"code": running.Code(t, secret, 0)})
		list, _ := a.JSON("recovery_codes").([]any)
		fourth := next(a, third)

		a = c.Call(t, "POST", login, running.Credentials(alice, password))
		if c.Want(t, a, 401, "MFA_REQUIRED"); a.Cookie("session") != nil {
			t.Error("a session before the second factor")
		}
		s.alive(t, cookies("session="+fourth)) // the pending sign-in is nobody's yet
		next(c.Call(t, "POST", "/api/v1/auth/mfa/challenge", map[string]any{"recovery_code": list[0]}), fourth)
	})
}
