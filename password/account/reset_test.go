package account_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
)

func TestForgot(t *testing.T) {
	t.Run("RST-01 the answer is the same for every sort of account", func(t *testing.T) {
		g := newRig(t)
		var want *authtest.Response
		for name, email := range strangers(g) {
			got := g.want(g.browser.Another(t).PostJSON("/forgot", object{"email": email}), 202)
			if want == nil {
				want = got
			}
			same(t, name, got, want)
		}
		mail := map[string]bool{}
		for _, line := range g.inbox() {
			mail[line] = true
		}
		if !reflect.DeepEqual(mail, map[string]bool{"reset known@example.com": true, "reset unverified@example.com": true, "reset foreign@example.com": true, "reset-no-password oauth@example.com": true}) {
			t.Errorf("mail: %v", mail)
		}
	})

	t.Run("RST-01 F28 nothing that depends on the account, and no mail, happens before the answer", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		release := g.block()
		sending := make(chan struct{})
		g.mailer = func(context.Context, account.Message) error { <-sending; return nil }
		g.want(g.browser.PostJSON("/forgot", object{"email": alice}), 202)
		release()
		g.want(g.browser.PostJSON("/forgot", object{"email": alice}), 202)
		close(sending)
		g.flush()
	})

	t.Run("F28 a mail server that is down or panics changes no answer, and mail is sent later", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		var tries atomic.Int32
		sent := make(chan account.Message, 1)
		g.mailer = func(_ context.Context, m account.Message) error {
			switch tries.Add(1) {
			case 1:
				return errors.New("connection refused")
			case 2:
				panic("mailer")
			}
			sent <- m
			return nil
		}
		want := g.want(g.browser.PostJSON("/forgot", object{"email": "nobody@example.com"}), 202)
		same(t, "down", g.want(g.browser.PostJSON("/forgot", object{"email": alice}), 202), want)
		g.want(g.browser.PostJSON("/reset", object{"token": (<-sent).Token, "password": newPass}), 204)
	})

	t.Run("F28 a token that nobody got expires", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		token := g.resetToken(alice)
		g.clock.Advance(time.Hour)
		g.want(g.browser.PostJSON("/reset", object{"token": token, "password": newPass}), 400)
	})

	t.Run("RST-08 P11 a link begins with the configured base, whatever a request says", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.BaseURL = "https://app.example.com/shop/" }, mailLimit(t, 100))
		g.user(alice)
		for _, header := range [][2]string{
			{"X-Forwarded-Host", "evil.example"}, {"X-Forwarded-Proto", "http"}, {"Forwarded", "host=evil.example;proto=http"},
			{"X-Original-Host", "evil.example"}, {"X-Forwarded-Server", "evil.example"}, {"X-Original-URL", "/evil"}, {"Host", "evil.example"},
		} {
			r := httptest.NewRequest("POST", "https://evil.example/forgot", strings.NewReader(`{"email":"`+alice+`"}`))
			r.Host = "evil.example"
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set(header[0], header[1])
			w := httptest.NewRecorder()
			g.handler.ServeHTTP(w, r)
			m := g.last(account.MessageReset, alice)
			if want := "https://app.example.com/shop/reset-password?token=" + m.Token; m.Link != want || !strings.Contains(m.Text, want+"\n") || strings.Contains(m.Text, "evil") {
				t.Errorf("%v: %q\n%s", header, m.Link, m.Text)
			}
		}
	})

	t.Run("RST-11 P15 10000 requests send five messages, and one answer", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.ClientLimit = nil })
		g.user(alice)
		want := g.want(g.browser.PostJSON("/forgot", object{"email": "nobody@example.com"}), 202)
		for range 100 {
			same(t, "limited", g.browser.PostJSON("/forgot", object{"email": alice}), want)
		}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 198 {
					if err := g.accounts.RequestReset(context.Background(), account.Client{}, strings.ToUpper(alice)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if mail := g.flush(); len(mail) != 5 {
			t.Errorf("%d messages", len(mail))
		}
		if g.saw(account.EventLimited) < 9990 {
			t.Errorf("%d events of a limit", g.saw(account.EventLimited))
		}
	})

	t.Run("RST-11 nobody uses up the resets of a mailbox at addresses of it that have no account", func(t *testing.T) {
		g := newRig(t)
		g.user("al.ice@example.com")
		for i := range 20 {
			for _, email := range []string{fmt.Sprintf("alice+%d@example.com", i), "alice@example.com", "a.lice@example.com"} {
				g.want(g.browser.PostJSON("/forgot", object{"email": email}), 202)
			}
		}
		g.resetToken("al.ice@example.com")
	})

	t.Run("RST-12 mail goes to the address that is stored", func(t *testing.T) {
		g := newRig(t)
		g.user("Alice@Example.com")
		g.want(g.browser.PostJSON("/forgot", object{"email": "aLICE@example.COM"}), 202)
		g.want(g.browser.PostJSON("/register", credentials("ALICE@EXAMPLE.COM", oldPass)), 202)
		if mail := g.inbox(); !reflect.DeepEqual(mail, []string{"reset Alice@Example.com", "already-registered Alice@Example.com"}) {
			t.Errorf("mail: %v", mail)
		}
	})

	t.Run("RST-12 Compose writes the words, and not where they go", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) {
			cfg.Compose = func(_ context.Context, m account.Message, u account.User) (account.Message, error) {
				return account.Message{Kind: "x", To: "mallory@evil.example", Subject: "Hallo " + u.Email, Text: m.Link, Link: "x", Token: "x"}, nil
			}
		})
		g.user(alice)
		g.must(g.accounts.RequestReset(t.Context(), account.Client{}, alice))
		if m := g.last(account.MessageReset, alice); m.Subject != "Hallo "+alice || m.Text != m.Link || !strings.HasSuffix(m.Link, m.Token) || len(m.Token) != 43 {
			t.Errorf("%q %q", m.Subject, m.Text)
		}
	})

	t.Run("RST-12 a store that folds letters finds nobody", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		accounts, err := account.New(foldingStore{g.store}, account.Config{BaseURL: "https://app.example.com", Key: make32(), Outbox: g.outbox, Hasher: g.hasher})
		g.must(err)
		g.must(accounts.RequestReset(t.Context(), account.Client{}, "alicia@example.com"))
		if mail := g.inbox(); len(mail) != 0 {
			t.Errorf("mail: %v", mail)
		}
		if _, err := accounts.Authenticate(t.Context(), account.Client{}, "alicia@example.com", oldPass); !errors.Is(err, password.ErrMismatch) {
			t.Errorf("signed in as alice: %v", err)
		}
	})

	t.Run("TokenInFragment keeps tokens out of requests", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.TokenInFragment = true; cfg.Pages.Reset = "/set" })
		g.user(alice)
		g.resetToken(alice)
		if m := g.last(account.MessageReset, alice); m.Link != "https://app.example.com/set#token="+m.Token {
			t.Errorf("%q", m.Link)
		}
	})
}

