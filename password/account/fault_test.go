package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
)

// A scene is a flow that writes, on a service that is set up for it.
type scene struct {
	name string
	set  func(g *rig) (u account.User, run func(ctx context.Context) error)
	// after checks what must hold wherever the flow was cut off. err is nil only if
	// it came to its end.
	after func(g *rig, u account.User, err error)
	again func(g *rig, u account.User) // tries to finish what was cut off
}

// scenes set up a session of the owner, made with the old password, in g.browser.
func scenes() []scene {
	token := "" // of the scene that runs
	live := func(g *rig, purpose password.Purpose) bool {
		tokens, err := password.NewTokens(g.tokens.MemoryTokenStore, password.TokensConfig{Now: g.clock.Now})
		g.must(err)
		_, err = tokens.Check(g.t.Context(), purpose, token)
		return err == nil
	}
	// No old credential works with a changed password, and no token either.
	passwordHolds := func(g *rig, u account.User, err error) {
		g.t.Helper()
		changed := g.fits(u.ID, newPass)
		if !changed && !g.fits(u.ID, oldPass) {
			g.t.Fatal("the password is neither the old nor the new one")
		}
		if err == nil && !changed {
			g.t.Error("answered as done, and the password is the old one")
		}
		old := g.browser.Get("/me").StatusCode
		if changed && old != 401 {
			g.t.Error("I2 the password has changed and an old session is let in")
		}
		if token != "" && changed {
			if resp := g.browser.Another(g.t).PostJSON("/reset", object{"token": token, "password": evilPass}); resp.StatusCode != 400 {
				g.t.Errorf("I3 the password has changed and a token resets it: %d", resp.StatusCode)
			}
		}
	}
	return []scene{
		{
			name: "reset",
			set: func(g *rig) (account.User, func(context.Context) error) {
				u := g.user(alice)
				g.browser = g.login(alice, oldPass)
				token = g.resetToken(alice)
				return u, func(ctx context.Context) error {
					return g.accounts.ResetPassword(ctx, account.Client{}, token, newPass)
				}
			},
			after: passwordHolds,
			again: func(g *rig, _ account.User) { g.reset(alice, newPass) },
		},
		{
			name: "reset of an unproved account",
			set: func(g *rig) (account.User, func(context.Context) error) {
				u := g.user(alice)
				g.browser = g.login(alice, oldPass)
				g.must(g.store.Update(g.t.Context(), u.ID, func(u *account.User) error { u.Verified = false; return nil }))
				token = g.resetToken(alice)
				return u, func(ctx context.Context) error {
					return g.accounts.ResetPassword(ctx, account.Client{}, token, newPass)
				}
			},
			after: func(g *rig, u account.User, err error) {
				passwordHolds(g, u, err)
				if now := g.stored(u.ID); now.Verified && !g.fits(u.ID, newPass) {
					g.t.Error("proved with the password from before the proof")
				}
			},
			again: func(g *rig, _ account.User) { g.reset(alice, newPass) },
		},
		{
			name: "change of password",
			set: func(g *rig) (account.User, func(context.Context) error) {
				u := g.user(alice)
				g.browser = g.login(alice, oldPass) // another session
				token = g.resetToken(alice)
				g.clock.Advance(time.Millisecond)
				p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "mine", AuthenticatedAt: g.clock.Now()}
				return u, func(ctx context.Context) error {
					return g.accounts.UpdatePassword(ctx, account.Client{}, p, oldPass, newPass)
				}
			},
			after: passwordHolds,
			again: func(g *rig, _ account.User) { g.reset(alice, newPass) },
		},
		{
			name: "registration",
			set: func(g *rig) (account.User, func(context.Context) error) {
				g.must(g.accounts.SignUp(g.t.Context(), account.Client{}, alice, newPass))
				token = g.last(account.MessageVerify, alice).Token
				return account.User{}, func(ctx context.Context) error {
					return g.accounts.ConfirmEmail(ctx, account.Client{}, token)
				}
			},
			after: func(g *rig, _ account.User, err error) {
				u, missing := g.store.MemoryStore.FindByEmail(g.t.Context(), alice)
				if missing == nil && (!u.Verified || !g.fits(u.ID, newPass)) || missing != nil && err == nil {
					g.t.Errorf("%+v, %v", u, missing)
				}
				if missing != nil && !live(g, password.PurposeVerifyEmail) {
					g.t.Error("the token is spent and there is no account")
				}
			},
			again: func(g *rig, _ account.User) {
				// The link is used once more, or is used up because all was done.
				if err := g.accounts.ConfirmEmail(g.t.Context(), account.Client{}, token); err != nil && !errors.Is(err, password.ErrToken) {
					g.t.Error(err)
				}
				g.login(alice, newPass)
			},
		},
		{
			name: "registration over an unproved account",
			set: func(g *rig) (account.User, func(context.Context) error) {
				u := g.user(alice)
				g.browser = g.login(alice, oldPass)
				g.clock.Advance(time.Millisecond)
				g.must(g.store.Update(g.t.Context(), u.ID, func(u *account.User) error { u.Verified = false; return nil }))
				g.must(g.accounts.SignUp(g.t.Context(), account.Client{}, alice, newPass))
				token = g.last(account.MessageVerify, alice).Token
				return u, func(ctx context.Context) error {
					return g.accounts.ConfirmEmail(ctx, account.Client{}, token)
				}
			},
			after: func(g *rig, u account.User, err error) {
				saved := token
				token = "" // it may be used until all is done
				passwordHolds(g, u, err)
				token = saved
				now := g.stored(u.ID)
				if now.Verified && !g.fits(u.ID, newPass) || !now.Verified && !live(g, password.PurposeVerifyEmail) {
					g.t.Errorf("proved %v, the token is live %v", now.Verified, live(g, password.PurposeVerifyEmail))
				}
			},
			again: func(g *rig, _ account.User) {
				if err := g.accounts.ConfirmEmail(g.t.Context(), account.Client{}, token); err != nil && !errors.Is(err, password.ErrToken) {
					g.t.Error(err)
				}
				g.login(alice, newPass)
			},
		},
		{
			name: "change of address",
			set: func(g *rig) (account.User, func(context.Context) error) {
				u := g.user(alice)
				p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "mine", AuthenticatedAt: g.clock.Now()}
				g.must(g.accounts.RequestEmail(g.t.Context(), account.Client{}, p, oldPass, "new@example.com"))
				move := g.last(account.MessageEmailChange, "new@example.com").Token
				token = g.resetToken(alice)
				return u, func(ctx context.Context) error {
					return g.accounts.ConfirmEmail(ctx, account.Client{}, move)
				}
			},
			after: func(g *rig, u account.User, err error) {
				moved := g.stored(u.ID).Canonical == "new@example.com"
				if err == nil && !moved {
					g.t.Error("answered as done, and the address is the old one")
				}
				if resp := g.browser.PostJSON("/reset", object{"token": token, "password": oldPass}); moved && resp.StatusCode != 400 {
					g.t.Error("a token that was sent to the old address resets the password")
				}
			},
			again: func(*rig, account.User) {},
		},
		{
			name: "deletion",
			set: func(g *rig) (account.User, func(context.Context) error) {
				u := g.user(alice)
				g.browser = g.login(alice, oldPass)
				token = g.resetToken(alice)
				p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "mine", AuthenticatedAt: g.clock.Now()}
				return u, func(ctx context.Context) error {
					return g.accounts.DeleteAccount(ctx, account.Client{}, p, oldPass)
				}
			},
			after: func(g *rig, u account.User, err error) {
				_, missing := g.store.MemoryStore.Find(g.t.Context(), u.ID)
				if err == nil && missing == nil {
					g.t.Error("answered as done, and the account is there")
				}
				if missing != nil && g.browser.Get("/me").StatusCode != 401 {
					g.t.Error("the account is gone and a session of it is let in")
				}
			},
			again: func(*rig, account.User) {},
		},
	}
}

