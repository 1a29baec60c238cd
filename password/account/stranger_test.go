package account_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/account"
)

// TestSpellings is about logins that are no addresses but look like one.
func TestSpellings(t *testing.T) {
	for _, spelling := range []string{" %s@example.com", "%s@example.com ", "\t%s@example.com", "\u00a0%s@example.com", "%s\uff20example.com", "%s@example.com.", "%s@example.\uff43om"} {
		t.Run(fmt.Sprintf("RLT-05 RLT-07 P08 P16 %q locks neither somebody nor nobody", spelling), func(t *testing.T) {
			g := newRig(t)
			g.user(alice)
			for _, name := range []string{"alice", "nobody"} {
				for range 5 {
					g.want(g.browser.PostJSON("/login", credentials(fmt.Sprintf(spelling, name), evilPass)), 401)
				}
				g.want(g.browser.PostJSON("/login", credentials(name+"@example.com", evilPass)), 401)
			}
		})
	}
}

// TestWorkForPass is about what a stranger puts into the cookie of a known device.
// Behind a lock no hash hides what the look at it costs.
func TestWorkForPass(t *testing.T) {
	g := newRig(t)
	g.user(alice)
	who := []string{alice, "nobody@example.com"}
	for range 5 {
		for _, email := range who {
			g.want(g.browser.PostJSON("/login", credentials(email, evilPass)), 401)
		}
	}
	for name, pass := range map[string]string{"none": "", "of the right length": strings.Repeat("A", 82), "of a megabyte": strings.Repeat("A", 1<<20)} {
		t.Run("RLT-07 P05 "+name, func(t *testing.T) {
			var spent [2]uint64
			for i, email := range who {
				const tries = 100
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range tries {
					if _, err := g.accounts.Authenticate(t.Context(), account.Client{Pass: pass}, email, evilPass); err == nil {
						t.Fatal("signed in")
					}
				}
				runtime.ReadMemStats(&after)
				spent[i] = (after.TotalAlloc - before.TotalAlloc) / tries
			}
			if spent[0] > spent[1]+2000 || spent[1] > spent[0]+2000 {
				t.Errorf("%d bytes are allocated for somebody, %d for nobody", spent[0], spent[1])
			}
		})
	}
}

// An idStore makes ids of its own.
type idStore struct{ *account.MemoryStore }

func (s idStore) Create(ctx context.Context, u account.User) (string, error) {
	u.ID = "own " + u.ID
	return s.MemoryStore.Create(ctx, u)
}

func TestCreatedID(t *testing.T) {
	t.Run("XCT-04 an event of a new account names its subject, whoever made the id and however often the link is used", func(t *testing.T) {
		g := newRig(t)
		g.want(g.browser.PostJSON("/register", credentials(alice, newPass)), 202)
		token := g.last(account.MessageVerify, alice).Token
		users := idStore{g.store.MemoryStore}
		cfg := account.Config{BaseURL: "https://app.example.com", Key: make([]byte, 32), Outbox: g.outbox, OnEvent: g.onEvent, Now: g.clock.Now, Hasher: g.hasher}
		cfg.Key[0] = 1
		cfg.Tokens = g.tokensOf()
		s, err := account.New(users, cfg)
		g.must(err)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { _ = s.ConfirmEmail(t.Context(), account.Client{}, token) })
		}
		all.Wait()
		u, err := users.FindByEmail(t.Context(), alice)
		g.must(err)
		if !strings.HasPrefix(u.ID, "own ") || g.saw(account.EventVerified) == 0 {
			t.Fatalf("%+v, %d events", u.ID, g.saw(account.EventVerified))
		}
		for _, e := range g.events {
			if e.Kind == account.EventVerified && e.Subject != u.ID {
				t.Errorf("%s of %q, want %q", e.Kind, e.Subject, u.ID)
			}
		}
	})
}

// A revokerFunc is an auth.Revoker.
type revokerFunc func() error

func (f revokerFunc) RevokeSubject(context.Context, string, string) error { return f() }

func TestSignInDuringRevocation(t *testing.T) {
	for _, how := range []string{"reset", "change", "take over"} {
		t.Run("RST-05 the old password signs in while credentials end, and what comes after fails: "+how, func(t *testing.T) {
			var g *rig
			var thief func()
			calls := 0
			g = newRig(t, func(cfg *account.Config) {
				cfg.SkipVerification = how == "take over"
				cfg.Revokers = auth.Revokers{revokerFunc(func() error {
					if calls++; calls > 1 {
						return errors.New("down")
					}
					g.clock.Advance(2 * time.Second) // it takes long
					thief()
					g.clock.Advance(2 * time.Second)
					return nil
				})}
			})
			u := g.user(alice, func(u *account.User) { u.Verified = how != "take over" })
			stolen := g.browser.Another(t)
			thief = func() { g.want(stolen.PostJSON("/login", credentials(alice, oldPass)), 204) }
			switch how {
			case "reset":
				g.want(g.browser.PostJSON("/reset", object{"token": g.resetToken(alice), "password": newPass}), 503)
			case "change":
				g.want(g.login(alice, oldPass).PostJSON("/change-password", object{"current_password": oldPass, "password": newPass}), 503)
			default:
				g.want(g.browser.PostJSON("/register", credentials(alice, newPass)), 202)
				g.want(g.browser.PostJSON("/verify", object{"token": g.last(account.MessageVerify, alice).Token}), 503)
			}
			if calls < 2 || !g.fits(u.ID, newPass) {
				t.Fatalf("%d revocations, and the password has not changed", calls)
			}
			g.want(stolen.Get("/me"), 401)
		})
	}
}

func TestTakenAddress(t *testing.T) {
	t.Run("XCT-03 a user does not learn by a link to another address which addresses are taken", func(t *testing.T) {
		for _, wish := range []string{"taken@example.com", "free@example.com"} {
			g := newRig(t)
			g.user("taken@example.com")
			g.user("mallory@example.com")
			mallory := g.login("mallory@example.com", oldPass)
			g.want(mallory.PostJSON("/change-email", object{"password": oldPass, "email": "spare@example.com"}), 202)
			link := g.last(account.MessageEmailChange, "spare@example.com").Token
			g.want(mallory.PostJSON("/change-email", object{"password": oldPass, "email": wish}), 202)
			g.flush()
			g.want(mallory.PostJSON("/verify", object{"token": link}), 400)
		}
	})
}
