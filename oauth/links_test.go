package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/problem"
)

func TestResolve(t *testing.T) {
	t.Run("LNK-02 an account with the same verified address is not entered", func(t *testing.T) {
		r := newRig(t, setup{})
		r.users.add("alice", user{email: "alice@example.com", verified: true, password: true})
		r.refused(r.b, r.signIn(r.b), http.StatusConflict, "LINK_REQUIRED")
		if l, err := r.links.List(t.Context(), "alice"); err != nil || len(l) != 0 || len(r.users.wiped) != 0 {
			t.Errorf("links %v, %v, wiped %v", l, err, r.users.wiped)
		}
	})
	t.Run("LNK-01 O17 one subject at two issuers is two accounts", func(t *testing.T) {
		r := newRig(t, setup{})
		second := hostileidp.NewWith(t, oauthtest.Config{Users: []oauthtest.User{{Subject: "alice-7", Email: "other@example.com"}}, Now: r.clock.Now})
		p := r.generic("second", func(c *oauth.GenericConfig) {
			c.Issuer, c.AuthURL, c.TokenURL, c.UserInfoURL = second.URL, second.URL+"/authorize", second.URL+"/token", second.URL+"/userinfo"
		})
		cfg := r.config()
		cfg.RedirectURL = origin + "/auth/second/callback"
		f, err := oauth.New(p, cfg)
		if err != nil {
			t.Fatal(err)
		}
		r.mount("second", f)
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		b := r.b.Another(t)
		r.want(b.Get(r.answered(b, "/auth/second").String()), http.StatusSeeOther, "")
		if a, b := r.me(r.b), r.me(b); a == b || a == "" || b == "" {
			t.Errorf("%q and %q are signed in", a, b)
		}
	})
	t.Run("OAU-14 Links keeps to the user of a Visit", func(t *testing.T) {
		r := newRig(t, setup{})
		id := &oauth.Identity{Provider: "test", Issuer: "i", Subject: "7"}
		if _, _, err := r.links.Resolve(t.Context(), id, oauth.Visit{Only: "bob"}); !errors.Is(err, oauth.ErrOtherUser) || r.users.count() != 0 {
			t.Errorf("%v, and %d users", err, r.users.count())
		}
		if _, _, err := r.links.Resolve(t.Context(), id, oauth.Visit{}); err != nil {
			t.Fatal(err)
		}
		for only, want := range map[string]error{"bob": oauth.ErrOtherUser, "user-1": nil} {
			if _, _, err := r.links.Resolve(t.Context(), id, oauth.Visit{Only: only}); !errors.Is(err, want) {
				t.Errorf("only %s: %v", only, err)
			}
		}
	})
	t.Run("a user who is disabled is refused", func(t *testing.T) {
		r := newRig(t, setup{})
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		r.users.byID["user-1"].disabled = true
		b := r.b.Another(t)
		r.refused(b, r.signIn(b), http.StatusUnauthorized, "INVALID_CREDENTIALS")
	})
	t.Run("without Register nobody can register", func(t *testing.T) {
		r := newRig(t, setup{links: func(c *oauth.LinksConfig) { c.Register = nil }})
		r.refused(r.b, r.signIn(r.b), http.StatusConflict, "LINK_REQUIRED")
	})
	t.Run("a hook that answers nonsense signs nobody in", func(t *testing.T) {
		for name, change := range map[string]func(*oauth.LinksConfig){
			"no user": func(c *oauth.LinksConfig) {
				c.Register = func(context.Context, *oauth.Identity) (oauth.Registered, error) { return oauth.Registered{}, nil }
			},
			"no principal": func(c *oauth.LinksConfig) {
				c.Principal = func(context.Context, string, *oauth.Identity) (*auth.Principal, error) { return nil, nil }
			},
			"another principal": func(c *oauth.LinksConfig) {
				c.Principal = func(context.Context, string, *oauth.Identity) (*auth.Principal, error) {
					return &auth.Principal{Subject: "admin"}, nil
				}
			},
			"a failure": func(c *oauth.LinksConfig) {
				c.Register = func(context.Context, *oauth.Identity) (oauth.Registered, error) {
					return oauth.Registered{}, errors.New("down")
				}
			},
		} {
			r := newRig(t, setup{links: change})
			if resp := r.signIn(r.b); resp.StatusCode != http.StatusInternalServerError || r.me(r.b) != "" {
				t.Errorf("%s: %d %s", name, resp.StatusCode, resp.Body)
			}
		}
	})
	t.Run("a store that is down signs nobody in", func(t *testing.T) {
		r := newRig(t, setup{})
		links, err := oauth.NewLinks(downStore{}, oauth.LinksConfig{Principal: r.users.Principal, Register: r.users.Register})
		if err != nil {
			t.Fatal(err)
		}
		r.mux.Handle("/auth/down/callback", r.flow.Callback(links, r.sessions))
		to := r.answered(r.b, "/auth/test")
		to.Path = "/auth/down/callback"
		r.refused(r.b, r.b.Get(to.String()), http.StatusServiceUnavailable, "UNAVAILABLE")
		if r.users.count() != 0 {
			t.Error("a user was made")
		}
	})
}

