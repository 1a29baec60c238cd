package mfa_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/problem"
)

const challengeCookie = "__Host-mfa"

func TestGate(t *testing.T) {
	t.Run("without a factor the sign-in goes on", func(t *testing.T) {
		g := newRig(t)
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
		g.want(g.browser.Fetch("GET", "/private", nil), 204)
		g.want(g.browser.Fetch("GET", "/sensitive", nil), 401, problem.StepUpRequired)
	})
	t.Run("MFA-06 M06 before the factor there is a challenge and nothing else", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		res := g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
		p := res.Problem()
		if p.Extensions["expires_in"] != 300.0 || fmt.Sprint(p.Extensions["factors"]) != "[otp rcv]" {
			t.Errorf("members %v", p.Extensions)
		}
		c := res.Cookie(challengeCookie)
		if c == nil || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.MaxAge != 300 || c.SameSite != http.SameSiteLaxMode {
			t.Fatalf("the cookie is %+v", c)
		}
		if len(res.Cookies()) != 1 {
			t.Errorf("cookies %v", res.Cookies())
		}
		for _, path := range []string{"/private", "/sensitive", "/mfa/enable", "/mfa/verify", "/mfa/disable", "/mfa/recovery-codes", "/mfa/devices/revoke", "/token/refresh"} {
			g.want(g.browser.PostJSON(path, object{"code": f.code()}), 401)
			// Nor is the value of the cookie good for anything else.
			g.want(g.browser.PostJSON(path, object{"code": f.code()}, "Authorization", "Bearer "+c.Value), 401)
			g.want(g.browser.PostJSON(path, object{"code": f.code()}, "Cookie", "__Host-session="+c.Value), 401)
		}
		if len(g.reached) != 0 {
			t.Errorf("reached %v", g.reached)
		}
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
		g.want(g.browser.Fetch("GET", "/private", nil), 204)
		if g.browser.Cookie(challengeCookie) != nil {
			t.Error("the cookie of the challenge is still there")
		}
	})
	t.Run("MFA-14 a completed sign-in has the factor and its time", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.signIn(g.browser, f)
		g.want(g.browser.Fetch("GET", "/sensitive", nil), 204)
		g.clock.Advance(6 * time.Minute)
		g.want(g.browser.Fetch("GET", "/sensitive", nil), 401, problem.StepUpRequired)
	})
	t.Run("MFA-07 each Gate completes its own sign-in", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/token?user=alice", "{}"), 401, problem.MFARequired)
		res := g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 200)
		var tokens struct {
			Access string `json:"access_token"`
		}
		res.JSON(&tokens)
		if tokens.Access == "" || res.Cookie("__Host-session") != nil {
			t.Errorf("%s, %v", res.Body, res.Cookies())
		}
		g.want(g.browser.Another(t).Fetch("GET", "/sensitive", nil, "Authorization", "Bearer "+tokens.Access), 204)
		g.clock.Advance(time.Minute)
		b := g.browser.Another(t)
		g.want(b.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
		res = g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
		if res.Cookie("__Host-session") == nil || res.Cookie("__Host-refresh") != nil {
			t.Errorf("cookies %v", res.Cookies())
		}
	})
	t.Run("MFA-07 M08 every road is asked, with whatever the first proof says of itself", func(t *testing.T) {
		g := newRig(t)
		g.enable("alice")
		reached := false
		gate := g.factors.Gate(auth.SignInFunc(func(http.ResponseWriter, *http.Request, *auth.Principal) error { reached = true; return nil }))
		for _, kind := range []string{auth.FactorPassword, auth.FactorFederated, auth.FactorOTP, auth.FactorHardware, auth.FactorRecovery, "mfa"} {
			p := g.member("alice", kind)
			w := httptest.NewRecorder()
			g.must(gate.SignIn(w, httptest.NewRequest("GET", "https://example.com/callback", nil), p))
			if w.Code != 401 || reached {
				t.Errorf("%s: %d, signed in %v", kind, w.Code, reached)
			}
		}
	})
	t.Run("MFA-07 return path, remember and the principal outlast the challenge", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice&return_to=/orders&remember=1", "{}"), 401)
		res := g.want(g.browser.Post("/mfa/challenge", form("code", f.code())), 303)
		if at := res.Header.Get("Location"); at != "/orders" {
			t.Errorf("led to %q", at)
		}
		if c := res.Cookie("__Host-session"); c == nil || c.MaxAge == 0 {
			t.Errorf("the session is not remembered: %+v", c)
		}
		g.want(g.browser.PostJSON("/login?user=bob&remember=1", "{}"), 204)
		if c := g.browser.Cookie("__Host-session"); c == nil || c.MaxAge == 0 {
			t.Errorf("without a factor the session is not remembered: %+v", c)
		}
	})
	t.Run("M07 the longest return path of a visitor keeps nobody out", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		to := "/?" + strings.Repeat("&", 2046)
		g.want(g.browser.PostJSON("/login?user=alice&return_to="+url.QueryEscape(to), "{}"), 401, problem.MFARequired)
		if res := g.want(g.browser.Post("/mfa/challenge", form("code", f.code())), 303); res.Header.Get("Location") != to {
			t.Errorf("led to %q", res.Header.Get("Location"))
		}
	})
	t.Run("MFA-06 M07 who has waited is asked for as of now", func(t *testing.T) {
		var refuse error
		var instead *auth.Principal
		g := newRig(t, func(c *mfa.Config) {
			c.Current = func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
				now := p.Clone()
				now.Roles = []string{"visitor"}
				if instead != nil {
					now = instead
				}
				return now, refuse
			}
		})
		f := g.enable("alice")
		for _, tt := range []struct {
			refuse  error
			instead *auth.Principal
			status  int
		}{
			{auth.ErrInvalidCredentials, nil, 401},
			{problem.Wrap(problem.Unavailable, errDown), nil, 503},
			{nil, g.member("bob"), 500},
		} {
			refuse, instead = tt.refuse, tt.instead
			b := g.browser.Another(t)
			failed := g.happened(mfa.EventFailed)
			g.want(b.PostJSON("/token?user=alice", "{}"), 401, problem.MFARequired)
			g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), tt.status)
			g.want(b.PostJSON("/token/refresh", "{}"), 401)
			if g.happened(mfa.EventFailed) != failed+1 {
				t.Error("nobody was told")
			}
			g.clock.Advance(time.Minute)
		}
		refuse, instead = nil, nil
		var got *auth.Principal
		gate := g.factors.Gate(auth.SignInFunc(func(_ http.ResponseWriter, _ *http.Request, p *auth.Principal) error { got = p; return nil }))
		r, w := request("POST", "https://example.com/login", "")
		g.must(gate.SignIn(w, r, g.principal("alice")))
		r, _ = request("POST", "https://example.com/mfa/challenge", `{"code":"`+f.code()+`"}`)
		r.Header.Set("Content-Type", "application/json")
		r.AddCookie(w.Result().Cookies()[0])
		g.factors.ChallengeHandler().ServeHTTP(httptest.NewRecorder(), r)
		if got == nil || fmt.Sprint(got.Roles) != "[visitor]" || got.FactorAt(auth.FactorOTP).IsZero() || got.FactorAt(auth.FactorPassword).IsZero() {
			t.Errorf("signed in: %+v", got)
		}
	})
	t.Run("a browser that wants a page is led to it", func(t *testing.T) {
		g := newRig(t, func(c *mfa.Config) { c.Pages.Challenge = "/login/factor" })
		f := g.enable("alice")
		res := g.want(g.browser.Post("/login?user=alice", form()), 303)
		if res.Header.Get("Location") != "/login/factor" || res.Cookie(challengeCookie) == nil || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", res.Header)
		}
		res = g.want(g.browser.Post("/mfa/challenge", form("code", f.code())), 303)
		if res.Header.Get("Location") != "/home" {
			t.Errorf("led to %q", res.Header.Get("Location"))
		}
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
	})
	t.Run("a panic or nobody signs nobody in", func(t *testing.T) {
		g := newRig(t)
		gate := g.factors.Gate(auth.SignInFunc(func(http.ResponseWriter, *http.Request, *auth.Principal) error { t.Error("signed in"); return nil }))
		for _, p := range []*auth.Principal{nil, {}, {Subject: strings.Repeat("x", 256)}} {
			w := httptest.NewRecorder()
			if err := gate.SignIn(w, httptest.NewRequest("POST", "https://example.com/", nil), p); err == nil || w.Body.Len() > 0 {
				t.Errorf("%+v: %v", p, err)
			}
		}
		big := g.principal("alice")
		g.enable("alice")
		big.Attributes["big"] = strings.Repeat("x", 20_000)
		if err := gate.SignIn(httptest.NewRecorder(), httptest.NewRequest("POST", "https://example.com/", nil), big); err == nil {
			t.Error("a principal that does not fit is taken")
		}
	})
	t.Run("plain HTTP is told apart", func(t *testing.T) {
		g := newRig(t)
		g.enable("alice")
		gate := g.factors.Gate(g.sessions)
		r := httptest.NewRequest("POST", "http://example.com/login", nil)
		r.Header.Set("X-Forwarded-Proto", "http")
		if err := gate.SignIn(httptest.NewRecorder(), r, g.principal("alice")); !errors.Is(err, mfa.ErrPlainHTTP) {
			t.Errorf("%v, want ErrPlainHTTP", err)
		}
		loose := newRig(t, func(c *mfa.Config) { c.InsecureCookie = true })
		loose.enable("alice")
		gate = loose.factors.Gate(loose.sessions)
		if err := gate.SignIn(httptest.NewRecorder(), r, loose.principal("alice")); !errors.Is(err, mfa.ErrNotLoopback) {
			t.Errorf("%v, want ErrNotLoopback", err)
		}
		r = httptest.NewRequest("POST", "http://localhost/login", nil)
		r.RemoteAddr = "127.0.0.1:5"
		w := httptest.NewRecorder()
		loose.must(gate.SignIn(w, r, loose.principal("alice")))
		if c := w.Result().Cookies(); len(c) != 1 || c[0].Name != "mfa" || c[0].Secure {
			t.Errorf("cookies %v", c)
		}
	})
	t.Run("Gates are wiring", func(t *testing.T) {
		g := newRig(t)
		if g.factors.Gate(g.sessions) != g.factors.Gate(g.sessions) {
			t.Error("two Gates of one SignIn")
		}
		inner := logged{auth.SignInFunc(nil)}
		if g.factors.Gate(inner) == g.factors.Gate(inner) {
			t.Error("functions were compared")
		}
		if g.factors.Gate(logged{g.sessions}) != g.factors.Gate(logged{g.sessions}) {
			t.Error("two Gates of one SignIn that holds another")
		}
		panics(t, "nil", func() { g.factors.Gate(nil) })
		panics(t, "one for each request", func() {
			for range 100 {
				g.factors.Gate(auth.SignInFunc(nil))
			}
		})
	})
}

