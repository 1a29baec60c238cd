package house

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
	"github.com/go-sallyport/auth/session"
)

// TestNoSecretLeavesTheRoad walks the whole road with a canary on every sink:
// log, events, errors and responses.
func TestNoSecretLeavesTheRoad(t *testing.T) {
	t.Run("PWD-15 PRB-02 XCT-04 I7", func(t *testing.T) {
		canary := testkit.NewCanary(t)
		secret := canary.Secret("password")
		wrong := canary.Secret("wrong password")
		dsn := canary.Secret("text of an internal error")

		hasher, err := password.NewArgon2id(password.Argon2idConfig{})
		if err != nil {
			t.Fatal(err)
		}
		hash, err := hasher.Hash(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		canary.Watch("hash", hash)
		lookup := func(_ context.Context, login string) (string, *auth.Principal, error) {
			switch login {
			case "alice@example.com":
				return hash, &auth.Principal{Subject: "17", Roles: []string{"customer"}}, nil
			case "damaged@example.com":
				return "$argon2id$v=19$" + strings.TrimPrefix(hash, "$argon2id$v=19$m="), &auth.Principal{Subject: "18"}, nil
			case "down@example.com":
				return "", nil, errors.New("the users table cannot be read")
			}
			return "", nil, password.ErrNoAccount
		}
		logins, err := password.NewChecker(lookup, password.CheckerConfig{Hasher: hasher, OnEvent: canary.OnEvent})
		if err != nil {
			t.Fatal(err)
		}
		onError := problem.Log(canary.Logger(), nil)
		sessions, err := session.New(nil, session.Config{OnEvent: canary.OnEvent, ErrorHandler: onError})
		if err != nil {
			t.Fatal(err)
		}
		policy := rbac.MustPolicy(map[string]rbac.Role{"customer": {Permissions: []rbac.Permission{"orders:read"}}, "admin": {Permissions: []rbac.Permission{"orders:write"}}})
		guard := &rbac.Guard{Decider: policy, OnEvent: canary.OnEvent, ErrorHandler: onError}
		gate := &auth.Gate{Authenticators: []auth.Authenticator{sessions}, OnEvent: canary.OnEvent, ErrorHandler: onError}
		ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

		mux := http.NewServeMux()
		mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
			p, err := logins.Check(r.Context(), r.PostFormValue("email"), r.PostFormValue("password"))
			if err == nil {
				err = sessions.SignIn(w, r, p)
			}
			if err != nil {
				onError(w, r, canary.Error(err))
			}
		})
		mux.Handle("POST /logout", sessions.SignOutHandler())
		mux.Handle("GET /orders", auth.Chain(gate.Handler, guard.Require("orders:read"))(ok))
		mux.Handle("POST /orders", auth.Chain(gate.Handler, guard.Require("orders:write"))(ok))
		mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("connect: refused") })
		mux.HandleFunc("GET /internal", func(w http.ResponseWriter, r *http.Request) { problem.WriteError(w, r, errors.New(dsn)) })
		b := authtest.NewBrowser(t, canary.Handler(auth.Chain(problem.Recover(onError), sessions.Handler)(mux)))

		login := func(email, pw string) *authtest.Response {
			return b.Post("/login", url.Values{"email": {email}, "password": {pw}})
		}
		statuses := []struct{ got, want int }{
			{login("alice@example.com", wrong).StatusCode, 401},
			{login("nobody@example.com", wrong).StatusCode, 401},
			{login("damaged@example.com", secret).StatusCode, 401},
			{login("down@example.com", secret).StatusCode, 503},
			{b.Get("/orders").StatusCode, 401},
			{b.Get("/panic").StatusCode, 500},
			{b.Get("/internal").StatusCode, 500},
		}
		resp := login("alice@example.com", secret)
		cookie := resp.Cookie("__Host-session")
		if cookie == nil {
			t.Fatalf("no session: %d", resp.StatusCode)
		}
		canary.Watch("session id", cookie.Value)
		canary.WatchHash("hash of the session id", cookie.Value)
		canary.Allow("session id", "POST /login")
		statuses = append(statuses, []struct{ got, want int }{
			{b.Get("/orders").StatusCode, 204},
			{b.Post("/orders", nil).StatusCode, 403},
			{b.Post("/orders", nil, "Sec-Fetch-Site", "cross-site").StatusCode, 403},
		}...)
		b.SetCookie(&http.Cookie{Name: "__Host-session", Value: cookie.Value + "x", Path: "/", Secure: true})
		statuses = append(statuses, struct{ got, want int }{b.Get("/orders").StatusCode, 401})
		b.SetCookie(&http.Cookie{Name: "__Host-session", Value: cookie.Value, Path: "/", Secure: true})
		statuses = append(statuses, struct{ got, want int }{b.Fetch("POST", "/logout", nil).StatusCode, 204})
		for i, s := range statuses {
			if s.got != s.want {
				t.Errorf("step %d: %d, want %d", i, s.got, s.want)
			}
		}
	})
}
