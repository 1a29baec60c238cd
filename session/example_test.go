package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// visit sends a request over "HTTPS" with the cookie of an earlier answer.
func visit(h http.Handler, method, path, cookie string) *http.Response {
	r := httptest.NewRequest(method, "https://shop.example"+path, nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// cookieOf is the first cookie of an answer as a browser sends it back.
func cookieOf(res *http.Response) string {
	pair, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	return pair
}

func Example() {
	sessions, err := session.New(nil, session.Config{}) // nil: in memory
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		p := &auth.Principal{Subject: "42"} // proved by a password, for example
		if err := sessions.SignIn(w, r, p); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.Handle("POST /logout", sessions.SignOutHandler())
	mux.Handle("GET /account", auth.Require(sessions)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		fmt.Println("user", p.Subject, "by", p.Method)
	})))
	site := sessions.Handler(mux)

	fmt.Println(visit(site, "GET", "/account", "").StatusCode)
	login := visit(site, "POST", "/login", "")
	_, attributes, _ := strings.Cut(login.Header.Get("Set-Cookie"), "; ")
	fmt.Println(login.StatusCode, attributes)
	fmt.Println(visit(site, "GET", "/account", cookieOf(login)).StatusCode)
	fmt.Println(visit(site, "POST", "/logout", cookieOf(login)).StatusCode)
	fmt.Println(visit(site, "GET", "/account", cookieOf(login)).StatusCode)
	// Output:
	// 401
	// 204 Path=/; HttpOnly; Secure; SameSite=Lax
	// user 42 by session
	// 200
	// 204
	// 401
}

// A service on scs changes five lines. Its calls of Put, Get and the others stay.
func ExampleConfig_scs() {
	manager := scs.New()
	sessions, err := session.New(nil, session.Config{SCS: manager}) // new
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		err := sessions.Begin(r.Context(), &auth.Principal{Subject: "42"}) // was manager.RenewToken
		if err != nil {
			problem.WriteError(w, r, err)
			return
		}
		manager.Put(r.Context(), "theme", "dark")
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignOut(r.Context()); err != nil { // was manager.Destroy
			problem.WriteError(w, r, err)
		}
	})
	member := auth.Require(sessions) // was a look at manager.GetString(ctx, "user")
	mux.Handle("GET /", member(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(manager.GetString(r.Context(), "theme"))
	})))
	site := sessions.Handler(mux) // was manager.LoadAndSave(mux)

	login := visit(site, "POST", "/login", "")
	visit(site, "GET", "/", cookieOf(login))
	visit(site, "POST", "/logout", cookieOf(login))
	fmt.Println(visit(site, "GET", "/", cookieOf(login)).StatusCode)
	// Output:
	// dark
	// 401
}

// SCS holds what the application wants to remember. A visitor who puts nothing
// gets no cookie.
func ExampleManager_SCS() {
	sessions, err := session.New(nil, session.Config{Keep: []string{"cart"}})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /cart", func(_ http.ResponseWriter, r *http.Request) {
		n := sessions.SCS().GetInt(r.Context(), "cart")
		sessions.SCS().Put(r.Context(), "cart", n+1)
		fmt.Println("in the cart:", n+1)
	})
	site := sessions.Handler(mux)

	fmt.Printf("%q\n", visit(site, "GET", "/", "").Header["Set-Cookie"])
	first := visit(site, "POST", "/cart", "")
	visit(site, "POST", "/cart", cookieOf(first))
	// Output:
	// []
	// in the cart: 1
	// in the cart: 2
}

