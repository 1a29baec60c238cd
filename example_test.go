package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-sallyport/auth"
)

// robots admits one robot by a header: the smallest Authenticator.
var robots = auth.AuthenticatorFunc(func(r *http.Request) (*auth.Principal, error) {
	switch r.Header.Get("X-Robot") {
	case "":
		return nil, auth.ErrNoCredentials
	case "r2d2":
		return &auth.Principal{Subject: "robot-2", Method: "robot", Roles: []string{"droid"}}, nil
	}
	return nil, auth.ErrInvalidCredentials
})

func Example() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		fmt.Fprintln(w, "hello", p.Subject)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /hello", auth.Require(robots)(hello))

	for _, name := range []string{"", "r2d2", "hal"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/hello", nil)
		r.Header.Set("X-Robot", name)
		mux.ServeHTTP(w, r)
		fmt.Printf("%q %d\n", name, w.Code)
	}
	// Output:
	// "" 401
	// "r2d2" 200
	// "hal" 401
}

func ExampleGate_current() {
	disabled := map[string]bool{}
	gate := &auth.Gate{
		Authenticators: []auth.Authenticator{robots},
		Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
			if disabled[p.Subject] {
				return nil, fmt.Errorf("%w: %s is disabled", auth.ErrInvalidCredentials, p.Subject)
			}
			return p, nil
		},
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Robot", "r2d2")

	_, err := gate.Authenticate(r)
	fmt.Println(err)
	disabled["robot-2"] = true // counts at the next request, whatever the credential
	_, err = gate.Authenticate(r)
	fmt.Println(err)
	// Output:
	// <nil>
	// auth: invalid credentials: robot-2 is disabled
}

func ExampleRequireFresh() {
	change := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "changed") })
	h := auth.RequireFresh(10 * time.Minute)(change)

	for _, age := range []time.Duration{time.Minute, time.Hour} {
		p := &auth.Principal{Subject: "alice", AuthenticatedAt: time.Now().Add(-age)}
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/password", nil)
		h.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), p)))
		fmt.Println(age, w.Code)
	}
	// Output:
	// 1m0s 200
	// 1h0m0s 401
}

func ExampleLocalPath() {
	for _, s := range []string{"/orders?page=2", "//evil.example", `/\evil.example`, "https://evil.example"} {
		path, ok := auth.LocalPath(s)
		fmt.Printf("%q %v\n", path, ok)
	}
	// Output:
	// "/orders?page=2" true
	// "" false
	// "" false
	// "" false
}