// TestCrash cuts every flow off at every write, before and after it, goes on with a
// new Service over the same stores, and looks what is left.
func TestCrash(t *testing.T) {
	for _, sc := range scenes() {
		steps := walk(t, sc, 0, false, "")
		t.Logf("%s: %s", sc.name, strings.Join(steps, ", "))
		if len(steps) < 2 {
			t.Fatalf("%s has no steps", sc.name)
		}
		for k := 1; k <= len(steps); k++ {
			for _, after := range []bool{false, true} {
				for _, how := range []string{"kill", "fail"} {
					t.Run(fmt.Sprintf("RST-05 F13 F14 F16 %s, %s at %d (%s), after it: %v", sc.name, how, k, steps[k-1], after), func(t *testing.T) {
						walk(t, sc, k, after, how)
					})
				}
			}
		}
	}
}

// walk plays a scene, cut off at step k if that is not 0, and returns its steps.
func walk(t *testing.T, sc scene, k int, after bool, how string) []string {
	t.Helper()
	g := newRig(t, mailLimit(t, 100))
	u, run := sc.set(g)
	g.flush()
	g.clock.Advance(time.Second)
	g.steps.arm(k, after)
	if how == "fail" {
		g.steps.fail = errors.New("the database is gone")
	}
	err := cutOff(g.t.Context(), run)
	names := g.steps.disarm()
	if (err == nil) != (k == 0) {
		t.Fatalf("cut off at %d: %v", k, err)
	}
	if how == "fail" && problem.From(err).Status != http.StatusServiceUnavailable {
		t.Errorf("a failure is answered with %d: %v", problem.From(err).Status, err)
	}
	g.accounts = g.service(mailLimit(t, 100)) // what is in memory is lost
	g.routes()
	sc.after(g, u, err)
	if k != 0 {
		sc.again(g, u)
	}
	return names
}

