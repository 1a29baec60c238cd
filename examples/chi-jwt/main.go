// Chi-jwt is an API behind bearer tokens, on the chi router, with a page that
// uses it: jwtauth, its auth.js, password and rbac. It needs nothing but Go.
//
//	go run ./chi-jwt
//	go run ./chi-jwt -access 20s   # watch the page refresh
package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/jwtauth/client"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; plain HTTP and passwords of a demo, so keep it on loopback")
	access := flag.Duration("access", 15*time.Minute, "lifetime of an access token")
	flag.Parse()

	api, err := newAPI("http://"+*addr, *access, slog.Default())
	if err != nil {
		fatal(err)
	}
	announce(os.Stdout, "http://"+*addr)
	server := &http.Server{Addr: *addr, Handler: api, ReadHeaderTimeout: 5 * time.Second}
	fatal(server.ListenAndServe())
}

// newAPI wires the two roads: the sign-in road ends at POST /auth/login, the
// request road is what stands in front of /api.
func newAPI(issuer string, access time.Duration, log *slog.Logger) (http.Handler, error) {
	onEvent := auth.LogEvents(log)
	onError := problem.Log(log, problem.WriteError) // 5xx go to the log, clients get the problem

	users, err := newUsers()
	if err != nil {
		return nil, err
	}
	keys, err := newKeys()
	if err != nil {
		return nil, err
	}
	epochs, err := jwtauth.NewMemoryEpochs(jwtauth.MemoryEpochsConfig{})
	if err != nil {
		return nil, err
	}
	jwks, err := keys.JWKSHandler(jwtauth.JWKSConfig{})
	if err != nil {
		return nil, err
	}
	refreshKey := make([]byte, jwtauth.RefreshKeySize)
	rand.Read(refreshKey) // a service that runs twice, or restarts, reads it from where it keeps its secrets
	tokens, err := jwtauth.NewIssuer(keys, nil, jwtauth.IssuerConfig{
		Issuer: issuer, Audience: []string{audience},
		RefreshKeys:    [][]byte{refreshKey},
		Current:        users.current, // a refresh asks how the user stands now
		Epochs:         epochs,        // and a stolen refresh token ends the access tokens too
		AccessLifetime: access,
		InsecureCookie: true, // this is plain HTTP on loopback; delete the line behind TLS
		ErrorHandler:   onError, OnEvent: onEvent,
	})
	if err != nil {
		return nil, err
	}
	bearer, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{
		Issuer: issuer, Audience: audience,
		Leeway: -1, // issuer and verifier share a clock here; between machines leave the default
		Epochs: epochs,
	})
	if err != nil {
		return nil, err
	}
	logins, err := password.NewChecker(users.lookup, password.CheckerConfig{OnEvent: onEvent})
	if err != nil {
		return nil, err
	}
	refreshes, err := throttle.New(nil, throttle.Config{Max: 60, Window: time.Minute})
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
	may := (&rbac.Guard{Decider: policy, ErrorHandler: onError, OnEvent: onEvent}).Require
	member := (&auth.Gate{Authenticators: []auth.Authenticator{bearer}, ErrorHandler: onError, OnEvent: onEvent}).Handler
	orders := &orderBook{onError: onError}

	r := chi.NewRouter()
	r.Use(harden, problem.Recover(onError))
	r.Get("/", page("text/html; charset=utf-8", indexHTML))
	r.Get("/app.js", page("text/javascript; charset=utf-8", appJS))
	r.Get("/style.css", page("text/css; charset=utf-8", styleCSS))
	r.Method(http.MethodGet, "/auth.js", client.Handler())
	r.Method(http.MethodGet, "/.well-known/jwks.json", jwks)

	r.Post("/auth/login", login(logins, tokens, onError))
	r.With(refreshes.Handler(throttle.ByAddress)).Method(http.MethodPost, "/auth/refresh", tokens.RefreshHandler())
	r.Method(http.MethodPost, "/auth/revoke", tokens.RevokeHandler())

	r.Route("/api", func(r chi.Router) {
		r.Use(member)
		r.Get("/me", me(policy))
		r.With(may("orders:read")).Get("/orders", orders.list)
		r.With(may("orders:write")).Post("/orders", orders.add)
		r.With(may("orders:delete")).Delete("/orders/{id}", orders.remove)
		r.Handle("/devices", tokens.DevicesHandler())
		r.Handle("/devices/{id}", tokens.DevicesHandler())
	})
	return r, nil
}

// audience is what this API calls itself: a token for another service with the
// same issuer and key is refused.
const audience = "https://orders.example.com"

// newKeys makes a signing key for one run of the program. A service loads its
// key with jwtauth.ParsePEM, and to change it adds the next one with its Replace.
func newKeys() (*jwtauth.KeySet, error) {
	key, err := jwtauth.GenerateKey("run-"+rand.Text()[:8], jwtauth.EdDSA)
	if err != nil {
		return nil, err
	}
	return jwtauth.NewKeySet(key)
}

// login takes {"email", "password"} and answers with an access token. Guesses are
// limited by account and by address.
func login(logins *password.Checker, tokens auth.SignIn, onError problem.ErrorHandler) http.HandlerFunc {
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
			err = tokens.SignIn(w, r, p)
		}
		if err != nil {
			onError(w, r, err) // 401, the same for every reason; 429 after too many guesses
		}
	}
}

// me says who the caller is and what the page may offer.
func me(policy *rbac.Policy) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{
			"id": p.Subject, "email": p.Attributes["email"], "roles": p.Roles, "permissions": policy.Permissions(p),
		}})
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "chi-jwt:", err)
	os.Exit(1)
}