// The page "where you are signed in": a list, and a button that ends all others.
func ExampleManager_List() {
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignIn(w, r, &auth.Principal{Subject: "42"}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	member := auth.Require(sessions)
	mux.Handle("GET /devices", member(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		list, err := sessions.List(r.Context(), p.Subject)
		if err != nil {
			problem.WriteError(w, r, err)
			return
		}
		for _, s := range list {
			fmt.Printf("this one: %t\n", s.Current)
		}
	})))
	mux.Handle("POST /devices/others/end", member(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.RevokeOthers(r.Context()); err != nil {
			problem.WriteError(w, r, err)
		}
	})))
	site := sessions.Handler(mux)

	desk := cookieOf(visit(site, "POST", "/login", ""))
	phone := cookieOf(visit(site, "POST", "/login", ""))
	visit(site, "GET", "/devices", desk)
	visit(site, "POST", "/devices/others/end", desk)
	fmt.Println("phone:", visit(site, "GET", "/devices", phone).StatusCode)
	visit(site, "GET", "/devices", desk)
	// Output:
	// this one: true
	// this one: false
	// phone: 401
	// this one: true
}

// Before something that cannot be undone, the user proves once more to be the
// user.
func ExampleManager_Elevate() {
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignIn(w, r, &auth.Principal{Subject: "42"}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.HandleFunc("POST /confirm", func(w http.ResponseWriter, r *http.Request) {
		// The password was right.
		if err := sessions.Elevate(r.Context(), auth.Factor{Kind: auth.FactorPassword}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	fresh := auth.Chain(auth.Require(sessions), auth.RequireFresh(5*time.Minute, auth.FactorPassword))
	mux.Handle("POST /account/delete", fresh(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		fmt.Println("deleted")
	})))
	site := sessions.Handler(mux)

	cookie := cookieOf(visit(site, "POST", "/login", ""))
	fmt.Println(visit(site, "POST", "/account/delete", cookie).StatusCode)
	renewed := cookieOf(visit(site, "POST", "/confirm", cookie))
	fmt.Println("a copy of the cookie from before:", visit(site, "POST", "/account/delete", cookie).StatusCode)
	visit(site, "POST", "/account/delete", renewed)
	// Output:
	// 401
	// a copy of the cookie from before: 401
	// deleted
}

// A user who ticks "keep me signed in" gets a cookie that outlives the browser.
func ExampleRemember() {
	sessions, err := session.New(nil, session.Config{RememberLifetime: 30 * 24 * time.Hour, RememberIdleTimeout: 7 * 24 * time.Hour})
	if err != nil {
		panic(err)
	}
	site := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("remember") == "on" {
			r = r.WithContext(session.Remember(r.Context()))
		}
		if err := sessions.SignIn(w, r, &auth.Principal{Subject: "42"}); err != nil {
			problem.WriteError(w, r, err)
		}
	}))
	for _, path := range []string{"/login", "/login?remember=on"} {
		cookie := visit(site, "POST", path, "").Cookies()[0]
		left := time.Duration(cookie.MaxAge) * time.Second
		fmt.Printf("%s: the cookie lasts for %.0f days\n", path, left.Hours()/24)
	}
	// Output:
	// /login: the cookie lasts for 0 days
	// /login?remember=on: the cookie lasts for 30 days
}

// Whether a user may still come in is asked on every request, of whatever
// credential, in one place. To end the sessions for good, revoke them.
func ExampleManager_RevokeSubject() {
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		panic(err)
	}
	disabled := make(map[string]bool) // a column of the users, for example
	gate := &auth.Gate{
		Authenticators: []auth.Authenticator{sessions},
		Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
			if disabled[p.Subject] {
				return nil, auth.ErrInvalidCredentials
			}
			return p, nil
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignIn(w, r, &auth.Principal{Subject: "42"}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.Handle("GET /", gate.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	site := sessions.Handler(mux)

	cookie := cookieOf(visit(site, "POST", "/login", ""))
	disabled["42"] = true
	fmt.Println("disabled:", visit(site, "GET", "/", cookie).StatusCode)
	disabled["42"] = false
	fmt.Println("enabled again:", visit(site, "GET", "/", cookie).StatusCode)
	if err := sessions.RevokeSubject(context.Background(), "42", ""); err != nil {
		fmt.Println("some sessions may still be good:", err)
	}
	fmt.Println("revoked:", visit(site, "GET", "/", cookie).StatusCode)
	// Output:
	// disabled: 401
	// enabled again: 200
	// revoked: 401
}