type downStore struct{ oauth.LinkStore }

func (downStore) Find(context.Context, string, string) (oauth.Link, error) {
	return oauth.Link{}, errors.New("connection refused")
}

// Many browsers of one person, who has never been here, at once.
func TestRegisterRace(t *testing.T) {
	id := &oauth.Identity{Provider: "test", Issuer: "https://idp.example.com", Subject: "7", Email: "alice@example.com", EmailVerified: true}
	resolve := func(t *testing.T, r *rig, links ...*oauth.Links) (who []string) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 100 {
			wg.Go(func() {
				<-start
				p, _, err := links[i%len(links)].Resolve(context.Background(), id, oauth.Visit{At: r.clock.Now()})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					who = append(who, p.Subject)
				case len(links) == 1 || !errors.Is(err, oauth.ErrLinkRequired):
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		return who
	}
	// Accounts without addresses do not keep a second one from being made.
	anonymous := func(r *rig) func(context.Context, *oauth.Identity) (oauth.Registered, error) {
		return func(ctx context.Context, id *oauth.Identity) (oauth.Registered, error) {
			c := *id
			c.Email = ""
			return r.users.Register(ctx, &c)
		}
	}
	for name, unique := range map[string]bool{"unique addresses": true, "no addresses": false} {
		for _, processes := range []int{1, 2} {
			t.Run(fmt.Sprintf("LNK-01 one identity makes one account, in %d processes with %s", processes, name), func(t *testing.T) {
				r := newRig(t, setup{})
				cfg := oauth.LinksConfig{Principal: r.users.Principal, Register: r.users.Register, Discard: r.users.Discard, Now: r.clock.Now}
				if !unique {
					cfg.Register = anonymous(r)
				}
				var links []*oauth.Links
				for range processes {
					l, err := oauth.NewLinks(r.store, cfg)
					if err != nil {
						t.Fatal(err)
					}
					links = append(links, l)
				}
				who := resolve(t, r, links...)
				if len(who) == 0 {
					t.Fatal("nobody was let in")
				}
				for _, other := range who {
					if other != who[0] {
						t.Fatalf("%q and %q are one identity", other, who[0])
					}
				}
				if n := r.users.count(); n != 1 {
					t.Errorf("%d accounts are left", n)
				}
			})
		}
	}
	t.Run("LNK-01 of two processes that register at the same moment one discards its account", func(t *testing.T) {
		r := newRig(t, setup{})
		cfg := oauth.LinksConfig{Principal: r.users.Principal, Discard: r.users.Discard, Register: anonymous(r)}
		first, err := oauth.NewLinks(r.store, cfg)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Register = func(ctx context.Context, id *oauth.Identity) (oauth.Registered, error) {
			made, err := r.users.Register(ctx, &oauth.Identity{})
			if _, _, err := first.Resolve(ctx, id, oauth.Visit{}); err != nil { // which is faster
				t.Error(err)
			}
			return made, err
		}
		second, err := oauth.NewLinks(r.store, cfg)
		if err != nil {
			t.Fatal(err)
		}
		p, outcome, err := second.Resolve(t.Context(), id, oauth.Visit{})
		if err != nil || p.Subject != "user-2" || outcome != oauth.OutcomeLinked || !slices.Equal(r.users.discards, []string{"user-1"}) {
			t.Errorf("%+v, %s, %v; discarded %v", p, outcome, err, r.users.discards)
		}
	})
}

func TestTakeOver(t *testing.T) {
	prepared := func(t *testing.T, change func(*oauth.LinksConfig)) (*rig, *authtest.Browser) {
		r := newRig(t, setup{links: change})
		r.users.add("attacker", user{email: "alice@example.com", password: true})
		evil := r.b.Another(t)
		evil.Post("/become/attacker", nil)
		if err := r.links.Link(t.Context(), "attacker", &oauth.Identity{Provider: "test", Issuer: "https://evil.example.com", Subject: "1"}); err != nil {
			t.Fatal(err)
		}
		return r, evil
	}
	t.Run("O16 LNK-03 what an attacker has left in an account is void", func(t *testing.T) {
		r, evil := prepared(t, nil)
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		if who := r.me(r.b); who != "attacker" { // its name; alice has it now
			t.Fatalf("%q is signed in", who)
		}
		if who := r.me(evil); who != "" {
			t.Error("the session of the attacker goes on")
		}
		if !slices.Equal(r.users.wiped, []string{"attacker"}) || r.users.byID["attacker"].password {
			t.Errorf("wiped: %v", r.users.wiped)
		}
		l, err := r.links.List(t.Context(), "attacker")
		if err != nil || len(l) != 1 || l[0].Issuer != r.idp.URL {
			t.Errorf("links: %v, %v", l, err)
		}
		if r.seen(oauth.EventTakenOver) != 1 {
			t.Error("there is no event")
		}
	})
	t.Run("LNK-02 not with an address that the provider has not verified", func(t *testing.T) {
		r, evil := prepared(t, func(c *oauth.LinksConfig) {
			c.Register = func(context.Context, *oauth.Identity) (oauth.Registered, error) {
				return oauth.Registered{User: "attacker", TakeOver: true}, nil
			}
		})
		r.idp.Script(hostileidp.UserInfo, hostileidp.Change(func(o map[string]any) { o["email_verified"] = false }))
		r.refused(r.b, r.signIn(r.b), http.StatusConflict, "LINK_REQUIRED")
		if len(r.users.wiped) != 0 || r.me(evil) != "attacker" {
			t.Error("the account was touched")
		}
	})
	t.Run("LNK-03 not if something cannot be wiped", func(t *testing.T) {
		r, _ := prepared(t, nil)
		r.users.fail = errors.New("down")
		r.refused(r.b, r.signIn(r.b), http.StatusServiceUnavailable, "UNAVAILABLE")
		if _, err := r.links.Find(t.Context(), r.idp.URL, "alice-7"); !errors.Is(err, oauth.ErrNoLink) {
			t.Errorf("there is a link: %v", err)
		}
		r.users.fail = nil
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
	})
	t.Run("LNK-03 not if credentials cannot be ended", func(t *testing.T) {
		calls, failing := 0, 1
		r, _ := prepared(t, func(c *oauth.LinksConfig) {
			c.Revokers = auth.Revokers{auth.RevokerFunc(func(context.Context, string, string) error {
				if calls++; calls == failing {
					return errors.New("down")
				}
				return nil
			})}
		})
		for failing = 1; failing <= 2; failing++ {
			calls = 0
			b := r.b.Another(t)
			r.refused(b, r.signIn(b), http.StatusServiceUnavailable, "UNAVAILABLE")
		}
	})
	t.Run("LNK-03 not without Wipe", func(t *testing.T) {
		r, _ := prepared(t, func(c *oauth.LinksConfig) { c.Wipe = nil })
		r.refused(r.b, r.signIn(r.b), http.StatusInternalServerError, "INTERNAL_ERROR")
	})
}

func TestStartLink(t *testing.T) {
	signedIn := func(t *testing.T, id string) *rig {
		r := newRig(t, setup{flow: func(c *oauth.Config) { c.Linked = "/account" }})
		r.users.add(id, user{email: id + "@example.com", verified: true, password: true})
		r.b.Post("/become/"+id, nil)
		return r
	}
	t.Run("LNK-04 a signed-in user links an identity and signs in with it", func(t *testing.T) {
		r := signedIn(t, "bob")
		before := r.b.Cookie("__Host-session").Value
		resp := r.b.Get(r.answer(r.b, r.linkStart(r.b, "/link/test")).String())
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/account" || resp.Cookie("__Host-session") != nil || r.b.Cookie("__Host-session").Value != before {
			t.Fatalf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
		}
		b := r.b.Another(t)
		r.want(r.signIn(b), http.StatusSeeOther, "")
		if who := r.me(b); who != "bob" {
			t.Errorf("%q is signed in", who)
		}
		// And once more, which changes nothing.
		r.want(r.b.Get(r.answer(r.b, r.linkStart(r.b, "/link/test")).String()), http.StatusSeeOther, "")
		if n := r.seen(oauth.EventLinked); n != 1 {
			t.Errorf("%d links were made", n)
		}
	})
	t.Run("LNK-04 nobody is signed in", func(t *testing.T) {
		r := newRig(t, setup{})
		r.want(r.b.Post("/link/test", nil), http.StatusUnauthorized, "UNAUTHENTICATED")
	})
	t.Run("LNK-04 the sign-in is old", func(t *testing.T) {
		r := signedIn(t, "bob")
		r.clock.Advance(16 * time.Minute)
		r.want(r.b.Post("/link/test", nil), http.StatusUnauthorized, "STEP_UP_REQUIRED")
	})
	t.Run("LNK-04 the sign-in is new and the proof behind it is old", func(t *testing.T) {
		r := newRig(t, setup{})
		r.mux.HandleFunc("POST /silent", func(w http.ResponseWriter, req *http.Request) {
			_ = r.sessions.SignIn(w, req, &auth.Principal{Subject: "bob", AuthenticatedAt: r.clock.Now(),
				Factors: []auth.Factor{{Kind: auth.FactorFederated, At: r.clock.Now().Add(-time.Hour)}}})
		})
		r.b.Post("/silent", nil)
		r.want(r.b.Post("/link/test", nil), http.StatusUnauthorized, "STEP_UP_REQUIRED")
	})
	t.Run("LNK-04 another site has sent it, whatever the Authenticator thinks of that", func(t *testing.T) {
		r := newRig(t, setup{flow: func(c *oauth.Config) {
			now := c.Now
			c.SignedIn = auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) {
				return &auth.Principal{Subject: "bob", CredentialID: "1", AuthenticatedAt: now()}, nil
			})
		}})
		r.want(r.b.Post("/link/test", nil), http.StatusSeeOther, "")
		resp := r.b.Post("/link/test", nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		r.want(resp, http.StatusForbidden, "CROSS_ORIGIN")
		resp = r.b.Post("/link/test", nil, "Origin", "http://app.example.com", "Sec-Fetch-Site", "")
		r.want(resp, http.StatusForbidden, "CROSS_ORIGIN")
		if len(resp.Cookies()) != 0 {
			t.Error("an attempt was begun")
		}
	})
	t.Run("O18 begun by A, finished in the session of B", func(t *testing.T) {
		r := signedIn(t, "alice")
		to := r.answer(r.b, r.linkStart(r.b, "/link/test"))
		r.users.add("bob", user{password: true})
		r.b.Post("/become/bob", nil)
		r.want(r.b.Get(to.String()), http.StatusBadRequest, invalid)
		r.wantNoLinks("alice", "bob")
	})
	t.Run("O18 finished in another session of the same user", func(t *testing.T) {
		r := signedIn(t, "alice")
		to := r.answer(r.b, r.linkStart(r.b, "/link/test"))
		r.b.Post("/become/alice", nil)
		r.want(r.b.Get(to.String()), http.StatusBadRequest, invalid)
		r.wantNoLinks("alice")
	})
	t.Run("O18 finished by B with a credential of the same name", func(t *testing.T) {
		who := "alice"
		r := newRig(t, setup{flow: func(c *oauth.Config) {
			now := c.Now
			c.SignedIn = auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) {
				return &auth.Principal{Subject: who, CredentialID: "1", AuthenticatedAt: now()}, nil
			})
		}})
		to := r.answer(r.b, r.linkStart(r.b, "/link/test"))
		who = "bob"
		r.want(r.b.Get(to.String()), http.StatusBadRequest, invalid)
		r.wantNoLinks("alice", "bob")
	})
	t.Run("O18 finished by nobody", func(t *testing.T) {
		r := signedIn(t, "alice")
		to := r.answer(r.b, r.linkStart(r.b, "/link/test"))
		r.b.SetCookie(&http.Cookie{Name: "__Host-session", Path: "/", Secure: true, MaxAge: -1})
		r.refused(r.b, r.b.Get(to.String()), http.StatusBadRequest, invalid)
		r.wantNoLinks("alice")
	})
	t.Run("O18 finished in another browser", func(t *testing.T) {
		r := signedIn(t, "alice")
		to := r.answer(r.b, r.linkStart(r.b, "/link/test"))
		victim := r.b.Another(t)
		r.users.add("bob", user{password: true})
		victim.Post("/become/bob", nil)
		r.want(victim.Get(to.String()), http.StatusBadRequest, invalid)
		r.wantNoLinks("alice", "bob")
	})
	t.Run("an identity of another user is not taken from them", func(t *testing.T) {
		r := newRig(t, setup{})
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		b := r.b.Another(t)
		r.users.add("bob", user{password: true})
		b.Post("/become/bob", nil)
		r.want(b.Get(r.answer(b, r.linkStart(b, "/link/test")).String()), http.StatusConflict, "LINK_CONFLICT")
		r.wantNoLinks("bob")
		if who := r.me(b); who != "bob" {
			t.Errorf("%q is signed in", who)
		}
	})
	t.Run("there is a limit", func(t *testing.T) {
		r := newRig(t, setup{links: func(c *oauth.LinksConfig) { c.MaxPerUser = 2 }})
		for i, want := range []error{nil, nil, oauth.ErrTooManyLinks} {
			err := r.links.Link(t.Context(), "bob", &oauth.Identity{Provider: "test", Issuer: "i", Subject: fmt.Sprint(i)})
			if !errors.Is(err, want) {
				t.Errorf("link %d: %v, want %v", i, err, want)
			}
		}
	})
}

