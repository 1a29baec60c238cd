package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
)

// TestClientGoesAway: a browser that reloads, or is closed, breaks off its request. What
// has begun is brought to its end.
func TestClientGoesAway(t *testing.T) {
	id := &oauth.Identity{Provider: "test", Issuer: "https://idp.example.com", Subject: "7", Email: "alice@example.com", EmailVerified: true}
	linked := func(t *testing.T, ctx context.Context, cfg oauth.LinksConfig) {
		t.Helper()
		links, err := oauth.NewLinks(nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := links.Resolve(ctx, id, oauth.Visit{}); ctx.Err() == nil {
			t.Fatalf("the client is still there: %v", err)
		}
		if _, outcome, err := links.Resolve(t.Context(), id, oauth.Visit{}); outcome != oauth.OutcomeLinked || err != nil {
			t.Errorf("the next sign-in: %s, %v", outcome, err)
		}
	}
	t.Run("F15 an account that was made has its link", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		users := newUsers()
		linked(t, ctx, oauth.LinksConfig{
			Principal: users.Principal,
			Register: func(ctx context.Context, id *oauth.Identity) (oauth.Registered, error) {
				defer leave()
				return users.Register(ctx, id)
			},
		})
	})
	t.Run("F15 LNK-03 an account that is taken over is emptied to the end", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		users, revoked := newUsers(), 0
		users.add("attacker", user{email: "alice@example.com", password: true})
		linked(t, ctx, oauth.LinksConfig{
			Principal: users.Principal, Register: users.Register,
			Wipe: func(ctx context.Context, user string) error {
				defer leave()
				return users.Wipe(ctx, user)
			},
			Revokers: auth.Revokers{auth.RevokerFunc(func(ctx context.Context, _, _ string) error {
				revoked++
				return ctx.Err()
			})},
		})
		if revoked != 2 {
			t.Errorf("credentials were ended %d times, want before and after", revoked)
		}
	})
	t.Run("F15 LNK-05 a link that is removed ends what was made through it", func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		store, revoked := leavingStore{oauth.NewMemoryLinkStore(0), leave}, false
		links, err := oauth.NewLinks(store, oauth.LinksConfig{
			Principal:    newUsers().Principal,
			OtherMethods: func(context.Context, string) (bool, error) { return true, nil },
			Revokers: auth.Revokers{auth.RevokerFunc(func(ctx context.Context, _, _ string) error {
				revoked = ctx.Err() == nil
				return ctx.Err()
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := links.Link(t.Context(), "alice", id); err != nil {
			t.Fatal(err)
		}
		link := oauth.Link{Issuer: id.Issuer, Subject: id.Subject}
		if err := links.Unlink(ctx, "alice", link.ID(), ""); err != nil || ctx.Err() == nil || !revoked {
			t.Errorf("%v, revoked %v", err, revoked)
		}
	})
}

// A leavingStore has a client that leaves as soon as a link is gone.
type leavingStore struct {
	oauth.LinkStore
	leave func()
}

func (s leavingStore) Delete(ctx context.Context, user, issuer, subject string, keep int) error {
	defer s.leave()
	return s.LinkStore.Delete(ctx, user, issuer, subject, keep)
}

// TestSessionEndsMeanwhile: while the provider is asked, the session of the callback ends:
// its user signs out everywhere, or the account is taken over from a stranger.
func TestSessionEndsMeanwhile(t *testing.T) {
	for name, wrap := range map[string]func(r *rig, h http.Handler) http.Handler{
		"read at once":         func(_ *rig, h http.Handler) http.Handler { return h },
		"kept for the request": func(r *rig, h http.Handler) http.Handler { return r.sessions.Handler(h) },
	} {
		t.Run("O16 O18 LNK-04 a session that is "+name, func(t *testing.T) {
			r := newRig(t, setup{})
			cfg := r.config()
			cfg.RedirectURL = origin + "/late/callback"
			f, err := oauth.New(r.generic("late", nil), cfg)
			if err != nil {
				t.Fatal(err)
			}
			r.mux.Handle("/late", f.StartLink())
			r.mux.Handle("/late/callback", wrap(r, f.Callback(r.links, r.sessions)))
			r.users.add("alice", user{password: true})
			r.b.Post("/become/alice", nil)
			back := r.answer(r.b, r.linkStart(r.b, "/late")).String()
			r.idp.Script(hostileidp.UserInfo, func(w http.ResponseWriter, req *http.Request, good http.Handler) {
				if err := r.sessions.RevokeSubject(req.Context(), "alice", ""); err != nil {
					t.Error(err)
				}
				good.ServeHTTP(w, req)
			})
			r.refused(r.b, r.b.Get(back), http.StatusBadRequest, invalid)
			r.wantNoLinks("alice")
		})
	}
	t.Run("LNK-03 what is linked while an account is emptied goes too", func(t *testing.T) {
		users, store, ends := newUsers(), oauth.NewMemoryLinkStore(0), 0
		users.add("attacker", user{email: "alice@example.com", password: true})
		evil := oauth.Link{Issuer: "https://evil.example.com", Subject: "1", User: "attacker", Provider: "test"}
		links, err := oauth.NewLinks(store, oauth.LinksConfig{
			Principal: users.Principal, Register: users.Register, Wipe: users.Wipe,
			Revokers: auth.Revokers{auth.RevokerFunc(func(ctx context.Context, _, _ string) error {
				if ends++; ends == 2 { // the last moment of the last session
					return store.Create(ctx, evil, 10)
				}
				return nil
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		id := &oauth.Identity{Provider: "test", Issuer: "https://idp.example.com", Subject: "7", Email: "alice@example.com", EmailVerified: true}
		if _, _, err := links.Resolve(t.Context(), id, oauth.Visit{}); err != nil {
			t.Fatal(err)
		}
		if _, err := links.Find(t.Context(), evil.Issuer, evil.Subject); !errors.Is(err, oauth.ErrNoLink) {
			t.Errorf("the stranger can sign in: %v", err)
		}
	})
}

// TestConsumerRecovers: a callback that was refused because the Consumer was down can be
// loaded again.
func TestConsumerRecovers(t *testing.T) {
	consumer := &fallibleConsumer{Consumer: oauth.NewMemoryConsumer(nil), down: true}
	r := newRig(t, setup{flow: func(c *oauth.Config) { c.Consumer = consumer }})
	back := r.answered(r.b, "/auth/test").String()
	r.refused(r.b, r.b.Get(back), http.StatusServiceUnavailable, "UNAVAILABLE")
	consumer.down = false
	r.want(r.b.Get(back), http.StatusSeeOther, "")
	r.want(r.b.Get(back), http.StatusBadRequest, "SIGN_IN_ATTEMPT_INVALID")
	if n := r.idp.Count(hostileidp.Token); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

type fallibleConsumer struct {
	oauth.Consumer
	down bool
}

func (c *fallibleConsumer) Consume(ctx context.Context, id oauth.AttemptID, call oauth.CallID, expires time.Time) error {
	if c.down {
		return errors.New("down")
	}
	return c.Consumer.Consume(ctx, id, call, expires)
}

// TestLabel: what a stranger calls themselves is kept only if every store can keep it.
func TestLabel(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "alice", "Zoë": "Zoë", "a\x00b": "alice@example.com", "a\x1b[2Jb": "alice@example.com", "a\xffb": "alice@example.com",
	} {
		links, err := oauth.NewLinks(nil, oauth.LinksConfig{Principal: newUsers().Principal})
		if err != nil {
			t.Fatal(err)
		}
		id := &oauth.Identity{Provider: "test", Issuer: "https://idp.example.com", Subject: "7", Username: name, Email: "alice@example.com"}
		if err := links.Link(t.Context(), "alice", id); err != nil {
			t.Fatal(err)
		}
		if l, err := links.List(t.Context(), "alice"); err != nil || len(l) != 1 || l[0].Label != want {
			t.Errorf("%q: %v, %v, want %q", name, l, err, want)
		}
	}
}
