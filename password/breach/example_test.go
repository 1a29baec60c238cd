package breach_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/breach"
)

// A Policy asks last, of passwords that are fine otherwise. In production leave
// BaseURL empty; here a stand-in knows one password.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("asked for", r.URL.Path)
		_, _ = io.WriteString(w, "0018A45C4D1DEF81644B54AB7F969B88D65:21\r\nA0AF855E7F2D828A10000246008F9B5629F:3\r\n")
	}))
	defer server.Close()

	breached, err := breach.New(breach.Config{BaseURL: server.URL + "/range"})
	if err != nil {
		panic(err)
	}
	policy, err := password.NewPolicy(password.PolicyConfig{Breached: breached.Check})
	if err != nil {
		panic(err)
	}
	for _, pw := range []string{"short", "alice likes blue cheese"} {
		err := policy.Check(context.Background(), pw)
		var rejected *password.PolicyError
		if errors.As(err, &rejected) {
			fmt.Println(rejected.Reasons)
			continue
		}
		fmt.Println("fine", err)
	}
	// Output:
	// [TOO_SHORT]
	// asked for /range/3F0D1
	// [BREACHED]
}
