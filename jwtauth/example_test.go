package jwtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
)

// A service verifies the tokens that it issues. The key would come from a file or a
// vault.
func ExampleVerifier() {
	key, err := jwtauth.GenerateKey("2026-01", jwtauth.ES256)
	if err != nil {
		panic(err)
	}
	keys, err := jwtauth.NewKeySet(key)
	if err != nil {
		panic(err)
	}
	tokens, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{
		Issuer:   "https://id.example.com",
		Audience: "https://api.example.com",
	})
	if err != nil {
		panic(err)
	}
	orders := auth.Require(tokens)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = fmt.Fprintln(w, "orders of", p.Subject)
	}))

	w := httptest.NewRecorder()
	orders.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/orders", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))

	r := httptest.NewRequest(http.MethodGet, "/orders", nil)
	r.Header.Set("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.")
	w = httptest.NewRecorder()
	orders.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output:
	// 401 Bearer
	// 401 Bearer error="invalid_token", error_description="The access token is not valid"
}

// A fleet changes its key in three steps, each of which has reached everybody before
// the next one begins.
func ExampleKeySet_Rotate() {
	old, _ := jwtauth.GenerateKey("2026-01", jwtauth.EdDSA)
	next, _ := jwtauth.GenerateKey("2026-02", jwtauth.EdDSA)
	keys, _ := jwtauth.NewKeySet(old)

	// Publish: everybody verifies with the next key, nobody signs with it.
	_ = keys.Add(next)
	fmt.Println(keys.Signing(), len(keys.Keys()))

	// Sign with it. The old key verifies the tokens that are out until they expire.
	_ = keys.Rotate(next, time.Now(), jwtauth.DefaultAccessLifetime+time.Minute)
	fmt.Println(keys.Signing(), len(keys.Keys()))

	// Retire. Had the old key been stolen, this would come at once.
	_ = keys.Retire("2026-01")
	fmt.Println(keys.Signing(), len(keys.Keys()))
	// Output:
	// jwtauth.Key(EdDSA 2026-01) 2
	// jwtauth.Key(EdDSA 2026-02) 2
	// jwtauth.Key(EdDSA 2026-02) 1
}

// Tokens of another issuer are verified with the keys that it publishes. It is asked
// when the first token comes.
func ExampleDiscoverKeySet() {
	keys, err := jwtauth.DiscoverKeySet("https://id.example.com", jwtauth.RemoteConfig{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = keys.Close() }()
	_, err = jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{
		Issuer:      "https://id.example.com",
		Audience:    "https://api.example.com",
		Type:        "JWT",     // an issuer that does not know RFC 9068
		MaxLifetime: time.Hour, // and has tokens that live for so long
	})
	fmt.Println(err)

	_, err = jwtauth.NewRemoteKeySet("http://id.example.com/jwks.json", jwtauth.RemoteConfig{})
	fmt.Println(err)
	// Output:
	// <nil>
	// jwtauth: "http://id.example.com/jwks.json": whoever is on the way could put his own keys into an answer that is not HTTPS
}

// Claims of the application are read into a type of its own.
func ExampleClaimsAs() {
	type Plan struct {
		Name  string `json:"plan"`
		Seats int    `json:"seats"`
	}
	// A handler has the token; the verifier was made as in the example of Verifier.
	show := func(ctx context.Context, tokens *jwtauth.Verifier, token string) error {
		claims, err := tokens.Verify(ctx, token)
		if err != nil {
			return err
		}
		plan, err := jwtauth.ClaimsAs[Plan](claims)
		if err != nil {
			return err
		}
		fmt.Println(claims.Subject, plan.Name, plan.Seats)
		return nil
	}

	key, _ := jwtauth.GenerateKey("k1", jwtauth.HS256)
	keys, _ := jwtauth.NewKeySet(key)
	tokens, _ := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Issuer: "https://id.example.com", Audience: "api"})
	err := show(context.Background(), tokens, "not a token")
	fmt.Println(errors.Is(err, jwtauth.ErrInvalid))
	// Output: true
}

// Epochs are moved on when a user logs out everywhere; tokens from before are refused.
func ExampleMemoryEpochs() {
	epochs, err := jwtauth.NewMemoryEpochs(jwtauth.MemoryEpochsConfig{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	at := time.Now().Add(time.Second)
	fmt.Println(epochs.Advance(ctx, "alice", at))

	epoch, _ := epochs.Epoch(ctx, "alice")
	fmt.Println(epoch.Equal(at))
	epoch, _ = epochs.Epoch(ctx, "bob")
	fmt.Println(epoch.Before(at))
	// Output:
	// <nil>
	// true
	// true
}

// The public keys, for the services that verify the tokens of this one.
func ExampleKeySet_JWKSHandler() {
	key, err := jwtauth.ParseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","kid":"k1",
		"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`))
	if err != nil {
		panic(err)
	}
	keys, err := jwtauth.NewKeySet(key)
	if err != nil {
		panic(err)
	}
	handler, err := keys.JWKSHandler(jwtauth.JWKSConfig{})
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/jwks.json", nil))
	fmt.Println(w.Header().Get("Cache-Control"))
	fmt.Println(w.Body)
	// Output:
	// public, max-age=300, must-revalidate
	// {"keys":[{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k1","alg":"EdDSA","use":"sig"}]}
}
