package account_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func TestChangePassword(t *testing.T) {
	change := object{"current_password": oldPass, "password": newPass}

	t.Run("PWD-16 it wants the current password and ends all other sessions", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		mine, other := g.login(alice, oldPass), g.login(alice, oldPass)
		before := mine.Cookie("__Host-session").Value
		g.clock.Advance(time.Minute)
		g.want(mine.PostJSON("/change-password", object{"current_password": evilPass, "password": newPass}), 401)
		g.want(other.Get("/me"), 200)
		g.want(mine.PostJSON("/change-password", change), 204)
		g.want(mine.Get("/me"), 200)
		g.want(other.Get("/me"), 401)
		g.last(account.MessagePasswordChanged, alice)
		if mine.Cookie("__Host-session").Value == before {
			t.Error("SES-04 the session has its old id")
		}
		g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 401)
		g.login(alice, newPass)
	})

	t.Run("PWD-16 without Elevate the session of the request stays too", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.Elevate = nil })
		u := g.user(alice)
		old := g.login(alice, oldPass)
		g.clock.Advance(time.Minute)
		mine := g.login(alice, oldPass)
		g.clock.Advance(time.Minute)
		g.want(mine.PostJSON("/change-password", change), 204)
		g.want(mine.Get("/me"), 200)
		g.want(old.Get("/me"), 401)
		if at := g.stored(u.ID).ValidAfter; !at.Equal(g.clock.Now().Add(-time.Minute)) {
			t.Errorf("ValidAfter %s", at)
		}
	})

	for name, revokers := range map[string]bool{"": true, " and that no Revoker reaches": false} {
		t.Run("PWD-16 SES-04 a session that cannot be renewed"+name+" ends with the others", func(t *testing.T) {
			g := newRig(t, func(cfg *account.Config) {
				cfg.Elevate = func(context.Context, auth.Factor) error { return errors.New("the store is gone") }
				if !revokers {
					cfg.Revokers = nil
				}
			})
			u := g.user(alice)
			mine := g.login(alice, oldPass)
			g.clock.Advance(time.Minute)
			other := g.login(alice, oldPass)
			g.clock.Advance(time.Minute)
			g.want(mine.PostJSON("/change-password", change), 204)
			g.want(mine.Get("/me"), 401)
			g.want(other.Get("/me"), 401)
			if !g.fits(u.ID, newPass) || !g.stored(u.ID).ValidAfter.Equal(g.clock.Now()) {
				t.Errorf("got %+v", g.stored(u.ID))
			}
			if left, err := g.sessions.List(t.Context(), u.ID); err != nil || revokers && len(left) != 0 {
				t.Errorf("%d sessions are left, %v", len(left), err) // that Current refuses them is not all
			}
			g.login(alice, newPass)
		})
	}

	t.Run("PWD-16 credentials that Revokers do not reach are refused by Current", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.Revokers = nil })
		g.user(alice)
		mine := g.login(alice, oldPass)
		g.clock.Advance(time.Second)
		later := g.login(alice, oldPass)
		g.clock.Advance(time.Second)
		g.want(mine.PostJSON("/change-password", change), 204)
		g.want(mine.Get("/me"), 200)
		g.want(later.Get("/me"), 401)
	})

	t.Run("guesses at the current password are counted with those at the login", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		b := g.login(alice, oldPass)
		b.SetCookie(&http.Cookie{Name: "__Host-known-device", Path: "/", MaxAge: -1})
		for range 3 {
			g.want(b.PostJSON("/change-password", object{"current_password": evilPass, "password": newPass}), 401)
		}
		for range 2 {
			g.want(g.browser.PostJSON("/login", credentials(alice, evilPass)), 401)
		}
		g.want(b.PostJSON("/change-password", change), 429)
	})

	t.Run("a user without a password sets one, after a fresh sign-in", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice, func(u *account.User) { u.Hash = "" })
		p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: g.clock.Now()}
		g.clock.Advance(16 * time.Minute)
		err := g.accounts.UpdatePassword(t.Context(), account.Client{}, p, "", newPass)
		if !errors.Is(err, auth.ErrStepUp) {
			t.Fatalf("%v, want ErrStepUp", err)
		}
		p.AuthenticatedAt = g.clock.Now()
		g.must(g.accounts.UpdatePassword(t.Context(), account.Client{}, p, "", newPass))
		if !g.fits(u.ID, newPass) {
			t.Error("no password was set")
		}
	})

	t.Run("who may not change an account", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		g.user("bob@example.com", func(u *account.User) { u.ID = "bob" })
		now := g.clock.Now()
		for name, tc := range map[string]struct {
			p    *auth.Principal
			want error
		}{
			"nobody":               {nil, auth.ErrNoCredentials},
			"an API key":           {&auth.Principal{Subject: u.ID, Method: auth.MethodAPIKey, AuthenticatedAt: now}, auth.ErrForbidden},
			"never signed in":      {&auth.Principal{Subject: u.ID, Method: auth.MethodJWT}, auth.ErrForbidden},
			"somebody gone":        {&auth.Principal{Subject: "17", Method: auth.MethodSession, AuthenticatedAt: now}, auth.ErrInvalidCredentials},
			"with bob's principal": {&auth.Principal{Subject: "bob", Method: auth.MethodSession, AuthenticatedAt: now}, nil},
		} {
			t.Run(name, func(t *testing.T) {
				c := account.Client{}
				for flow, err := range map[string]error{
					"password": g.accounts.UpdatePassword(t.Context(), c, tc.p, oldPass, newPass),
					"e-mail":   g.accounts.RequestEmail(t.Context(), c, tc.p, newPass, "x@example.com"),
				} {
					if tc.want == nil && flow == "e-mail" {
						continue // which of the two came first is not said
					}
					if !errors.Is(err, tc.want) {
						t.Errorf("%s: %v, want %v", flow, err, tc.want)
					}
				}
				if tc.want != nil {
					if err := g.accounts.DeleteAccount(t.Context(), c, tc.p, oldPass); !errors.Is(err, tc.want) {
						t.Errorf("delete: %v, want %v", err, tc.want)
					}
				}
			})
		}
		if !g.fits(u.ID, oldPass) {
			t.Error("the password of alice has changed")
		}
	})

	t.Run("a session of another beside the credential is not elevated", func(t *testing.T) {
		elevated := 0
		g := newRig(t, func(cfg *account.Config) {
			cfg.Elevate = func(context.Context, auth.Factor) error { elevated++; return nil }
		})
		u := g.user(alice)
		p := &auth.Principal{Subject: u.ID, Method: auth.MethodJWT, CredentialID: "c", AuthenticatedAt: g.clock.Now()}
		g.must(g.accounts.UpdatePassword(t.Context(), account.Client{}, p, oldPass, newPass))
		if elevated != 0 {
			t.Error("a session was elevated by the bearer of a token")
		}
	})

	t.Run("an address that goes to somebody else meanwhile proves nothing", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: g.clock.Now()}
		var other account.User
		looks := 0
		g.steps.read = func() {
			if looks++; looks == 2 {
				g.must(g.store.MemoryStore.SetEmail(t.Context(), u.ID, alice, "moved@example.com", "moved@example.com"))
				other = g.user(alice)
			}
		}
		err := g.accounts.UpdatePassword(t.Context(), account.Client{}, p, oldPass, newPass)
		g.steps.read = nil
		if !errors.Is(err, password.ErrMismatch) || other.ID == "" || !g.fits(other.ID, oldPass) || !g.fits(u.ID, oldPass) {
			t.Errorf("%v after %d look-ups", err, looks)
		}
	})

	t.Run("a new password that is not acceptable changes nothing", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		b, other := g.login(alice, oldPass), g.login(alice, oldPass)
		g.want(b.PostJSON("/change-password", object{"current_password": oldPass, "password": "short"}), 422)
		g.want(other.Get("/me"), 200)
	})
}

