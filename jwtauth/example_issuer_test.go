package jwtauth_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/problem"
)

// A browser signs in, refreshes, and signs out. The refresh token stays in a
// cookie that no script can read.
func ExampleIssuer() {
	secret, refreshKey := make([]byte, 32), make([]byte, jwtauth.RefreshKeySize)
	_, _ = rand.Read(secret) // in a service both come from its configuration
	_, _ = rand.Read(refreshKey)
	key, err := jwtauth.HMACKey("2026-01", jwtauth.HS256, secret)
	if err != nil {
		panic(err)
	}
	keys, err := jwtauth.NewKeySet(key)
	if err != nil {
		panic(err)
	}
	issuer, err := jwtauth.NewIssuer(keys, nil, jwtauth.IssuerConfig{
		Issuer:      "https://auth.example.com",
		Audience:    []string{"https://api.example.com"},
		RefreshKeys: [][]byte{refreshKey},
		Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
			return p, nil // look the user up: is he still there, which roles has he?
		},
	})
	if err != nil {
		panic(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		// A password was checked here.
		if err := issuer.SignIn(w, r, &auth.Principal{Subject: "u-alice"}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.Handle("/token/refresh", issuer.RefreshHandler())
	mux.Handle("/token/revoke", issuer.RevokeHandler())

	cookie := ""
	for _, path := range []string{"/token", "/token/refresh", "/token/revoke", "/token/refresh"} {
		r := httptest.NewRequest("POST", "https://shop.example"+path, nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		var body struct {
			Type      string `json:"token_type"`
			ExpiresIn int    `json:"expires_in"`
			Code      string
		}
		_ = json.Unmarshal(w.Body.Bytes(), &body)
		if w.Code == http.StatusOK {
			cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
		}
		name, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), "=")
		fmt.Println(strings.TrimSpace(fmt.Sprintln(path, w.Code, body.Type, body.ExpiresIn, name, body.Code)))
	}
	// Output:
	// /token 200 Bearer 900 __Host-refresh
	// /token/refresh 200 Bearer 900 __Host-refresh
	// /token/revoke 204  0 __Host-refresh
	// /token/refresh 401  0  INVALID_CREDENTIALS
}

// Two tabs that refresh at once get the same successor. Whoever comes with a token
// that is older ends the family.
func ExampleIssuer_Refresh() {
	keys, err := jwtauth.NewKeySet(exampleKey())
	if err != nil {
		panic(err)
	}
	issuer, err := jwtauth.NewIssuer(keys, nil, jwtauth.IssuerConfig{
		Issuer: "https://auth.example.com", Audience: []string{"https://api.example.com"},
		RefreshKeys: [][]byte{[]byte("example: use 32 random bytes !!!")}, SkipCurrent: true,
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	first, err := issuer.Issue(ctx, &auth.Principal{Subject: "u-alice"}, jwtauth.Device{UserAgent: "phone"})
	if err != nil {
		panic(err)
	}
	one, _ := issuer.Refresh(ctx, first.Refresh)
	two, _ := issuer.Refresh(ctx, first.Refresh)
	fmt.Println("the same:", one.Refresh == two.Refresh)

	three, _ := issuer.Refresh(ctx, one.Refresh)
	_, err = issuer.Refresh(ctx, first.Refresh)
	fmt.Println("reused:", errors.Is(err, jwtauth.ErrReused))
	_, err = issuer.Refresh(ctx, three.Refresh)
	fmt.Println("over:", errors.Is(err, jwtauth.ErrNoFamily))
	// Output:
	// the same: true
	// reused: true
	// over: true
}

func exampleKey() *jwtauth.Key {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	key, err := jwtauth.HMACKey("k1", jwtauth.HS256, secret)
	if err != nil {
		panic(err)
	}
	return key
}