// logged is a SignIn around another one, as a value.
type logged struct{ next auth.SignIn }

func (l logged) SignIn(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
	return l.next.SignIn(w, r, p)
}

func panics(t *testing.T, name string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", name)
		}
	}()
	f()
}

func TestChallenge(t *testing.T) {
	t.Run("M07 it is completed with a factor of its own user", func(t *testing.T) {
		g := newRig(t)
		alice, bob := g.enable("alice"), g.enable("bob")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": bob.code()}), 401, problem.MFACodeInvalid)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"recovery_code": bob.codes[0]}), 401, problem.MFACodeInvalid)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": alice.code()}), 204)
	})
	t.Run("M07 it is used once", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		c := g.browser.Cookie(challengeCookie)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
		g.clock.Advance(time.Minute)
		b := g.browser.Another(t)
		b.SetCookie(c)
		g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
		if b.Cookie(challengeCookie) != nil {
			t.Error("the cookie of a challenge that is over is still there")
		}
	})
	t.Run("M07 I2 it is claimed by another process, or ended, while the factor is checked", func(t *testing.T) {
		for name, strike := range map[string]func(g *rig, id mfa.ChallengeID) error{
			"claimed": func(g *rig, id mfa.ChallengeID) error {
				return g.store.Store.ClaimChallenge(t.Context(), id, mfa.CallID{1})
			},
			"ended": func(g *rig, id mfa.ChallengeID) error { return g.store.Store.EndChallenges(t.Context(), id.Bucket()) },
		} {
			g := newRig(t)
			f := g.enable("alice")
			var id mfa.ChallengeID
			g.store.opened = func(c mfa.Challenge) { id = c.ID }
			g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
			g.store.set(func(method string) error {
				if method == "Advance" {
					return strike(g, id)
				}
				return nil
			}, nil)
			res := g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
			if res.Cookie("__Host-session") != nil {
				t.Errorf("%s: a session", name)
			}
		}
	})
	t.Run("M07 it works in its browser", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		good := g.browser.Cookie(challengeCookie)
		b := g.browser.Another(t)
		g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
		for _, value := range []string{"", "x", good.Value[:64], good.Value + "A", strings.ToLower(good.Value), good.Value[:22] + strings.Repeat("A", 43), strings.Repeat("A", 22) + good.Value[22:]} {
			b.SetCookie(&http.Cookie{Name: challengeCookie, Value: value, Secure: true})
			g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
		}
		// Two of the name: one of them was planted.
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}, "Cookie", challengeCookie+"="+good.Value+"; "+challengeCookie+"="+good.Value), 401, problem.MFAChallengeInvalid)
	})
	t.Run("M07 it ends after its time", func(t *testing.T) {
		for ttl, after := range map[time.Duration]time.Duration{0: 5 * time.Minute, mfa.MaxChallengeTTL: 10 * time.Minute} {
			g := newRig(t, func(c *mfa.Config) { c.ChallengeTTL = ttl })
			f := g.enable("alice")
			for _, before := range []bool{true, false} {
				g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
				c := g.browser.Cookie(challengeCookie)
				if before {
					g.clock.Advance(after - time.Second)
					g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
					continue
				}
				g.clock.Advance(after)
				g.browser.SetCookie(c)
				g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}, "Cookie", challengeCookie+"="+c.Value), 401, problem.MFAChallengeInvalid)
			}
		}
	})
	t.Run("MFA-05 it is tried ten times", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		// Unlocked each time, so that the limit of the user is not what ends it.
		for range 10 {
			g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.wrong()}), 401, problem.MFACodeInvalid)
			g.must(g.factors.Unlock(t.Context(), "alice"))
		}
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
	})
	t.Run("MFA-07 a process that has no such Gate completes it as no other sign-in", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		other, err := mfa.New(g.store, mfa.Config{Issuer: "Example", Key: sealKey, Now: g.clock.Now})
		g.must(err)
		tokens := other.Gate(auth.SignInFunc(func(http.ResponseWriter, *http.Request, *auth.Principal) error { t.Error("signed in"); return nil }))
		r, w := request("POST", "https://example.com/token", "")
		g.must(tokens.SignIn(w, r, g.principal("alice")))
		g.browser.SetCookie(w.Result().Cookies()[0])
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
	})
	t.Run("MFA-06 what a store gives out as another challenge does not open", func(t *testing.T) {
		g := newRig(t)
		alice, bob := g.enable("alice"), g.enable("bob")
		var opened []mfa.Challenge
		g.store.opened = func(c mfa.Challenge) { opened = append(opened, c) }
		g.want(g.browser.PostJSON("/login?user=bob", "{}"), 401)
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		memory, cookie := g.store.Store, g.browser.Cookie(challengeCookie).Value
		for _, sealed := range []string{opened[0].Sealed, "", opened[1].Sealed[1:], strings.ToUpper(opened[1].Sealed)} {
			g.store.Store = swapping{memory, sealed}
			for _, f := range []*phone{alice, bob} {
				g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}, "Cookie", challengeCookie+"="+cookie), 401, problem.MFAChallengeInvalid)
			}
		}
	})
	t.Run("I2 it ends with a change of password", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		g.must(auth.Revokers{g.factors}.RevokeSubject(t.Context(), "alice", ""))
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
	})
	t.Run("the factor is asked for as it is then", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		c := g.browser.Cookie(challengeCookie)
		g.must(g.factors.Disable(t.Context(), g.member("alice"), mfa.Proof{Code: f.code()}))
		g.clock.Advance(time.Minute)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}, "Cookie", challengeCookie+"="+c.Value), 401)
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
	})
	t.Run("M01 of 50 requests with one code and one challenge one signs in", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		c, code := g.browser.Cookie(challengeCookie), f.code()
		var mu sync.Mutex
		statuses := map[int]int{}
		var wg sync.WaitGroup
		for range 50 {
			b := g.browser.Another(t)
			b.SetCookie(c)
			r, err := http.NewRequest("POST", "/mfa/challenge", strings.NewReader(`{"code":"`+code+`"}`))
			g.must(err)
			r.Header.Set("Content-Type", "application/json")
			wg.Go(func() {
				res, err := b.Try(r)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				statuses[res.StatusCode]++
			})
		}
		wg.Wait()
		if statuses[204] != 1 || statuses[204]+statuses[401]+statuses[429] != 50 {
			t.Errorf("statuses %v", statuses)
		}
	})
	t.Run("F25 ten thousand that wait are bounded and expire", func(t *testing.T) {
		g := newRig(t)
		memory, err := mfa.NewMemoryStore(mfa.MemoryConfig{MaxShortLived: 1000, Now: g.clock.Now})
		g.must(err)
		g.store.Store = memory
		f := g.enable("alice")
		gate := g.factors.Gate(g.sessions)
		open := func(n int) {
			t.Helper()
			for range n {
				g.must(gate.SignIn(httptest.NewRecorder(), httptest.NewRequest("POST", "https://example.com/login", nil), g.principal("alice")))
			}
		}
		open(testkit.Volume(10_000))
		if _, _, n, _ := memory.Len(); n != 20 {
			t.Errorf("one user has %d challenges", n)
		}
		for i := range 2000 {
			_, err := g.factors.Enrol(t.Context(), g.member(fmt.Sprint("user ", i)))
			g.must(err)
		}
		if _, n, _, _ := memory.Len(); n != 1000 {
			t.Errorf("%d enrolments wait", n)
		}
		g.clock.Advance(time.Hour)
		g.signIn(g.browser, f)
		_, err = g.factors.Enrol(t.Context(), g.member("bob"))
		g.must(err)
		if _, enrolments, challenges, _ := memory.Len(); enrolments != 1 || challenges > 1 {
			t.Errorf("an hour later there are %d enrolments and %d challenges", enrolments, challenges)
		}
	})
}

