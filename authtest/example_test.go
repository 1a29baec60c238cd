package authtest_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
	"github.com/go-sallyport/auth/session"
)

// in stands for a test, which has its t already.
func in(test func(t testing.TB)) {
	for _, line := range faketb.Run("TestIt", test).Log {
		fmt.Println(line)
	}
}

// newService signs everybody in as alice, for an hour.
func newService(now func() time.Time, onEvent auth.EventFunc) http.Handler {
	sessions, err := session.New(nil, session.Config{IdleTimeout: time.Hour, Now: now, OnEvent: onEvent})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<form action="/login" method="post"><input type="hidden" name="return_to" value="/orders"></form>`)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		err := r.ParseForm()
		if err == nil {
			err = sessions.SignIn(w, r, &auth.Principal{Subject: "alice"}) // 303 to return_to
		}
		if err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.Handle("/orders", auth.Require(sessions)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		fmt.Fprintf(w, "orders of %s", p.Subject)
	})))
	return sessions.Handler(mux)
}

// A login, a page of another site, and the end of the session.
func Example() {
	in(func(t testing.TB) {
		clock := authtest.NewClock(time.Time{})
		var events authtest.Events
		b := authtest.NewBrowser(t, newService(clock.Now, events.OnEvent))

		form := b.Get("/login").Want(http.StatusOK).Form("/login")
		form.Set("password", "correct horse battery staple")
		fmt.Println(b.Follow(b.Post("/login", form).Want(http.StatusSeeOther)).Body)

		b.Post("/orders", nil).Want(http.StatusOK)
		b.From("https://evil.example").Post("/orders", nil).WantProblem(http.StatusUnauthorized, problem.Unauthenticated)
		b.Post("/orders", nil, "Sec-Fetch-Site", "cross-site").WantProblem(http.StatusForbidden, problem.CrossOrigin)

		clock.Advance(2 * time.Hour)
		b.Fetch("GET", "/orders", nil).WantProblem(http.StatusUnauthorized, problem.Unauthenticated)
		fmt.Println(len(events.Of(auth.EventSignIn)), "sign-in")
	})
	// Output:
	// orders of alice
	// 1 sign-in
}

// A handler alone, behind a permission.
func ExampleServe() {
	policy, err := rbac.NewPolicy(map[string]rbac.Role{"clerk": {Permissions: []rbac.Permission{"orders:delete"}}})
	if err != nil {
		log.Fatal(err)
	}
	h := policy.Require("orders:delete")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "deleted") }))

	in(func(t testing.TB) {
		r := httptest.NewRequest("DELETE", "/orders/1", nil)
		alice, bob := &auth.Principal{Subject: "alice", Roles: []string{"clerk"}}, &auth.Principal{Subject: "bob"}
		fmt.Println(authtest.Serve(t, h, authtest.As(r, alice)).Want(http.StatusOK).Body)
		authtest.Serve(t, h, authtest.As(r, bob)).WantProblem(http.StatusForbidden, problem.Forbidden)
		authtest.Serve(t, h, r).WantProblem(http.StatusUnauthorized, problem.Unauthenticated)
	})
	// Output: deleted
}

func ExampleAs() {
	hello := func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		fmt.Fprintf(w, "hello %s", p.Subject)
	}
	w := httptest.NewRecorder()
	hello(w, authtest.As(httptest.NewRequest("GET", "/", nil), &auth.Principal{Subject: "alice"}))
	fmt.Println(w.Body)
	// Output: hello alice
}

// Two people at one server, and what the browser keeps.
func ExampleBrowser() {
	in(func(t testing.TB) {
		alice := authtest.NewBrowser(t, newService(time.Now, nil))
		alice.Post("/login", nil)
		fmt.Println(alice.Cookie("__Host-session").SameSite == http.SameSiteLaxMode)

		bob := alice.Another(t)
		bob.Fetch("GET", "/orders", nil).WantProblem(http.StatusUnauthorized, problem.Unauthenticated)
		bob.SetCookie(&http.Cookie{Name: "__Host-session", Value: alice.Cookie("__Host-session").Value}) // stolen
		fmt.Println(bob.Get("/orders").Body)
	})
	// Output:
	// true
	// orders of alice
}

// A server that is there already.
func ExampleNewBrowserAt() {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()
	in(func(t testing.TB) {
		fmt.Println(authtest.NewBrowserAt(t, server.URL, server.Client().Transport).Get("/").Body)
	})
	// Output: hello
}

func ExampleClock() {
	clock := authtest.NewClock(time.Date(2026, time.January, 1, 23, 59, 0, 0, time.UTC))
	clock.Advance(2 * time.Minute)
	fmt.Println(clock.Now().Format(time.DateTime))
	// Output: 2026-01-02 00:01:00
}

// The link in a mail, which is sent after the response.
func ExampleMailbox() {
	var mail authtest.Mailbox
	outbox, err := account.NewOutbox(&mail, account.OutboxConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer outbox.Close(context.Background())
	accounts, err := account.New(nil, account.Config{BaseURL: "https://app.example.com", Key: []byte("32 random bytes from a secret..."), Outbox: outbox})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /register", accounts.Register())
	mux.Handle("POST /verify-email", accounts.VerifyEmail())

	in(func(t testing.TB) {
		b := authtest.NewBrowser(t, mux)
		b.PostJSON("/register", map[string]string{"email": "alice@example.com", "password": "correct horse battery staple"}).Want(http.StatusAccepted)
		msg := mail.Next(t, "alice@example.com")
		fmt.Println(msg.Kind)
		b.PostJSON("/verify-email", map[string]string{"token": msg.Token}).Want(http.StatusNoContent)
	})
	// Output: verify
}

func ExampleEvents() {
	var events authtest.Events
	emit := auth.EventFunc(events.OnEvent)
	emit.Emit(context.Background(), auth.Event{Kind: auth.EventSignInFail, Err: auth.ErrInvalidCredentials})
	for _, e := range events.Of(auth.EventSignInFail) {
		fmt.Println(e.Kind, e.Err)
	}
	// Output: signin.failed auth: invalid credentials
}
