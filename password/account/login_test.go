package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

func TestLogin(t *testing.T) {
	t.Run("SES-04 a login makes a new session and ends the one before", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		b := g.login(alice, oldPass)
		before := b.Cookie("__Host-session").Value
		g.want(b.PostJSON("/login", credentials(alice, oldPass)), 204)
		if b.Cookie("__Host-session").Value == before {
			t.Fatal("the cookie is the same")
		}
		b.SetCookie(&http.Cookie{Name: "__Host-session", Value: before, Path: "/", Secure: true})
		g.want(b.Get("/me"), 401)
	})

	t.Run("PWD-13 PWD-14 P05 every refusal is the same answer, and the same work", func(t *testing.T) {
		g := newRig(t)
		var want *authtest.Response
		for name, email := range strangers(g) {
			for _, pw := range []string{evilPass, "", strings.Repeat("x", 2000)} {
				hashes, verifies := g.hasher.hashes.Load(), g.hasher.verifies.Load()
				got := g.want(g.browser.Another(t).PostJSON("/login", credentials(email, pw)), 401)
				if want == nil {
					want = got
				}
				same(t, name, got, want)
				work := g.hasher.hashes.Load() - hashes + g.hasher.verifies.Load() - verifies
				if name == "foreign hash" {
					work-- // which was refused without any
				}
				if most := int64(1); len(pw) <= 1000 && work != most || len(pw) > 1000 && work > 0 {
					t.Errorf("%s: %d hashes", name, work)
				}
			}
		}
		for _, email := range []string{"disabled@example.com", "oauth@example.com", "foreign@example.com"} {
			same(t, email, g.browser.Another(t).PostJSON("/login", credentials(email, oldPass)), want)
		}
	})

	t.Run("RLT-07 P05 a locked account is answered as a locked address without one", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		var got [2]*authtest.Response
		for i, email := range []string{alice, "nobody@example.com"} {
			for range 5 {
				g.want(g.browser.PostJSON("/login", credentials(email, evilPass)), 401)
			}
			got[i] = g.want(g.browser.PostJSON("/login", credentials(email, oldPass)), 429)
		}
		same(t, "locked", got[0], got[1])
	})

	t.Run("PWD-14 the right password of a disabled account is one more failure", func(t *testing.T) {
		g := newRig(t)
		g.user(alice, func(u *account.User) { u.Disabled = true })
		for range 5 {
			g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 401)
		}
		g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 429)
	})

	t.Run("P08 spellings of one address share one count", func(t *testing.T) {
		for _, email := range []string{alice, "nobody@example.com"} {
			g := newRig(t)
			g.user(alice)
			spellings := []string{email, strings.ToUpper(email), strings.ToUpper(email[:1]) + email[1:], strings.Replace(email, "example", "Example", 1), strings.Replace(email, "com", "COM", 1)}
			for _, s := range spellings {
				g.want(g.browser.PostJSON("/login", credentials(s, evilPass)), 401)
			}
			for _, s := range spellings {
				g.want(g.browser.PostJSON("/login", credentials(s, evilPass)), 429)
			}
			// A tag makes another address, which has no account of its own.
			g.want(g.browser.PostJSON("/login", credentials(strings.Replace(email, "@", "+x@", 1), evilPass)), 401)
		}
	})

	t.Run("P07 a success of another account does not forgive the victim's", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		g.user("mallory@example.com")
		for range 4 {
			g.want(g.browser.PostJSON("/login", credentials(alice, evilPass)), 401)
		}
		g.login("mallory@example.com", oldPass)
		g.want(g.browser.PostJSON("/login", credentials(alice, evilPass)), 401)
		g.want(g.browser.PostJSON("/login", credentials(alice, evilPass)), 429)
	})

	t.Run("P10 the owner of a locked account gets in from a known device, and by a reset", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		known := g.login(alice, oldPass)
		pass := known.Cookie("__Host-known-device")
		if pass == nil {
			t.Fatal("no pass")
		}
		g.want(known.PostJSON("/logout", nil), 204)
		mallory := g.browser.Another(t)
		for range 100 {
			mallory.PostJSON("/login", credentials(alice, evilPass))
		}
		g.want(mallory.PostJSON("/login", credentials(alice, oldPass)), 429)
		g.want(known.PostJSON("/login", credentials(alice, oldPass)), 204)
		// Not with the pass of somebody else, nor with a changed one.
		g.user("mallory@example.com")
		theirs := g.login("mallory@example.com", oldPass).Cookie("__Host-known-device").Value
		for _, value := range []string{theirs, pass.Value[:len(pass.Value)-1], "", "x"} {
			b := g.browser.Another(t)
			b.SetCookie(&http.Cookie{Name: "__Host-known-device", Value: value, Path: "/", Secure: true})
			g.want(b.PostJSON("/login", credentials(alice, oldPass)), 429)
		}
		// A device guesses no more than an account.
		for range 5 {
			g.want(known.PostJSON("/login", credentials(alice, evilPass)), 401)
		}
		g.want(known.PostJSON("/login", credentials(alice, oldPass)), 429)

		token := g.resetToken(alice)
		g.want(mallory.PostJSON("/reset", object{"token": token, "password": newPass}), 204)
		g.login(alice, newPass)
		if !g.fits(u.ID, newPass) {
			t.Error("the password has not changed")
		}
	})

	t.Run("P10 a pass ends with the password, and with its time", func(t *testing.T) {
		for name, end := range map[string]func(g *rig){
			"reset": func(g *rig) {
				g.want(g.browser.PostJSON("/reset", object{"token": g.resetToken(alice), "password": oldPass}), 204)
			},
			"age": func(g *rig) { g.clock.Advance(account.DefaultDevicePass) },
		} {
			g := newRig(t)
			g.user(alice)
			pass := g.login(alice, oldPass).Cookie("__Host-known-device")
			g.clock.Advance(time.Second)
			end(g)
			for range 5 {
				g.browser.PostJSON("/login", credentials(alice, evilPass))
			}
			b := g.browser.Another(t)
			b.SetCookie(&http.Cookie{Name: pass.Name, Value: pass.Value, Path: "/", Secure: true})
			if resp := b.PostJSON("/login", credentials(alice, oldPass)); resp.StatusCode != 429 {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
	})

	t.Run("the pass is a cookie for this host, out of reach of scripts", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		resp := g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 204)
		c := resp.Cookie("__Host-known-device")
		if c == nil || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 180*24*3600 {
			t.Errorf("%+v", c)
		}
		off := newRig(t, func(cfg *account.Config) { cfg.DevicePass = -1 })
		off.user(alice)
		if c := off.want(off.browser.PostJSON("/login", credentials(alice, oldPass)), 204).Cookie("__Host-known-device"); c != nil {
			t.Errorf("DevicePass is off, and there is %+v", c)
		}
	})

	t.Run("PWD-10 an outdated hash is replaced and its owner signed in", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice, func(u *account.User) { u.Hash = "old" + strings.TrimPrefix(u.Hash, "fast") })
		g.login(alice, oldPass)
		if now := g.stored(u.ID); !strings.HasPrefix(now.Hash, "fast$") || !now.ValidAfter.IsZero() || !g.fits(u.ID, oldPass) {
			t.Errorf("got %+v", now)
		}
	})

	t.Run("a login over a reset does not get in with the old password", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		token := g.resetToken(alice)
		g.hasher.hold, g.hasher.held = make(chan struct{}), make(chan struct{}, 10)
		done := make(chan error, 1)
		go func() {
			_, err := g.accounts.Authenticate(context.Background(), account.Client{}, alice, oldPass)
			done <- err
		}()
		<-g.hasher.held // the old password was right a moment ago
		g.must(g.accounts.ResetPassword(t.Context(), account.Client{}, token, newPass))
		close(g.hasher.hold)
		if err := <-done; !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%v, want ErrMismatch", err)
		}
		g.hasher.hold = nil
		if !g.fits(u.ID, newPass) {
			t.Error("the reset is lost")
		}
	})

	t.Run("a sign-in that comes after the reset it overtook is refused", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		p, err := g.accounts.Authenticate(t.Context(), account.Client{}, alice, oldPass)
		g.must(err)
		g.clock.Advance(time.Millisecond)
		g.must(g.accounts.ResetPassword(t.Context(), account.Client{}, g.resetToken(alice), newPass))
		mux := http.NewServeMux() // somebody whose SignIn was slow
		mux.HandleFunc("POST /late", func(w http.ResponseWriter, r *http.Request) { _ = g.sessions.SignIn(w, r, p) })
		mux.Handle("GET /me", g.mux)
		b := authtest.NewBrowser(t, g.sessions.Handler(mux))
		g.want(b.PostJSON("/late", nil), 204)
		g.want(b.Get("/me"), 401)
	})

	t.Run("a form is led back to where it came from, and nowhere else", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		for to, want := range map[string]string{"/orders?page=2": "/orders?page=2", "": "/", "https://evil.example/": "/", "//evil.example": "/", "/\\evil.example": "/"} {
			resp := g.want(g.browser.Post("/login", url.Values{"email": {alice}, "password": {oldPass}, "return_to": {to}, "remember": {"on"}}), 303)
			if got := resp.Header.Get("Location"); got != want {
				t.Errorf("return_to %q leads to %q, want %q", to, got, want)
			}
		}
	})

	t.Run("remember is handed on", func(t *testing.T) {
		asked := 0
		g := newRig(t, func(cfg *account.Config) {
			cfg.Remember = func(ctx context.Context) context.Context { asked++; return ctx }
		})
		g.user(alice)
		g.login(alice, oldPass)
		g.want(g.browser.PostJSON("/login", object{"email": alice, "password": oldPass, "remember": true}), 204)
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})

	t.Run("logout ends the session, and tells if it could not", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		b := g.login(alice, oldPass)
		cookie := b.Cookie("__Host-session").Value
		g.want(b.PostJSON("/logout", nil), 204)
		b.SetCookie(&http.Cookie{Name: "__Host-session", Value: cookie, Path: "/", Secure: true})
		g.want(b.Get("/me"), 401)
		if to := g.want(b.Post("/logout", nil), 303).Header.Get("Location"); to != "/login?notice=logout" {
			t.Errorf("led to %q", to)
		}
		asked := false
		h := g.accounts.Logout(
			func(context.Context) error { return problem.Wrap(problem.Unavailable, errors.New("store down")) },
			func(context.Context) error { asked = true; return nil },
		)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/logout", nil))
		if w.Code != 503 || !asked {
			t.Errorf("%d, the second was asked: %v", w.Code, asked)
		}
	})

	t.Run("a request from nowhere is refused, for it would have no limit", func(t *testing.T) {
		g := newRig(t)
		for _, h := range []http.Handler{g.accounts.Login(g.sessions), g.accounts.Forgot(), g.accounts.Register()} {
			r := httptest.NewRequest("POST", "/", strings.NewReader(`{}`))
			r.RemoteAddr = "@"
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 500 {
				t.Errorf("%d", w.Code)
			}
		}
	})
}

