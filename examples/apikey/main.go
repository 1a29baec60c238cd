// Apikey is a metered JSON API on the mux of the standard library, whose callers are
// programs with API keys, and whose users make and end their keys themselves: apikey,
// session, password and rbac. It needs nothing but Go.
//
//	go run ./apikey
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
	"github.com/go-sallyport/auth/session"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; plain HTTP and passwords of a demo, so keep it on loopback")
	flag.Parse()

	api, err := newAPI(slog.Default())
	if err != nil {
		fatal(err)
	}
	announce(os.Stdout, "http://"+*addr)
	server := &http.Server{Addr: *addr, Handler: api, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	fatal(server.ListenAndServe())
}

// limits are how often a key may be used, by the plan of its owner.
var limits = map[string]apikey.Limit{
	"free":    {Max: 5, Window: time.Minute},
	"partner": {Max: 60, Window: time.Minute},
}

// newAPI wires two groups of routes: /v1/keys is for people who are signed in, the rest
// of /v1 for programs with a key. Neither takes the credential of the other.
func newAPI(log *slog.Logger) (http.Handler, error) {
	onEvent := auth.LogEvents(log)
	onError := problem.Log(log, problem.WriteError) // 5xx go to the log, clients get the problem

	policy, err := rbac.NewPolicy(map[string]rbac.Role{
		"free":    {Permissions: []rbac.Permission{"forecast:read"}},
		"partner": {Permissions: []rbac.Permission{"readings:write"}, Inherits: []string{"free"}},
	})
	if err != nil {
		return nil, err
	}
	users, err := newUsers()
	if err != nil {
		return nil, err
	}
	logins, err := password.NewChecker(users.lookup, password.CheckerConfig{OnEvent: onEvent})
	if err != nil {
		return nil, err
	}
	sessions, err := session.New(nil, session.Config{
		InsecureCookie: true, // this is plain HTTP on loopback; delete the line behind TLS
		ErrorHandler:   onError, OnEvent: onEvent,
	})
	if err != nil {
		return nil, err
	}
	keys, err := apikey.New(nil, apikey.Config{ // nil: in memory; redisstore or sqlstore for keys that outlive the process
		Prefix: "acme",
		Owner:  users.current, // whoever is blocked or has another plan, has it at the next request
		Permits: func(owner *auth.Principal, scope string) bool {
			return policy.Allows(owner, rbac.Permission(scope))
		},
		ErrorHandler: onError, OnEvent: onEvent,
	})
	if err != nil {
		return nil, err
	}
	reports, err := throttle.New(nil, throttle.Config{Max: 10, Window: time.Minute})
	if err != nil {
		return nil, err
	}

	person := (&auth.Gate{Authenticators: []auth.Authenticator{sessions}, Current: users.current, ErrorHandler: onError, OnEvent: onEvent}).Handler
	program := (&auth.Gate{Authenticators: []auth.Authenticator{keys}, ErrorHandler: onError, OnEvent: onEvent}).Handler
	may := (&rbac.Guard{Decider: policy, ErrorHandler: onError, OnEvent: onEvent}).Require
	usage := &meter{counts: make(map[string]int)}
	station := &station{onError: onError}

	mux := http.NewServeMux()
	mux.Handle("POST /login", login(logins, sessions, onError))
	mux.Handle("POST /logout", sessions.SignOutHandler())

	fresh := (&auth.StepUp{MaxAge: 15 * time.Minute, ErrorHandler: onError}).Handler // as the handlers of keys ask by themselves
	mux.Handle("POST /v1/keys", auth.Chain(person, fresh)(createKey(keys, onError)))
	mux.Handle("GET /v1/keys", person(keys.ListHandler()))
	mux.Handle("DELETE /v1/keys/{id}", person(keys.RevokeHandler()))
	mux.Handle("POST /v1/keys/{id}/rotate", person(keys.RotateHandler()))
	mux.Handle("POST /leaked-keys", reports.Handler(throttle.ByAddress)(reportLeak(keys, onError)))

	mux.Handle("GET /v1/forecast/{city}", auth.Chain(program, may("forecast:read"), usage.count)(http.HandlerFunc(station.forecast)))
	mux.Handle("POST /v1/readings", auth.Chain(program, may("readings:write"), usage.count)(http.HandlerFunc(station.add)))
	mux.Handle("GET /v1/usage", program(http.HandlerFunc(usage.show)))
	return auth.Chain(problem.Recover(onError), sessions.Handler)(mux), nil
}

// login takes {"email", "password"} and answers with the cookie of a session.
func login(logins *password.Checker, sessions *session.Manager, onError problem.ErrorHandler) http.HandlerFunc {
	var clients throttle.ClientIP // the peer of the connection; behind a proxy see throttle.NewClientIP
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Email, Password string }
		var from throttle.Source
		var p *auth.Principal
		err := readJSON(w, r, &in)
		if err == nil {
			from.Address, err = clients.Address(r)
		}
		if err == nil {
			p, err = logins.CheckFrom(r.Context(), from, in.Email, in.Password)
		}
		if err == nil {
			err = sessions.SignIn(w, r, p)
		}
		if err != nil {
			onError(w, r, err) // 401, the same for every reason; 429 after too many guesses
		}
	}
}

// createKey is CreateHandler with one thing more: a key has the limit that the plan of
// its owner has on that day, each key its own. The owner is who is signed in, and the
// request cannot say otherwise.
func createKey(keys *apikey.Manager, onError problem.ErrorHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Name   string
			Scopes []string
		}
		if err := readJSON(w, r, &in); err != nil {
			onError(w, r, err)
			return
		}
		p, _ := auth.FromContext(r.Context())
		limit := limits[p.Roles[0]]
		text, k, err := keys.Issue(r.Context(), apikey.Request{Subject: p.Subject, Name: in.Name, Scopes: in.Scopes, Limit: limit})
		if err != nil {
			onError(w, r, err)
			return
		}
		writeJSON(w, http.StatusCreated, map[string]any{
			"id": k.ID, "key": text, "name": k.Name, "scopes": k.Scopes, "expires_at": k.ExpiresAt, "requests_per_minute": limit.Max,
		})
	}
}

// reportLeak takes {"key"} from whoever has found one, such as a secret scanner, and
// revokes it. To have the whole key is proof enough.
func reportLeak(keys *apikey.Manager, onError problem.ErrorHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Key string }
		err := readJSON(w, r, &in)
		if err == nil {
			_, err = keys.RevokeLeaked(r.Context(), in.Key)
		}
		if err != nil {
			onError(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "apikey:", err)
	os.Exit(1)
}