func (r *rig) wantNoLinks(users ...string) {
	r.t.Helper()
	for _, u := range users {
		if l, err := r.links.List(r.t.Context(), u); err != nil || len(l) != 0 {
			r.t.Errorf("%s has got %d links, %v", u, len(l), err)
		}
	}
}

func TestUnlink(t *testing.T) {
	type listed struct {
		Data []struct{ ID, Provider, Label string }
	}
	prepared := func(t *testing.T, password bool) (r *rig, id string) {
		r = newRig(t, setup{})
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		r.users.byID["user-1"].password = password
		var l listed
		r.b.Fetch("GET", "/links", nil).JSON(&l)
		if len(l.Data) != 1 || l.Data[0].Provider != "test" || l.Data[0].Label != "alice" {
			t.Fatalf("%+v", l)
		}
		return r, l.Data[0].ID
	}
	t.Run("LNK-05 the last way to sign in stays", func(t *testing.T) {
		r, id := prepared(t, false)
		r.want(r.b.Fetch("DELETE", "/links/"+id, nil), http.StatusConflict, "LAST_LOGIN_METHOD")
		if who := r.me(r.b); who != "user-1" {
			t.Error("credentials were ended")
		}
		r.want(r.signIn(r.b.Another(t)), http.StatusSeeOther, "")
	})
	t.Run("LNK-05 sessions that were made through it end, this one too", func(t *testing.T) {
		r, id := prepared(t, true)
		other := r.b.Another(t)
		r.want(r.signIn(other), http.StatusSeeOther, "")
		r.want(r.b.Fetch("DELETE", "/links/"+id, nil), http.StatusNoContent, "")
		if a, b := r.me(r.b), r.me(other); a != "" || b != "" {
			t.Errorf("%q and %q are signed in", a, b)
		}
		r.wantNoLinks("user-1")
		if r.seen(oauth.EventUnlinked) != 1 {
			t.Error("there is no event")
		}
	})
	t.Run("LNK-05 a session that was not stays", func(t *testing.T) {
		r, id := prepared(t, true)
		b := r.b.Another(t)
		b.Post("/become/user-1", nil)
		r.want(b.Fetch("DELETE", "/links/"+id, nil), http.StatusNoContent, "")
		if mine, other := r.me(b), r.me(r.b); mine != "user-1" || other != "" {
			t.Errorf("%q and %q are signed in", mine, other)
		}
	})
	t.Run("LNK-05 two links removed at once: one stays", func(t *testing.T) {
		r, _ := prepared(t, false)
		if err := r.links.Link(t.Context(), "user-1", &oauth.Identity{Provider: "test", Issuer: "i", Subject: "2"}); err != nil {
			t.Fatal(err)
		}
		l, err := r.links.List(t.Context(), "user-1")
		if err != nil || len(l) != 2 {
			t.Fatal(l, err)
		}
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i := range l {
			wg.Go(func() { errs[i] = r.links.Unlink(context.Background(), "user-1", l[i].ID(), "") })
		}
		wg.Wait()
		if errors.Is(errs[0], oauth.ErrLastMethod) == errors.Is(errs[1], oauth.ErrLastMethod) {
			t.Errorf("%v and %v", errs[0], errs[1])
		}
	})
	t.Run("LNK-05 revocation that fails is no success, and can be repeated", func(t *testing.T) {
		r, id := prepared(t, true)
		fail, revoked := true, 0
		links, err := oauth.NewLinks(r.store, oauth.LinksConfig{Principal: r.users.Principal, OtherMethods: r.users.OtherMethods, OnEvent: r.onEvent,
			Revokers: auth.Revokers{auth.RevokerFunc(func(context.Context, string, string) error {
				if fail {
					return errors.New("down")
				}
				revoked++
				return nil
			})}})
		if err != nil {
			t.Fatal(err)
		}
		if err := links.Unlink(t.Context(), "user-1", id, ""); problem.From(err).Status != http.StatusServiceUnavailable {
			t.Errorf("%v, want 503", err)
		}
		fail = false
		if err := links.Unlink(t.Context(), "user-1", id, ""); !errors.Is(err, oauth.ErrNoLink) || revoked != 1 {
			t.Errorf("%v and %d revocations", err, revoked)
		}
		if n := r.seen(oauth.EventUnlinked); n != 1 {
			t.Errorf("%d events of a link that is gone", n)
		}
	})
	t.Run("a hook that fails removes nothing", func(t *testing.T) {
		r, id := prepared(t, true)
		links, err := oauth.NewLinks(r.store, oauth.LinksConfig{Principal: r.users.Principal,
			OtherMethods: func(context.Context, string) (bool, error) { return true, errors.New("down") }})
		if err != nil {
			t.Fatal(err)
		}
		if err := links.Unlink(t.Context(), "user-1", id, ""); problem.From(err).Status != http.StatusServiceUnavailable {
			t.Errorf("%v, want 503", err)
		}
		r.want(r.signIn(r.b), http.StatusSeeOther, "")
		if _, err := r.links.Find(t.Context(), r.idp.URL, "alice-7"); err != nil {
			t.Error(err)
		}
	})
	t.Run("LNK-05 LNK-04 what a handler refuses, behind any gate", func(t *testing.T) {
		r, id := prepared(t, true)
		p := &auth.Principal{Subject: "user-1", CredentialID: "1", AuthenticatedAt: r.clock.Now()}
		r.mux.Handle("/any/{id}", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			r.links.UnlinkHandler().ServeHTTP(w, authtest.As(req, p))
		}))
		r.want(r.b.Fetch("DELETE", "/any/"+id, nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "CROSS_ORIGIN")
		r.want(r.b.Get("/any/"+id), http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
		p.AuthenticatedAt = r.clock.Now().Add(-time.Hour)
		r.want(r.b.Fetch("DELETE", "/any/"+id, nil), http.StatusUnauthorized, "STEP_UP_REQUIRED")
		if _, err := r.links.Find(t.Context(), r.idp.URL, "alice-7"); err != nil {
			t.Error(err)
		}
	})
	t.Run("what a handler refuses", func(t *testing.T) {
		r, id := prepared(t, true)
		r.want(r.b.Fetch("DELETE", "/links/"+strings.Repeat("A", 22), nil), http.StatusNotFound, "NOT_FOUND")
		r.want(r.b.Another(t).Fetch("DELETE", "/links/"+id, nil), http.StatusUnauthorized, "UNAUTHENTICATED")
		r.want(r.b.Fetch("DELETE", "/links/"+id, nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "CROSS_ORIGIN")
		stranger := r.b.Another(t)
		r.users.add("bob", user{password: true})
		stranger.Post("/become/bob", nil)
		r.want(stranger.Fetch("DELETE", "/links/"+id, nil), http.StatusNotFound, "NOT_FOUND")
		r.clock.Advance(16 * time.Minute)
		r.want(r.b.Fetch("DELETE", "/links/"+id, nil), http.StatusUnauthorized, "STEP_UP_REQUIRED")
		if l, err := r.links.List(t.Context(), "user-1"); err != nil || len(l) != 1 {
			t.Error("the link is gone", err)
		}
	})
}

func TestLinksConfig(t *testing.T) {
	u := newUsers()
	for name, c := range map[string]oauth.LinksConfig{
		"no Principal":        {},
		"a negative limit":    {Principal: u.Principal, MaxPerUser: -1},
		"a negative FreshFor": {Principal: u.Principal, FreshFor: -1},
		"a nil Revoker":       {Principal: u.Principal, Revokers: auth.Revokers{nil}},
	} {
		if _, err := oauth.NewLinks(nil, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	links, err := oauth.NewLinks(nil, oauth.LinksConfig{Principal: u.Principal})
	if err != nil {
		t.Fatal(err)
	}
	if err := links.Link(t.Context(), "", &oauth.Identity{Issuer: "i", Subject: "s"}); !errors.Is(err, auth.ErrNoCredentials) {
		t.Errorf("a link of nobody: %v", err)
	}
	if err := links.Link(t.Context(), "u", &oauth.Identity{Issuer: "i"}); !errors.Is(err, oauth.ErrIdentity) {
		t.Errorf("a link to nothing: %v", err)
	}
	if a, b := (oauth.Link{Issuer: "ab", Subject: "c"}).ID(), (oauth.Link{Issuer: "a", Subject: "bc"}).ID(); a == b || len(a) != 22 {
		t.Errorf("ids %q and %q", a, b)
	}
}