// TestToldAfterAFault cuts each change off at each of its steps, which fails then and
// does nothing: whoever has been changed is told, whatever has failed later.
func TestToldAfterAFault(t *testing.T) {
	for name, c := range map[string]struct {
		event auth.EventKind
		set   func(g *rig, u account.User) (run func(ctx context.Context) error)
		done  func(g *rig, u account.User) bool
	}{
		"RST-13 reset": {account.EventReset, func(g *rig, _ account.User) func(context.Context) error {
			token := g.resetToken(alice)
			return func(ctx context.Context) error {
				return g.accounts.ResetPassword(ctx, account.Client{}, token, newPass)
			}
		}, func(g *rig, u account.User) bool { return g.fits(u.ID, newPass) }},
		"RST-13 change of password": {account.EventPasswordChanged, func(g *rig, u account.User) func(context.Context) error {
			p := &auth.Principal{Subject: u.ID, Method: auth.MethodJWT, CredentialID: "mine", AuthenticatedAt: g.clock.Now()}
			return func(ctx context.Context) error {
				return g.accounts.UpdatePassword(ctx, account.Client{}, p, oldPass, newPass)
			}
		}, func(g *rig, u account.User) bool { return g.fits(u.ID, newPass) }},
		"RST-13 change of address": {account.EventEmailChanged, func(g *rig, u account.User) func(context.Context) error {
			p := &auth.Principal{Subject: u.ID, Method: auth.MethodJWT, CredentialID: "mine", AuthenticatedAt: g.clock.Now()}
			g.must(g.accounts.RequestEmail(g.t.Context(), account.Client{}, p, oldPass, "new@example.com"))
			token := g.last(account.MessageEmailChange, "new@example.com").Token
			return func(ctx context.Context) error { return g.accounts.ConfirmEmail(ctx, account.Client{}, token) }
		}, func(g *rig, u account.User) bool { return g.stored(u.ID).Canonical == "new@example.com" }},
		"RST-13 end of the account": {account.EventDeleted, func(g *rig, u account.User) func(context.Context) error {
			p := &auth.Principal{Subject: u.ID, Method: auth.MethodJWT, CredentialID: "mine", AuthenticatedAt: g.clock.Now()}
			return func(ctx context.Context) error { return g.accounts.DeleteAccount(ctx, account.Client{}, p, oldPass) }
		}, func(g *rig, u account.User) bool {
			_, err := g.store.MemoryStore.Find(g.t.Context(), u.ID)
			return errors.Is(err, account.ErrNotFound)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for k, all := 0, 1; k <= all; k++ {
				g := newRig(t)
				u := g.user(alice)
				run := c.set(g, u)
				sent, notices := len(g.flush()), len(g.notices)
				g.steps.arm(k, false)
				g.steps.fail = errors.New("the database is gone")
				err := run(t.Context())
				names := g.steps.disarm()
				if k == 0 {
					all = len(names)
				}
				if (err == nil) != (k == 0) {
					t.Fatalf("cut off at %d of %v: %v", k, names, err)
				}
				want := 0
				if c.done(g, u) {
					want = 1
				}
				if told, seen, mails := len(g.notices)-notices, g.saw(c.event), len(g.flush())-sent; told != want || seen != want || mails != want {
					t.Errorf("cut off at %d of %v: changed %d, told %d times, %d events, %d mails", k, names, want, told, seen, mails)
				}
			}
		})
	}
}