func TestCurrent(t *testing.T) {
	base := time.Date(2026, 5, 1, 12, 0, 0, 400e6, time.UTC)
	g := newRig(t)
	u := g.user(alice, func(u *account.User) { u.ValidAfter = base; u.Roles = []string{"manager"} })
	off := g.user("disabled@example.com", func(u *account.User) { u.Disabled = true })
	for _, tc := range []struct {
		name string
		p    auth.Principal
		ok   bool
	}{
		{"a sign-in after the change", auth.Principal{Subject: u.ID, AuthenticatedAt: base.Add(time.Millisecond)}, true},
		{"in the same millisecond", auth.Principal{Subject: u.ID, AuthenticatedAt: base}, true},
		{"a millisecond before", auth.Principal{Subject: u.ID, AuthenticatedAt: base.Add(-time.Millisecond)}, false},
		{"in whole seconds, in the same one", auth.Principal{Subject: u.ID, AuthenticatedAt: base.Truncate(time.Second)}, true},
		{"in whole seconds, the one before", auth.Principal{Subject: u.ID, AuthenticatedAt: base.Truncate(time.Second).Add(-time.Second)}, false},
		{"before, and the password since", auth.Principal{Subject: u.ID, AuthenticatedAt: base.Add(-time.Hour), Factors: []auth.Factor{{Kind: auth.FactorPassword, At: base}}}, true},
		{"before, and a code since", auth.Principal{Subject: u.ID, AuthenticatedAt: base.Add(-time.Hour), Factors: []auth.Factor{{Kind: auth.FactorOTP, At: base.Add(time.Hour)}}}, false},
		{"never interactively", auth.Principal{Subject: u.ID, Method: auth.MethodAPIKey}, true},
		{"disabled", auth.Principal{Subject: off.ID, AuthenticatedAt: base}, false},
		{"gone", auth.Principal{Subject: "17", AuthenticatedAt: base}, false},
		{"nobody", auth.Principal{}, false},
	} {
		t.Run("RST-05 "+tc.name, func(t *testing.T) {
			now, err := g.accounts.Current(t.Context(), &tc.p)
			if !tc.ok {
				if !errors.Is(err, auth.ErrInvalidCredentials) {
					t.Errorf("%v, %v", now, err)
				}
				return
			}
			if err != nil || len(now.Roles) != 1 || now.Roles[0] != "manager" || now.Attributes[account.AttributeEmail] != alice {
				t.Errorf("%+v, %v", now, err)
			}
			if tc.p.Roles != nil || tc.p.Attributes != nil {
				t.Error("the principal of the credential was changed")
			}
		})
	}
}

