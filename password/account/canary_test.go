package account_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
)

// TestNoSecretLeaks walks all flows with a canary on every sink.
func TestNoSecretLeaks(t *testing.T) {
	t.Run("PWD-15 I7", func(t *testing.T) {
		canary := testkit.NewCanary(t)
		first, second, third, wrong := canary.Secret("password"), canary.Secret("second password"), canary.Secret("third password"), canary.Secret("wrong password")
		hasher, err := password.NewArgon2id(password.Argon2idConfig{})
		if err != nil {
			t.Fatal(err)
		}
		mail := make(chan account.Message, 100)
		outbox, err := account.NewOutbox(account.MailerFunc(func(_ context.Context, m account.Message) error {
			if m.Token != "" {
				canary.Watch("token", m.Token)
				canary.WatchHash("hash of the token", m.Token)
			}
			mail <- m
			return nil
		}), account.OutboxConfig{OnEvent: canary.OnEvent})
		if err != nil {
			t.Fatal(err)
		}
		store, err := account.NewMemoryStore(0)
		if err != nil {
			t.Fatal(err)
		}
		onError := problem.Log(canary.Logger(), func(w http.ResponseWriter, r *http.Request, err error) {
			problem.WriteError(w, r, canary.Error(err))
		})
		clock := authtest.NewClock(time.Time{})
		g := &rig{t: t, clock: clock}
		seen := func(u account.User) {
			if u.Hash != "" {
				t.Error("a hook was given a hash")
			}
		}
		accounts, err := account.New(leaky{store}, account.Config{
			BaseURL: "https://app.example.com", Key: make32(), Outbox: outbox, Hasher: hasher, OnEvent: canary.OnEvent, ErrorHandler: onError, Now: clock.Now,
			Form: nil,
			Notify: func(_ context.Context, kind account.MessageKind, u account.User) {
				seen(u)
				canary.Logger().Info(string(kind), "user", u)
			},
			Compose: func(_ context.Context, m account.Message, u account.User) (account.Message, error) {
				seen(u)
				canary.Logger().Info("compose", "message", m)
				return m, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		var principal *auth.Principal
		member := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, authtest.As(r, principal)) })
		}
		mux := http.NewServeMux()
		mux.Handle("/register", accounts.Register())
		mux.Handle("/verify", accounts.VerifyEmail())
		mux.Handle("/login", accounts.Login(auth.SignInFunc(func(w http.ResponseWriter, _ *http.Request, p *auth.Principal) error {
			p.Method = auth.MethodSession
			principal = p
			w.WriteHeader(204)
			return nil
		})))
		mux.Handle("/forgot", accounts.Forgot())
		mux.Handle("/reset", accounts.Reset())
		mux.Handle("/change-password", member(accounts.ChangePassword()))
		mux.Handle("/change-email", member(accounts.ChangeEmail()))
		mux.Handle("/delete", member(accounts.Delete()))
		b := authtest.NewBrowser(t, canary.Handler(mux))
		token := func(kind account.MessageKind) string {
			t.Helper()
			for m := range mail {
				if m.Kind == kind {
					return m.Token
				}
			}
			return ""
		}

		g.want(b.PostJSON("/register", credentials(alice, first)), 202)
		verify := token(account.MessageVerify)
		g.want(b.PostJSON("/verify", object{"token": verify}), 204)
		g.want(b.PostJSON("/verify", object{"token": verify}), 400)
		u, err := store.FindByEmail(t.Context(), alice)
		g.must(err)
		canary.Watch("hash", u.Hash)
		g.want(b.PostJSON("/login", credentials(alice, wrong)), 401)
		g.want(b.PostJSON("/login", credentials("down@example.com", wrong)), 503)
		g.want(b.PostJSON("/login", credentials("panic@example.com", wrong)), 500)
		g.want(b.PostJSON("/login", object{"email": alice, "password": first, "roles": wrong}), 400)
		g.want(b.PostJSON("/login", credentials(alice, first)), 204)
		g.want(b.PostJSON("/forgot", object{"email": alice}), 202)
		reset := token(account.MessageReset)
		g.want(b.PostJSON("/reset", object{"token": reset, "password": "short"}), 422)
		g.want(b.Post("/reset", form("token", reset, "password", second)), 303)
		g.want(b.Post("/reset", form("token", reset, "password", second)), 400)
		g.want(b.PostJSON("/login", credentials(alice, second)), 204)
		g.want(b.PostJSON("/change-password", object{"current_password": wrong, "password": third}), 401)
		g.want(b.PostJSON("/change-password", object{"current_password": second, "password": third}), 204)
		g.want(b.PostJSON("/change-email", object{"password": third, "email": "new@example.com"}), 202)
		g.want(b.PostJSON("/verify", object{"token": token(account.MessageEmailChange)}), 204)
		g.want(b.PostJSON("/delete", object{"password": wrong}), 401)
		g.want(b.PostJSON("/delete", object{"password": third}), 204)
		g.must(outbox.Close(t.Context()))
	})
}

// A leaky store fails and panics for some addresses.
type leaky struct {
	*account.MemoryStore
}

func (s leaky) FindByEmail(ctx context.Context, canonical string) (account.User, error) {
	switch {
	case strings.HasPrefix(canonical, "down"):
		return account.User{}, context.DeadlineExceeded
	case strings.HasPrefix(canonical, "panic"):
		panic("connect: refused")
	}
	return s.MemoryStore.FindByEmail(ctx, canonical)
}