// TestOrder is about what the order of the steps is for.
func TestOrder(t *testing.T) {
	t.Run("RST-05 the steps of a reset", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		token := g.resetToken(alice)
		g.steps.arm(0, false)
		g.must(g.accounts.ResetPassword(t.Context(), account.Client{}, token, newPass))
		if got := strings.Join(g.steps.disarm(), ", "); got != "consume, revoke, set password, void, revoke" {
			t.Error(got)
		}
		if n := g.tokens.Len(); n != 0 {
			t.Errorf("RST-04 %d tokens are left", n)
		}
	})
	t.Run("RST-06 a session that begins while the password changes ends too, without Current", func(t *testing.T) {
		for name, change := range map[string]func(g *rig, token string) error{
			"reset": func(g *rig, token string) error {
				return g.accounts.ResetPassword(g.t.Context(), account.Client{}, token, newPass)
			},
			"delete": func(g *rig, _ string) error {
				u, err := g.store.MemoryStore.FindByEmail(g.t.Context(), alice)
				g.must(err)
				p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, AuthenticatedAt: g.clock.Now()}
				return g.accounts.DeleteAccount(g.t.Context(), account.Client{}, p, oldPass)
			},
		} {
			g := newRig(t)
			g.user(alice)
			g.mux.Handle("GET /bare", auth.Require(g.sessions)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			token := g.resetToken(alice)
			b := g.browser.Another(t)
			in := func() { g.want(b.PostJSON("/login", credentials(alice, oldPass)), 204) }
			g.steps.before(map[string]string{"reset": "set password", "delete": "delete"}[name], in)
			g.must(change(g, token))
			if b.Cookie("__Host-session") == nil {
				t.Fatalf("%s: no session has begun", name)
			}
			g.want(b.Get("/bare"), 401)
		}
	})
	t.Run("a change that comes first voids a reset that is on its way", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		token := g.resetToken(alice)
		g.steps.before("set password", func() {
			g.must(g.store.MemoryStore.SetPassword(t.Context(), u.ID, u.Hash, digest("salt", evilPass), g.clock.Now()))
		})
		if err := g.accounts.ResetPassword(t.Context(), account.Client{}, token, newPass); !errors.Is(err, password.ErrToken) {
			t.Errorf("%v, want ErrToken", err)
		}
		if !g.fits(u.ID, evilPass) {
			t.Error("the change is lost")
		}
	})
	t.Run("PWD-10 a rehash that comes first does not void it", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		token := g.resetToken(alice)
		g.steps.before("set password", func() { g.outdate(u) })
		g.must(g.accounts.ResetPassword(t.Context(), account.Client{}, token, newPass))
		if !g.fits(u.ID, newPass) {
			t.Error("the reset is lost")
		}
	})
	t.Run("a change by somebody else that comes first voids one with the password before it", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: g.clock.Now()}
		g.steps.before("set password", func() {
			g.must(g.store.MemoryStore.SetPassword(t.Context(), u.ID, u.Hash, digest("salt", evilPass), time.Time{}))
		})
		if err := g.accounts.UpdatePassword(t.Context(), account.Client{}, p, oldPass, newPass); !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%v, want ErrMismatch", err)
		}
		if !g.fits(u.ID, evilPass) {
			t.Error("the change that came first is lost")
		}
	})
	t.Run("an account that is deleted meanwhile has no password to change", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice)
		p := &auth.Principal{Subject: u.ID, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: g.clock.Now()}
		g.steps.before("set password", func() { g.must(g.store.MemoryStore.Delete(t.Context(), u.ID)) })
		if err := g.accounts.UpdatePassword(t.Context(), account.Client{}, p, oldPass, newPass); !errors.Is(err, auth.ErrInvalidCredentials) {
			t.Errorf("%v, want ErrInvalidCredentials", err)
		}
	})
}

func cutOff(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	return run(ctx)
}

