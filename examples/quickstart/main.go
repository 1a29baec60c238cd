// Quickstart is a site with login, an account page and orders that only some may
// change, on the mux of the standard library: session, password and rbac. It
// needs nothing but Go; with -redis the sessions survive a restart.
//
//	go run ./quickstart
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; plain HTTP and passwords of a demo, so keep it on loopback")
	redisURL := flag.String("redis", "", "keep sessions in this Redis, such as redis://127.0.0.1:6379; empty: in memory")
	flag.Parse()

	store, err := sessionStore(*redisURL, "quickstart:")
	if err != nil {
		fatal(err)
	}
	site, err := newSite(store, slog.Default())
	if err != nil {
		fatal(err)
	}
	announce(os.Stdout, "http://"+*addr)
	server := &http.Server{Addr: *addr, Handler: site, ReadHeaderTimeout: 5 * time.Second}
	fatal(server.ListenAndServe())
}

// sessionStore returns a store in Redis whose keys begin with prefix, or nil,
// which stands for memory.
func sessionStore(url, prefix string) (session.Store, error) {
	if url == "" {
		return nil, nil
	}
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	opts.ContextTimeoutEnabled = true // or a request would wait for Redis longer than it may
	return redisstore.New(redis.NewClient(opts), redisstore.Config{Prefix: prefix})
}

// newSite wires the two roads: the sign-in road ends at POST /login, the request
// road is what member and policy put in front of a page.
func newSite(store session.Store, log *slog.Logger) (http.Handler, error) {
	onError := problem.Log(log, showProblem) // 5xx go to the log, browsers get a page, others the problem
	sessions, err := session.New(store, session.Config{
		InsecureCookie: true, // this is plain HTTP on loopback; delete the line behind TLS
		ErrorHandler:   onError,
		OnEvent:        auth.LogEvents(log),
	})
	if err != nil {
		return nil, err
	}
	users, err := newUsers()
	if err != nil {
		return nil, err
	}
	logins, err := password.NewChecker(users.lookup, password.CheckerConfig{OnEvent: auth.LogEvents(log)})
	if err != nil {
		return nil, err
	}
	policy, err := rbac.NewPolicy(map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"orders:read"}},
		"manager":  {Permissions: []rbac.Permission{"orders:write"}, Inherits: []string{"customer"}},
		"admin":    {Permissions: []rbac.Permission{"orders:delete"}, Inherits: []string{"manager"}},
	})
	if err != nil {
		return nil, err
	}

	visitor := (&auth.Gate{Authenticators: []auth.Authenticator{sessions}, Optional: true, ErrorHandler: onError}).Handler
	member := (&auth.Gate{Authenticators: []auth.Authenticator{sessions}, ErrorHandler: loginFirst(onError)}).Handler
	guard := &rbac.Guard{Decider: policy, ErrorHandler: onError, OnEvent: auth.LogEvents(log)}
	orders := &orderBook{policy: policy, onError: onError}

	mux := http.NewServeMux()
	mux.Handle("GET /{$}", visitor(page("home", "Welcome", demoAccounts)))
	mux.Handle("GET /style.css", stylesheet)
	mux.Handle("GET /login", visitor(http.HandlerFunc(loginPage)))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		p, err := logins.Check(r.Context(), r.PostFormValue("email"), r.PostFormValue("password"))
		if err == nil {
			err = sessions.SignIn(w, r, p) // a new session id, and 303 to where the visitor wanted to go
		}
		if err != nil {
			loginFailed(w, r, err, onError)
		}
	})
	mux.Handle("POST /logout", sessions.SignOutHandler())
	mux.Handle("GET /account", member(accountPage(policy)))
	mux.Handle("GET /orders", auth.Chain(member, guard.Require("orders:read"))(http.HandlerFunc(orders.list)))
	mux.Handle("POST /orders", auth.Chain(member, guard.Require("orders:write"))(http.HandlerFunc(orders.add)))
	mux.Handle("POST /orders/{id}/delete", auth.Chain(member, guard.Require("orders:delete"))(http.HandlerFunc(orders.remove)))
	return auth.Chain(harden, problem.Recover(onError), sessions.Handler)(mux), nil
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "quickstart:", err)
	os.Exit(1)
}
