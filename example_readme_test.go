package auth_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
	"github.com/go-sallyport/auth/session"
)

// Example_readme is the program of the README, driven as a browser would.
func Example_readme() {
	hasher, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		log.Fatal(err)
	}
	hash, err := hasher.Hash(context.Background(), "correct horse battery")
	if err != nil {
		log.Fatal(err)
	}
	lookup := func(_ context.Context, login string) (string, *auth.Principal, error) {
		if login != "alice@example.com" {
			return "", nil, password.ErrNoAccount
		}
		return hash, &auth.Principal{Subject: "17", Roles: []string{"customer"}}, nil
	}
	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = fmt.Fprintln(w, "orders of", p.Subject)
	})

	// From here on the README.
	sessions, err := session.New(nil, session.Config{}) // nil: in memory; redisstore.New(client, …) for more than one process
	if err != nil {
		log.Fatal(err)
	}
	logins, err := password.NewChecker(lookup, password.CheckerConfig{}) // lookup: your table of users
	if err != nil {
		log.Fatal(err)
	}
	policy := rbac.MustPolicy(map[string]rbac.Role{"customer": {Permissions: []rbac.Permission{"orders:read"}}})

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		p, err := logins.Check(r.Context(), r.PostFormValue("email"), r.PostFormValue("password"))
		if err == nil {
			err = sessions.SignIn(w, r, p) // a new id, a __Host- cookie, and the response
		}
		if err != nil {
			problem.WriteError(w, r, err) // 401, the same for every reason
		}
	})
	mux.Handle("POST /logout", sessions.SignOutHandler())
	mux.Handle("GET /orders", auth.Chain(auth.Require(sessions), policy.Require("orders:read"))(orders))
	srv := httptest.NewTLSServer(sessions.Handler(mux))
	// To here.

	defer srv.Close()
	browser := srv.Client()
	browser.Jar, _ = cookiejar.New(nil)
	status := func(res *http.Response, err error) int {
		if err != nil {
			log.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	login := func(pw string) int {
		return status(browser.PostForm(srv.URL+"/login", url.Values{"email": {"alice@example.com"}, "password": {pw}}))
	}
	fmt.Println("orders", status(browser.Get(srv.URL+"/orders")))
	fmt.Println("wrong password", login("wrong"))
	fmt.Println("login", login("correct horse battery"))
	fmt.Println("orders", status(browser.Get(srv.URL+"/orders")))
	fmt.Println("logout", status(browser.Post(srv.URL+"/logout", "", nil)))
	fmt.Println("orders", status(browser.Get(srv.URL+"/orders")))
	// Output:
	// orders 401
	// wrong password 401
	// login 204
	// orders 200
	// logout 204
	// orders 401
}

// TestReadmeProgram holds the README to the lines that Example_readme runs.
func TestReadmeProgram(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "\n```go\n")
	block, _, ok := strings.Cut(block, "\n```\n")
	if !ok {
		t.Fatal("the README has no program")
	}
	_, compiled, _ := strings.Cut(string(source), "// From here on the README.\n")
	compiled, _, _ = strings.Cut(compiled, "\t// To here.\n")

	lines := strings.Split(block, "\n")
	last := lines[len(lines)-1]
	if want := `log.Fatal(http.ListenAndServeTLS(":443", "cert.pem", "key.pem", sessions.Handler(mux)))`; last != want {
		t.Errorf("the last line is %s", last)
	}
	want := strings.Split(strings.TrimSuffix(compiled, "\n"), "\n")
	want = want[:len(want)-1] // the test server
	for i, line := range want {
		if i >= len(lines)-1 || strings.TrimPrefix(line, "\t") != lines[i] {
			t.Fatalf("line %d of the README's program differs from what is compiled: %s", i+1, line)
		}
	}
	if len(want) != len(lines)-1 {
		t.Errorf("the README has %d lines more", len(lines)-1-len(want))
	}
}
