// Mfa is a site with two steps at its door, on the mux of the standard library: a
// password and then a code of an authenticator app, a recovery code or a passkey, or a
// passkey alone: password, mfa, mfa/passkey and session. It needs nothing but Go, and
// forgets everything when it ends.
//
//	go run ./mfa
package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; plain HTTP and passwords of a demo, so keep it on loopback")
	flag.Parse()

	_, port, err := net.SplitHostPort(*addr)
	if err != nil {
		fatal(err)
	}
	origin := "http://localhost:" + port // browsers have no passkeys for an IP address
	handler, err := newSite(origin, time.Now, slog.Default())
	if err != nil {
		fatal(err)
	}
	announce(os.Stdout, origin)
	server := &http.Server{Addr: *addr, Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	fatal(server.ListenAndServe())
}

// A site is what the handlers share.
type site struct {
	origin string           // where browsers can use passkeys
	now    func() time.Time // the clock of all that follows
	log    *slog.Logger

	users    *users
	logins   *password.Checker // the first step
	factors  *mfa.Manager      // the second
	passkeys *passkey.Manager  // and a way in of their own
	sessions *session.Manager

	onError problem.ErrorHandler
	onEvent auth.EventFunc
}

// newSite wires the two roads. The sign-in road goes from a proof (logins, passkeys)
// through door, which asks for the second step, to a session. The request road is what
// member and fresh put in front of a page.
func newSite(origin string, now func() time.Time, log *slog.Logger) (http.Handler, error) {
	s := &site{origin: origin, now: now, log: log, onEvent: auth.LogEvents(log)}
	s.onError = problem.Log(log, s.showProblem) // 5xx go to the log, browsers get a page, others the problem

	var err error
	if s.users, err = newUsers(); err != nil {
		return nil, err
	}
	s.logins, err = password.NewChecker(s.users.lookup, password.CheckerConfig{OnEvent: s.onEvent, Now: now})
	if err != nil {
		return nil, err
	}
	s.sessions, err = session.New(nil, session.Config{
		// This is plain HTTP on loopback; delete the line behind TLS, here and below.
		InsecureCookie: true,
		// For who has asked to stay signed in.
		RememberLifetime:    30 * 24 * time.Hour,
		RememberIdleTimeout: 7 * 24 * time.Hour,

		Respond: s.signedIn, ErrorHandler: s.onError, OnEvent: s.onEvent, Now: now,
	})
	if err != nil {
		return nil, err
	}
	gate := auth.Gate{Authenticators: []auth.Authenticator{s.sessions}, Current: s.users.current, ErrorHandler: s.loginFirst, OnEvent: s.onEvent}
	visitors := gate
	visitors.Optional = true
	member, visitor := gate.Handler, visitors.Handler

	if s.factors, err = s.newFactors(&gate); err != nil {
		return nil, err
	}
	if s.passkeys, err = s.newPasskeys(); err != nil {
		return nil, err
	}
	door := s.factors.Gate(s.sessions) // made once, given to whoever proves an identity

	mux := http.NewServeMux()
	mux.Handle("GET /{$}", visitor(s.page("home", "Welcome", demoAccounts)))
	mux.Handle("GET /login", visitor(http.HandlerFunc(s.loginPage)))
	mux.Handle("POST /login", s.login(door))
	mux.Handle("POST /logout", s.sessions.SignOutHandler())
	mux.Handle("GET /account", member(http.HandlerFunc(s.accountPage)))
	mux.Handle("GET /secret", auth.Chain(member, s.fresh())(s.page("secret", "The secret page", nil)))
	s.routeFactors(mux, member, visitor)
	s.routePasskeys(mux, member, door)
	for _, name := range []string{"style.css", "passkeys-page.js"} {
		mux.Handle("GET /"+name, file(name))
	}
	return auth.Chain(harden, problem.Recover(s.onError), s.sessions.Handler)(mux), nil
}

// newKey returns a key for one run of the program: what it seals is in memory too. A
// service reads its keys from where it keeps its secrets.
func newKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "mfa:", err)
	os.Exit(1)
}