func TestRaces(t *testing.T) {
	t.Run("PWD-10 a change of password wins over a rehash", func(t *testing.T) {
		for range 30 {
			g := newRig(t)
			u := g.user(alice, func(u *account.User) { u.Hash = "old" + strings.TrimPrefix(u.Hash, "fast") })
			p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: g.clock.Now()}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() { _, _ = g.accounts.Authenticate(context.Background(), account.Client{}, alice, oldPass) })
			}
			var changed error
			wg.Go(func() {
				changed = g.accounts.UpdatePassword(context.Background(), account.Client{}, p, oldPass, newPass)
			})
			wg.Wait()
			g.must(changed)
			if !g.fits(u.ID, newPass) {
				t.Fatal("the change is lost")
			}
		}
	})
	t.Run("of many changes at once one wins, and the others say that they did not", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		guard, err := throttle.NewGuard(nil, throttle.GuardConfig{Max: 1000, MaxPerAddress: 1000})
		g.must(err)
		g.accounts = g.service(func(cfg *account.Config) { cfg.Guard = guard; cfg.Elevate = nil })
		p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: g.clock.Now()}
		won := make(chan string, 100)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				pw := fmt.Sprint(newPass, i)
				switch err := g.accounts.UpdatePassword(context.Background(), account.Client{}, p, oldPass, pw); {
				case err == nil:
					won <- pw
				case !errors.Is(err, password.ErrMismatch):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		close(won)
		if len(won) != 1 {
			t.Fatalf("%d changes have worked", len(won))
		}
		if !g.fits(u.ID, <-won) {
			t.Error("the password is not that of the change that worked")
		}
	})
}