// A foldingStore finds alice by the address of alicia.
type foldingStore struct{ account.Store }

func (s foldingStore) FindByEmail(ctx context.Context, canonical string) (account.User, error) {
	return s.Store.FindByEmail(ctx, strings.Replace(canonical, "alicia", "alice", 1))
}

func make32() []byte { return []byte("0123456789abcdef0123456789abcdef") }

func TestReset(t *testing.T) {
	t.Run("RST-06 a reset ends every session and signs nobody in", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		one, two := g.login(alice, oldPass), g.login(alice, oldPass)
		token := g.resetToken(alice)
		g.want(one.Get("/me"), 200) // P13: asking voids nothing, nor does a login
		resp := g.want(two.PostJSON("/reset", object{"token": token, "password": newPass}), 204)
		for _, c := range resp.Cookies() {
			if c.MaxAge >= 0 {
				t.Errorf("a cookie was set: %s", c.Name)
			}
		}
		g.want(one.Get("/me"), 401)
		g.want(two.Get("/me"), 401)
		g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 401)
		g.login(alice, newPass)
	})

	t.Run("RST-07 a reset does not skip the second factor", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		gated := auth.SignInFunc(func(http.ResponseWriter, *http.Request, *auth.Principal) error {
			return problem.Wrap(problem.Unauthenticated, errors.New("second factor"))
		})
		g.mux.Handle("/gated", g.accounts.Login(gated))
		g.want(g.browser.PostJSON("/reset", object{"token": g.resetToken(alice), "password": newPass}), 204)
		g.want(g.browser.PostJSON("/gated", credentials(alice, newPass)), 401)
		g.want(g.browser.Get("/me"), 401)
	})

	t.Run("RST-02 a store holds no token, and a token has 256 bits", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		token := g.resetToken(alice)
		if len(token) != 43 {
			t.Errorf("%d characters", len(token))
		}
		row, err := g.tokens.Find(t.Context(), sha256.Sum256([]byte(token)), password.PurposeReset, g.clock.Now())
		if err != nil || row.Subject != u.ID || strings.Contains(row.Binding, token) || strings.Contains(row.Binding, u.Hash) {
			t.Errorf("%+v, %v", row, err)
		}
	})

	t.Run("RST-03 P12 100 submits of one token: one success", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		token := g.resetToken(alice)
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				switch err := g.accounts.ResetPassword(context.Background(), account.Client{}, token, newPass); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, password.ErrToken):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || !g.fits(u.ID, newPass) {
			t.Errorf("%d successes", won.Load())
		}
		g.want(g.browser.PostJSON("/reset", object{"token": token, "password": evilPass}), 400)
	})

	t.Run("RST-04 P13 what voids a token", func(t *testing.T) {
		for name, tc := range map[string]struct {
			void func(g *rig, u account.User)
			want int
		}{
			"nothing":          {func(*rig, account.User) {}, 204},
			"a login":          {func(g *rig, _ account.User) { g.login(alice, oldPass) }, 204},
			"a rehash":         {func(g *rig, u account.User) { g.outdate(u); g.login(alice, oldPass) }, 204},
			"a second request": {func(g *rig, _ account.User) { g.resetToken(alice) }, 400},
			"an hour":          {func(g *rig, _ account.User) { g.clock.Advance(time.Hour) }, 400},
			"a disabled owner": {func(g *rig, u account.User) { g.must(g.store.Update(g.t.Context(), u.ID, disable)) }, 400},
			"a deleted owner":  {func(g *rig, u account.User) { g.must(g.store.Delete(g.t.Context(), u.ID)) }, 400},
			"another reset":    {func(g *rig, _ account.User) { g.reset(alice, newPass) }, 400},
			"a change":         {changePassword, 400},
			"a moved account":  {moveEmail, 400},
			"a move by another": {func(g *rig, u account.User) {
				g.must(g.store.SetEmail(g.t.Context(), u.ID, alice, "b@example.com", "b@example.com"))
			}, 400},
			"a change of old": {func(g *rig, u account.User) {
				g.must(g.store.SetPassword(g.t.Context(), u.ID, u.Hash, digest("s", oldPass), g.clock.Now()))
			}, 400},
		} {
			t.Run(name, func(t *testing.T) {
				g := newRig(t)
				u := g.user(alice)
				token := g.resetToken(alice)
				g.clock.Advance(time.Second)
				tc.void(g, u)
				if resp := g.browser.PostJSON("/reset", object{"token": token, "password": evilPass}); resp.StatusCode != tc.want {
					t.Errorf("%d %s, want %d", resp.StatusCode, resp.Body, tc.want)
				}
			})
		}
	})

	t.Run("P14 RST-02 a token is for one purpose and one user", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		bob := g.user("bob@example.com")
		reset := g.resetToken(alice)
		g.want(g.browser.PostJSON("/register", credentials("new@example.com", oldPass)), 202)
		verify := g.last(account.MessageVerify, "new@example.com").Token
		b := g.login("bob@example.com", oldPass)
		g.want(b.PostJSON("/change-email", object{"password": oldPass, "email": "bob2@example.com"}), 202)
		move := g.last(account.MessageEmailChange, "bob2@example.com").Token
		for _, token := range []string{verify, move, "", reset + "x", reset[:42], strings.ToLower(reset)} {
			if d := g.want(g.browser.PostJSON("/reset", object{"token": token, "password": newPass}), 400).Problem(); d.Code != problem.OneTimeTokenInvalid {
				t.Errorf("%s", d.Code)
			}
		}
		g.want(g.browser.PostJSON("/verify", object{"token": reset}), 400)
		// Each still does what it is for.
		g.want(g.browser.PostJSON("/reset", object{"token": reset, "password": newPass}), 204)
		g.want(g.browser.PostJSON("/verify", object{"token": verify}), 204)
		g.want(g.browser.PostJSON("/verify", object{"token": move}), 204)
		if !g.fits(u.ID, newPass) || !g.fits(bob.ID, oldPass) {
			t.Error("a token has changed the password of another")
		}
	})

	t.Run("a password that is not acceptable does not spend the token", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		token := g.resetToken(alice)
		for _, pw := range []string{"short", "alice-example", strings.Repeat("x", 2000), ""} {
			g.want(g.browser.PostJSON("/reset", object{"token": token, "password": pw}), 422)
		}
		g.want(g.browser.PostJSON("/reset", object{"token": token, "password": newPass}), 204)
	})

	t.Run("RST-09 RST-10 a page for a token sends nothing on, and a GET changes nothing", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		g.mux.Handle("GET /reset-password", account.TokenPage(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(r.URL.Query().Get("token")))
		})))
		token := g.resetToken(alice)
		for range 10 {
			resp := g.want(g.browser.Get("/reset-password?token="+token), 200)
			if resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%v", resp.Header)
			}
			g.want(g.browser.Get("/reset?token="+token), 405)
			g.want(g.browser.Get("/verify?token="+token), 405)
		}
		resp := g.want(g.browser.Post("/reset", form("token", token, "password", newPass)), 303)
		if to := resp.Header.Get("Location"); to != "/login?notice=reset-password" || resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%q, %v", to, resp.Header)
		}
	})

	t.Run("RST-13 the owner is told, by mail and by the hook", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		g.reset(alice, newPass)
		g.last(account.MessagePasswordChanged, alice)
		g.must(g.accounts.Notify(t.Context(), u.ID, account.MessageFactorChanged))
		g.last(account.MessageFactorChanged, alice)
		if !errors.Is(g.accounts.Notify(t.Context(), "17", account.MessageFactorChanged), account.ErrNotFound) {
			t.Error("nobody was told of something")
		}
		if want := []string{"password-changed " + alice, "factor-changed " + alice}; !reflect.DeepEqual(g.notices, want) {
			t.Errorf("notices: %v", g.notices)
		}
		if g.saw(account.EventReset) != 1 || g.saw(account.EventForgot) != 1 {
			t.Error("an event is missing")
		}
	})

	t.Run("RST-13 F13 who cannot be looked up now is told later", func(t *testing.T) {
		for name, gone := range map[string]bool{"and is there": false, "and has gone meanwhile": true} {
			t.Run(name, func(t *testing.T) {
				g := newRig(t)
				u := g.user(alice)
				g.goBlind(errors.New("the database is gone"))
				g.must(g.accounts.Notify(t.Context(), u.ID, account.MessageFactorChanged))
				for g.saw(account.EventMailDelayed) == 0 {
					runtime.Gosched()
				}
				if len(g.notices) > 0 || len(g.mail.Messages()) > 0 {
					t.Fatalf("told by nobody: %v, %v", g.notices, g.mail.Messages())
				}
				want := []string{"factor-changed " + alice}
				if gone {
					g.must(g.store.MemoryStore.Delete(t.Context(), u.ID))
					want = nil
				}
				g.goBlind(nil)
				g.must(g.outbox.Close(t.Context()))
				var mail []string
				for _, m := range g.mail.Messages() {
					mail = append(mail, string(m.Kind)+" "+m.To)
				}
				if !reflect.DeepEqual(g.notices, want) || !reflect.DeepEqual(mail, want) {
					t.Errorf("notices %v, mail %v", g.notices, mail)
				}
			})
		}
	})
	t.Run("RST-13 a notice that cannot be kept for later is an error", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		g.goBlind(errors.New("the database is gone"))
		g.must(g.outbox.Close(t.Context()))
		if err := g.accounts.Notify(t.Context(), u.ID, account.MessageFactorChanged); problem.From(err).Status != 503 {
			t.Errorf("%v, want a 503", err)
		}
	})

	t.Run("an OAuth-only account is not opened by mail", func(t *testing.T) {
		g := newRig(t)
		g.user(alice, func(u *account.User) { u.Hash = "" })
		g.must(g.accounts.RequestReset(t.Context(), account.Client{}, alice))
		if m := g.last(account.MessageResetNoPassword, alice); m.Token != "" || m.Link != "" || strings.Contains(m.Text, "token") {
			t.Errorf("%+v", m.Text)
		}
	})
}

func (g *rig) reset(email, pw string) {
	g.t.Helper()
	g.must(g.accounts.ResetPassword(g.t.Context(), account.Client{}, g.resetToken(email), pw))
}

func (g *rig) outdate(u account.User) {
	g.must(g.store.Update(g.t.Context(), u.ID, func(u *account.User) error {
		u.Hash = "old" + strings.TrimPrefix(u.Hash, "fast")
		return nil
	}))
}

func disable(u *account.User) error {
	u.Disabled = true
	return nil
}

func changePassword(g *rig, _ account.User) {
	g.want(g.login(alice, oldPass).PostJSON("/change-password", object{"current_password": oldPass, "password": newPass}), 204)
}

func moveEmail(g *rig, _ account.User) {
	b := g.login(alice, oldPass)
	for _, step := range [][2]string{{alice, "alice2@example.com"}, {"alice2@example.com", alice}} {
		g.want(b.PostJSON("/change-email", object{"password": oldPass, "email": step[1]}), 202)
		g.want(b.PostJSON("/verify", object{"token": g.last(account.MessageEmailChange, step[1]).Token}), 204)
	}
}
