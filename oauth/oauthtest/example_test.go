package oauthtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/go-sallyport/auth/oauth/oauthtest"
)

func Example() {
	idp, err := oauthtest.NewServer(oauthtest.Config{Users: []oauthtest.User{{Subject: "7", Email: "alice@example.com"}}, SkipConsent: true})
	if err != nil {
		panic(err)
	}
	defer idp.Close()
	res, err := http.Get(idp.URL + "/.well-known/openid-configuration")
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	var metadata map[string]any
	if err := json.NewDecoder(res.Body).Decode(&metadata); err != nil {
		panic(err)
	}
	fmt.Println(metadata["issuer"] == idp.URL, metadata["code_challenge_methods_supported"])
	// Output: true [S256]
}