func TestChangeEmail(t *testing.T) {
	const next = "alice.new@example.com"

	t.Run("the account moves by the link at the new address, and the old one is told", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		b := g.login(alice, oldPass)
		g.want(b.PostJSON("/change-email", object{"password": evilPass, "email": next}), 401)
		g.want(b.PostJSON("/change-email", object{"password": oldPass, "email": "Alice.New@Example.com"}), 202)
		link := g.last(account.MessageEmailChange, "Alice.New@Example.com")
		if g.stored(u.ID).Canonical != alice {
			t.Fatal("the account has moved without proof")
		}
		g.want(g.browser.PostJSON("/verify", object{"token": link.Token}), 204)
		g.want(g.browser.PostJSON("/verify", object{"token": link.Token}), 400)
		if now := g.stored(u.ID); now.Email != "Alice.New@Example.com" || now.Canonical != next || !now.Verified {
			t.Errorf("got %+v", now)
		}
		want := []string{"email-change-request " + alice, "email-change Alice.New@Example.com", "email-changed " + alice}
		if mail := g.inbox(); !reflect.DeepEqual(mail, want) {
			t.Errorf("mail: %v", mail)
		}
		if !reflect.DeepEqual(g.notices, []string{"email-changed " + alice}) {
			t.Errorf("RST-13 notices: %v", g.notices)
		}
		if body := b.Get("/me").Body; body != "Alice.New@Example.com customer" {
			t.Errorf("the session says %q", body)
		}
		g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 401)
		g.login(next, oldPass)
	})

	t.Run("an address that is taken is not told, and stays", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		bob := g.user("bob@example.com")
		b := g.login(alice, oldPass)
		want := g.want(b.PostJSON("/change-email", object{"password": oldPass, "email": next}), 202)
		link := g.last(account.MessageEmailChange, next)
		same(t, "taken", g.want(b.PostJSON("/change-email", object{"password": oldPass, "email": "BOB@example.com"}), 202), want)
		g.last(account.MessageAlreadyRegistered, "bob@example.com")
		// Taken between the question and the answer.
		g.user(next)
		g.want(b.PostJSON("/verify", object{"token": link.Token}), 400)
		if g.stored(u.ID).Canonical != alice || g.stored(bob.ID).Canonical != "bob@example.com" {
			t.Error("somebody has moved")
		}
	})

	t.Run("what voids the link", func(t *testing.T) {
		for name, void := range map[string]func(g *rig, b *authtest.Browser, u account.User){
			"a reset": func(g *rig, _ *authtest.Browser, _ account.User) { g.reset(alice, newPass) },
			"a change of password": func(g *rig, b *authtest.Browser, _ account.User) {
				g.want(b.PostJSON("/change-password", object{"current_password": oldPass, "password": newPass}), 204)
			},
			"another request": func(g *rig, b *authtest.Browser, _ account.User) {
				g.want(b.PostJSON("/change-email", object{"password": oldPass, "email": "third@example.com"}), 202)
				g.last(account.MessageEmailChange, "third@example.com")
			},
			"disabled": func(g *rig, _ *authtest.Browser, u account.User) {
				g.must(g.store.Update(g.t.Context(), u.ID, disable))
			},
			"an hour": func(g *rig, _ *authtest.Browser, _ account.User) { g.clock.Advance(time.Hour) },
		} {
			t.Run(name, func(t *testing.T) {
				g := newRig(t)
				u := g.user(alice)
				b := g.login(alice, oldPass)
				g.want(b.PostJSON("/change-email", object{"password": oldPass, "email": next}), 202)
				link := g.last(account.MessageEmailChange, next)
				g.clock.Advance(time.Second)
				void(g, b, u)
				g.want(g.browser.PostJSON("/verify", object{"token": link.Token}), 400)
				if g.stored(u.ID).Canonical != alice {
					t.Error("the account has moved")
				}
			})
		}
	})

	t.Run("one account sends five such messages in an hour", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: g.clock.Now()}
		for i := range 20 {
			g.must(g.accounts.RequestEmail(t.Context(), account.Client{}, p, oldPass, strings.Repeat("x", i+1)+"@example.com"))
		}
		if mail := g.inbox(); len(mail) != 10 { // and as many notices
			t.Errorf("%d: %v", len(mail), mail)
		}
	})
}