// TestGone has the client go away at every write: what was begun is finished.
func TestGone(t *testing.T) {
	for _, sc := range scenes() {
		steps := walk(t, sc, 0, false, "")
		for k := 1; k <= len(steps); k++ {
			t.Run(fmt.Sprintf("F15 %s, the client goes at %d (%s)", sc.name, k, steps[k-1]), func(t *testing.T) {
				g := newRig(t, mailLimit(t, 100))
				u, run := sc.set(g)
				g.flush()
				g.clock.Advance(time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				g.steps.arm(k, false)
				g.steps.cancel = cancel
				err := run(ctx)
				g.steps.disarm()
				if err != nil {
					t.Errorf("not finished: %v", err)
				}
				sc.after(g, u, err)
			})
		}
	}
}

// A brokenStore fails or panics at every look-up.
type brokenStore struct {
	account.Store
	panics bool
}

func (s brokenStore) broken() error {
	if s.panics {
		panic("store")
	}
	return errors.New("sql: connection refused")
}

func (s brokenStore) Find(context.Context, string) (account.User, error) {
	return account.User{}, s.broken()
}

func (s brokenStore) FindByEmail(context.Context, string) (account.User, error) {
	return account.User{}, s.broken()
}

func TestBrokenStore(t *testing.T) {
	for _, panics := range []bool{false, true} {
		status := 503
		if panics {
			status = 500
		}
		t.Run(fmt.Sprintf("F13 F16 I1 a store that fails lets nobody in, panics: %v", panics), func(t *testing.T) {
			g := newRig(t)
			g.user(alice)
			b := g.login(alice, oldPass)
			token := g.resetToken(alice)
			accounts, err := account.New(brokenStore{g.store, panics}, account.Config{
				BaseURL: "https://app.example.com", Key: make32(), Outbox: g.outbox, Hasher: g.hasher, Now: g.clock.Now,
			})
			g.must(err)
			whole, broken := g.accounts, g.browser
			g.accounts = accounts
			g.routes()
			g.want(broken.PostJSON("/login", credentials(alice, oldPass)), status)
			want := g.want(broken.PostJSON("/login", credentials("nobody@example.com", oldPass)), status)
			same(t, "known", g.want(broken.PostJSON("/login", credentials(alice, oldPass)), status), want)
			g.want(b.Get("/me"), status)
			// Neither tells, nor fails: the work comes after the answer.
			g.want(broken.PostJSON("/forgot", object{"email": alice}), 202)
			g.want(broken.PostJSON("/register", credentials(alice, oldPass)), 202)

			g.accounts = whole
			g.routes()
			g.want(g.browser.PostJSON("/reset", object{"token": token, "password": newPass}), 204)
			g.login(alice, newPass)
		})
	}
	t.Run("F16 a hook that panics changes no answer", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) {
			cfg.Notify = func(context.Context, account.MessageKind, account.User) { panic("hook") }
			cfg.OnEvent = func(context.Context, auth.Event) { panic("sink") }
		})
		u := g.user(alice)
		g.reset(alice, newPass)
		if !g.fits(u.ID, newPass) {
			t.Error("not reset")
		}
	})
	t.Run("F16 a hook that panics in the way lets nobody through, and the next request works", func(t *testing.T) {
		broken := true
		g := newRig(t, func(cfg *account.Config) {
			cfg.Claim = func(context.Context, string) error {
				if broken {
					panic("hook")
				}
				return nil
			}
		})
		u := g.user(alice, func(u *account.User) { u.Verified = false })
		token := g.resetToken(alice)
		g.want(g.browser.PostJSON("/reset", object{"token": token, "password": newPass}), 500)
		if g.stored(u.ID).Verified || g.fits(u.ID, newPass) {
			t.Error("something has changed")
		}
		broken = false
		g.want(g.browser.PostJSON("/reset", object{"token": token, "password": newPass}), 204)
	})
	t.Run("RST-06 a revocation that fails is no success", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) {
			cfg.Revokers = append(cfg.Revokers, auth.RevokerFunc(func(context.Context, string, string) error { return errors.New("redis is down") }))
		})
		u := g.user(alice)
		g.want(g.browser.PostJSON("/reset", object{"token": g.resetToken(alice), "password": newPass}), 503)
		if g.fits(u.ID, newPass) {
			t.Error("the password has changed, and not all credentials have ended")
		}
	})
}