func TestAddressLimit(t *testing.T) {
	t.Run("one address tries few passwords at many accounts", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.Guard = nil })
		c := account.Client{Address: netip.MustParseAddr("2001:db8::1")}
		for i := range 20 {
			if _, err := g.accounts.Authenticate(t.Context(), c, fmt.Sprintf("u%d@example.com", i), evilPass); !errors.Is(err, password.ErrMismatch) {
				t.Fatal(err)
			}
		}
		c.Address = netip.MustParseAddr("2001:db8::2") // of the same /64
		if _, err := g.accounts.Authenticate(t.Context(), c, "u@example.com", evilPass); !errors.Is(err, throttle.ErrLocked) {
			t.Errorf("%v, want ErrLocked", err)
		}
		if g.saw(auth.EventSignInFail) != 21 {
			t.Errorf("%d events of failed logins", g.saw(auth.EventSignInFail))
		}
	})
}

func TestEvents(t *testing.T) {
	t.Run("XCT-04 a decision is an event with user, address and time, and without an address of mail", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		b := g.login(alice, oldPass)
		g.want(b.PostJSON("/login", credentials(alice, evilPass)), 401)
		g.want(b.PostJSON("/forgot", object{"email": alice}), 202)
		g.want(b.PostJSON("/reset", object{"token": g.last(account.MessageReset, alice).Token, "password": newPass}), 204)
		g.flush()
		g.mu.Lock()
		defer g.mu.Unlock()
		seen := map[auth.EventKind]bool{}
		for _, e := range g.events {
			if strings.Contains(fmt.Sprintf("%+v", e), alice) {
				t.Errorf("%s names an address", e.Kind)
			}
			switch e.Kind {
			case auth.EventSignInFail, account.EventForgot, account.EventReset:
				seen[e.Kind] = true
				if e.Subject != u.ID || !e.Address.IsLoopback() || !e.Time.Equal(g.clock.Now()) || e.Time.Location() != time.UTC {
					t.Errorf("%+v", e)
				}
			}
		}
		if len(seen) != 3 {
			t.Errorf("seen: %v", seen)
		}
	})
}

func TestBurst(t *testing.T) {
	t.Run("F31 P18 a burst of registrations and logins waits for its share of memory or is told to come back", func(t *testing.T) {
		pool, err := password.NewPool(password.PoolConfig{Memory: 40, Queue: 10})
		if err != nil {
			t.Fatal(err)
		}
		hasher, err := password.NewArgon2id(password.Argon2idConfig{Pool: pool})
		if err != nil {
			t.Fatal(err)
		}
		g := newRig(t, func(cfg *account.Config) { cfg.Hasher = hasher })
		results := make(chan error, 500)
		var wg sync.WaitGroup
		for i := range 250 {
			wg.Go(func() {
				results <- g.accounts.SignUp(context.Background(), account.Client{}, fmt.Sprintf("u%d@example.com", i), oldPass)
			})
			wg.Go(func() {
				_, err := g.accounts.Authenticate(context.Background(), account.Client{}, fmt.Sprintf("v%d@example.com", i), oldPass)
				results <- err
			})
		}
		wg.Wait()
		close(results)
		busy, served := 0, 0
		for err := range results {
			switch {
			case err == nil || errors.Is(err, password.ErrMismatch):
				served++
			case errors.Is(err, password.ErrBusy) && problem.From(err).Status == 503:
				busy++
			default:
				t.Error(err)
			}
		}
		if busy == 0 || served == 0 {
			t.Errorf("%d served, %d turned away", served, busy)
		}
	})
}