func TestDelete(t *testing.T) {
	t.Run("the account, its sessions and its tokens are gone", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		mine, other := g.login(alice, oldPass), g.login(alice, oldPass)
		token := g.resetToken(alice)
		g.want(mine.PostJSON("/delete", object{"password": evilPass}), 401)
		g.want(mine.PostJSON("/delete", object{"password": oldPass}), 204)
		g.want(mine.Get("/me"), 401)
		g.want(other.Get("/me"), 401)
		if _, err := g.store.Find(t.Context(), u.ID); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("%v", err)
		}
		g.want(g.browser.PostJSON("/reset", object{"token": token, "password": newPass}), 400)
		g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 401)
		g.last(account.MessageAccountDeleted, alice)
		if n := g.tokens.Len(); n != 0 {
			t.Errorf("%d tokens are left", n)
		}
	})
	t.Run("it wants a fresh sign-in", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		b := g.login(alice, oldPass)
		g.clock.Advance(16 * time.Minute)
		g.want(b.Get("/me"), 200)
		if d := g.want(b.PostJSON("/delete", object{"password": oldPass}), 401).Problem(); d.Code != problem.StepUpRequired {
			t.Errorf("%s", d.Code)
		}
		g.stored(u.ID)
	})
	t.Run("a store that cannot delete says so before anything ends", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		accounts, err := account.New(struct{ account.Store }{g.store}, account.Config{BaseURL: "https://app.example.com", Key: make32(), Outbox: g.outbox, Hasher: g.hasher, Now: g.clock.Now})
		g.must(err)
		p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, AuthenticatedAt: g.clock.Now()}
		if err := accounts.DeleteAccount(t.Context(), account.Client{}, p, oldPass); !errors.Is(err, account.ErrNotSupported) {
			t.Errorf("%v", err)
		}
	})
}