func TestMFA12StoreDown(t *testing.T) {
	g := newRig(t)
	f := g.enable("alice")
	b := g.browser
	for _, user := range []string{"alice", "bob"} {
		t.Run("MFA-12 M12 F13 no look-up, no sign-in of "+user, func(t *testing.T) {
			g.store.failing("Find")
			res := g.want(b.PostJSON("/login?user="+user, "{}"), 503, problem.Unavailable)
			if len(res.Cookies()) != 0 || strings.Contains(res.Body, "down") {
				t.Errorf("%v %s", res.Cookies(), res.Body)
			}
			g.store.set(nil, nil)
		})
	}
	for _, method := range []string{"OpenChallenge"} {
		t.Run("F13 I1 "+method, func(t *testing.T) {
			g.store.failing(method)
			g.want(b.PostJSON("/login?user=alice", "{}"), 503, problem.Unavailable)
			g.store.set(nil, nil)
		})
	}
	for _, method := range []string{"TryChallenge", "Find", "Advance", "ClaimChallenge"} {
		t.Run("F13 I1 I8 "+method, func(t *testing.T) {
			g.clock.Advance(time.Minute)
			g.want(b.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
			g.store.failing(method)
			// Longer than the limit of guesses: a fault must not lock anybody out.
			for range 8 {
				g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), 503, problem.Unavailable)
				if method == "ClaimChallenge" {
					break // the code is used up
				}
			}
			g.want(b.Fetch("GET", "/private", nil), 401)
			g.store.set(nil, nil)
			g.clock.Advance(time.Minute)
			g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
			g.want(b.Fetch("GET", "/private", nil), 204)
			b = g.browser.Another(t)
		})
	}
}

// A swapping store gives out what somebody has written into it.
type swapping struct {
	mfa.Store
	sealed string
}

func (s swapping) TryChallenge(ctx context.Context, id mfa.ChallengeID, limit int) (mfa.Challenge, error) {
	c, err := s.Store.TryChallenge(ctx, id, limit)
	c.Sealed = s.sealed
	return c, err
}
