package session_test

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// A CSRF around the whole site protects the login form, too. Tokens are for
// services that must have them.
func ExampleCSRF() {
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		panic(err)
	}
	csrf, err := session.NewCSRF(sessions, session.CSRFConfig{SkipRoutes: []string{"POST /hooks/payment"}})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignIn(w, r, &auth.Principal{Subject: "42"}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.HandleFunc("POST /hooks/payment", func(http.ResponseWriter, *http.Request) {})
	site := auth.Chain(sessions.Handler, csrf.Handler)(mux)

	for _, path := range []string{"/login", "/hooks/payment"} {
		for _, from := range []string{"same-origin", "cross-site"} {
			r := httptest.NewRequest("POST", "https://shop.example"+path, nil)
			r.Header.Set("Sec-Fetch-Site", from)
			w := httptest.NewRecorder()
			site.ServeHTTP(w, r)
			fmt.Println(path, from, w.Code)
		}
	}
	// Output:
	// /login same-origin 204
	// /login cross-site 403
	// /hooks/payment same-origin 200
	// /hooks/payment cross-site 200
}

// A form with a token: ask for the field before the template is executed, for it
// may set a cookie.
func ExampleCSRF_RequireToken() {
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		panic(err)
	}
	csrf, err := session.NewCSRF(sessions, session.CSRFConfig{})
	if err != nil {
		panic(err)
	}
	page := template.Must(template.New("").Parse(`<form method="post">{{.CSRF}}<input name="email"></form>`))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /register", func(w http.ResponseWriter, r *http.Request) {
		field, err := csrf.Field(r)
		if err != nil {
			problem.WriteError(w, r, err)
			return
		}
		_ = page.Execute(w, map[string]any{"CSRF": field})
	})
	mux.Handle("POST /register", csrf.RequireToken(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("registered", r.PostFormValue("email"))
	})))
	site := sessions.Handler(mux)

	shown := httptest.NewRecorder()
	site.ServeHTTP(shown, httptest.NewRequest("GET", "https://shop.example/register", nil))
	_, token, _ := strings.Cut(shown.Body.String(), `name="csrf_token" value="`)
	token, _, _ = strings.Cut(token, `"`)

	for _, form := range []url.Values{
		{"email": {"alice@example.com"}, "csrf_token": {token}},
		{"email": {"alice@example.com"}},
	} {
		r := httptest.NewRequest("POST", "https://shop.example/register", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", cookieOf(shown.Result()))
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// registered alice@example.com
	// 200
	// 403
}

// What scripts send goes in a header; the page has the token in a meta element or
// fetches it.
func ExampleCSRF_Token() {
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		panic(err)
	}
	csrf, err := session.NewCSRF(sessions, session.CSRFConfig{})
	if err != nil {
		panic(err)
	}
	var token string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		var err error
		if token, err = csrf.Token(r); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.Handle("POST /orders", csrf.RequireToken(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		fmt.Println("ordered")
	})))
	site := sessions.Handler(mux)

	cookie := cookieOf(visit(site, "GET", "/token", ""))
	r := httptest.NewRequest("POST", "https://shop.example/orders", nil)
	r.Header.Set("Cookie", cookie)
	r.Header.Set(session.CSRFHeader, token)
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// ordered
	// 200
}