func TestForms(t *testing.T) {
	var states []account.FormState
	g := newRig(t, func(cfg *account.Config) {
		cfg.Pages = account.Pages{Login: "/sign-in", Account: "/settings"}
		cfg.Form = func(w http.ResponseWriter, _ *http.Request, f account.FormState) {
			states = append(states, f)
			w.WriteHeader(f.Problem.Status)
			_, _ = w.Write([]byte("<form>" + string(f.Flow)))
		}
	})
	u := g.user(alice)
	b := g.login(alice, oldPass)
	token := g.resetToken(alice)

	t.Run("a refused form is shown again, with what was typed and no password", func(t *testing.T) {
		for _, tc := range []struct {
			path   string
			in     url.Values
			status int
			want   account.FormState
		}{
			{"/register", form("email", "new@example.com", "password", "short"), 422, account.FormState{Flow: account.FlowRegister, Email: "new@example.com"}},
			{"/login", form("email", alice, "password", evilPass, "return_to", "/orders"), 401, account.FormState{Flow: account.FlowLogin, Email: alice, ReturnTo: "/orders"}},
			{"/login", form("email", "carol@example.com", "password", evilPass, "return_to", "https://evil.example/"), 401, account.FormState{Flow: account.FlowLogin, Email: "carol@example.com"}},
			{"/login", form("email", "carol@example.com", "password", evilPass, "return_to", "javascript:alert(1)"), 401, account.FormState{Flow: account.FlowLogin, Email: "carol@example.com"}},
			{"/reset", form("token", token, "password", "short"), 422, account.FormState{Flow: account.FlowReset, Token: token}},
			{"/verify", form("token", "x"), 400, account.FormState{Flow: account.FlowVerifyEmail, Token: "x"}},
			{"/change-password", form("current_password", evilPass, "password", newPass), 401, account.FormState{Flow: account.FlowChangePassword}},
			{"/change-email", form("password", oldPass, "email", "x"), 422, account.FormState{Flow: account.FlowChangeEmail, Email: "x"}},
			{"/delete", form("password", evilPass), 401, account.FormState{Flow: account.FlowDelete}},
			{"/forgot", form("email", alice, "x", "y"), 400, account.FormState{Flow: account.FlowForgot}},
		} {
			states = nil
			resp := g.want(b.Post(tc.path, tc.in), tc.status)
			if len(states) != 1 || !strings.HasPrefix(resp.Body, "<form>") || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Fatalf("%s: %v %q", tc.path, resp.Header, resp.Body)
			}
			got := states[0]
			if got.Err == nil || got.Problem.Status != tc.status {
				t.Errorf("%s: %+v", tc.path, got)
			}
			if got.Flow != tc.want.Flow || got.Email != tc.want.Email || got.ReturnTo != tc.want.ReturnTo || got.Token != tc.want.Token {
				t.Errorf("%s: %+v, want %+v", tc.path, got, tc.want)
			}
		}
	})
	t.Run("a lock says how long, on a page as well", func(t *testing.T) {
		for range 5 {
			g.browser.Post("/login", form("email", "x@example.com", "password", evilPass))
		}
		if resp := g.want(g.browser.Post("/login", form("email", "x@example.com", "password", evilPass)), 429); resp.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
	t.Run("a form that has done its work leads on", func(t *testing.T) {
		for _, tc := range []struct {
			path string
			in   url.Values
			want string
		}{
			{"/register", form("email", "new@example.com", "password", newPass), "/sign-in?notice=register"},
			{"/forgot", form("email", alice), "/sign-in?notice=forgot-password"},
			{"/change-email", form("password", oldPass, "email", "new@example.com"), "/settings?notice=change-email"},
			{"/change-password", form("current_password", oldPass, "password", newPass), "/settings?notice=change-password"},
			{"/delete", form("password", newPass), "/sign-in?notice=delete-account"},
		} {
			if got := g.want(b.Post(tc.path, tc.in), 303).Header.Get("Location"); got != tc.want {
				t.Errorf("%s leads to %q, want %q", tc.path, got, tc.want)
			}
		}
		if _, err := g.store.Find(t.Context(), u.ID); !errors.Is(err, account.ErrNotFound) {
			t.Error("not deleted")
		}
	})
}

func TestNew(t *testing.T) {
	outbox, err := account.NewOutbox(account.NewCapture(0), account.OutboxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	good := account.Config{BaseURL: "https://app.example.com", Key: make32(), Outbox: outbox}
	with := func(f func(*account.Config)) account.Config {
		cfg := good
		f(&cfg)
		return cfg
	}
	t.Run("XCT-05 what has no safe default is an error that says what to do", func(t *testing.T) {
		for want, cfg := range map[string]account.Config{
			"BaseURL is missing":      with(func(c *account.Config) { c.BaseURL = "" }),
			"use https":               with(func(c *account.Config) { c.BaseURL = "http://app.example.com" }),
			"not an origin":           with(func(c *account.Config) { c.BaseURL = "https://a:b@app.example.com" }),
			"an origin and a path":    with(func(c *account.Config) { c.BaseURL = "https://app.example.com/?x=1" }),
			"such as https":           with(func(c *account.Config) { c.BaseURL = "app.example.com" }),
			"use https, or http":      with(func(c *account.Config) { c.BaseURL = "javascript://app.example.com" }),
			"openssl rand":            with(func(c *account.Config) { c.Key = nil }),
			"must be 32 random bytes": with(func(c *account.Config) { c.Key = make([]byte, 32) }),
			"Outbox is missing":       with(func(c *account.Config) { c.Outbox = nil }),
			"is not a path":           with(func(c *account.Config) { c.Pages.Reset = "https://evil.example/" }),
			"the page":                with(func(c *account.Config) { c.Pages.Login = "/login?x=1" }),
			"FreshFor":                with(func(c *account.Config) { c.FreshFor = -1 }),
			"Revokers is nil":         with(func(c *account.Config) { c.Revokers = auth.Revokers{nil} }),
			"control characters":      with(func(c *account.Config) { c.Name = "a\r\nBcc: x" }),
		} {
			if _, err := account.New(nil, cfg); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", want, err)
			}
		}
		for _, base := range []string{"https://app.example.com", "https://app.example.com/", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:1"} {
			if _, err := account.New(nil, with(func(c *account.Config) { c.BaseURL = base })); err != nil {
				t.Errorf("%s: %v", base, err)
			}
		}
	})
	t.Run("the zero Config is a working one", func(t *testing.T) {
		s, err := account.New(nil, good)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(t.Context(), account.Client{}, alice, oldPass); !errors.Is(err, password.ErrMismatch) {
			t.Error(err)
		}
		for range 5 {
			_, err = s.Authenticate(t.Context(), account.Client{}, alice, oldPass)
		}
		if !errors.Is(err, throttle.ErrLocked) {
			t.Errorf("%v, want ErrLocked", err)
		}
	})
	t.Run("on loopback without TLS the pass has no prefix, as it would be dropped", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.BaseURL = "http://localhost:8080" })
		g.user(alice)
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/login", strings.NewReader(`{"email":"`+alice+`","password":"`+oldPass+`"}`))
		r.Header.Set("Content-Type", "application/json")
		g.accounts.Login(auth.SignInFunc(func(http.ResponseWriter, *http.Request, *auth.Principal) error { return nil })).ServeHTTP(w, r)
		if c := w.Result().Cookies(); len(c) != 1 || c[0].Name != "known-device" || c[0].Secure {
			t.Errorf("%v", c)
		}
	})
}
