package apikey_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
)

// Alice's rights are those of her roles now; a key of hers has its scopes among them.
func Example() {
	rights := map[string][]string{"manager": {"orders:read", "orders:write"}}
	roles := map[string][]string{"alice": {"manager"}}

	keys, err := apikey.New(nil, apikey.Config{
		Prefix: "acme",
		Owner: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
			if roles[p.Subject] == nil {
				return nil, auth.ErrInvalidCredentials // disabled, or gone
			}
			now := p.Clone()
			now.Roles = roles[p.Subject]
			return now, nil
		},
		Permits: func(owner *auth.Principal, scope string) bool {
			return slices.ContainsFunc(owner.Roles, func(role string) bool { return slices.Contains(rights[role], scope) })
		},
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = keys.Close(context.Background()) }()

	text, key, err := keys.Issue(context.Background(), apikey.Request{Subject: "alice", Name: "backup", Scopes: []string{"orders:read"}})
	if err != nil {
		panic(err)
	}
	fmt.Println(text[:10], len(text), key.Scopes)

	orders := auth.Require(keys)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = fmt.Fprintln(w, p.Subject, p.Method, p.Scopes)
	}))
	ask := func() {
		r := httptest.NewRequest(http.MethodGet, "/orders", nil)
		r.Header.Set("X-API-Key", text)
		w := httptest.NewRecorder()
		orders.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("WWW-Authenticate"))
	}
	ask()
	delete(roles, "alice") // she is disabled
	ask()
	// Output:
	// acme_live_ 79 [orders:read]
	// 200 ""
	// 401 "ApiKey header=\"X-API-Key\", error=\"invalid_token\", error_description=\"The API key is no longer good\""
}

// Users manage their keys by handlers, behind their login.
func ExampleManager_CreateHandler() {
	keys, err := apikey.New(nil, apikey.Config{Owner: standing, Permits: permits})
	if err != nil {
		panic(err)
	}
	defer func() { _ = keys.Close(context.Background()) }()

	// In a service: auth.Require(sessions).
	signedIn := auth.Require(auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) {
		return &auth.Principal{Subject: "alice", Method: auth.MethodSession, AuthenticatedAt: time.Now()}, nil
	}))
	mux := http.NewServeMux()
	mux.Handle("POST /api-keys", signedIn(keys.CreateHandler()))
	mux.Handle("GET /api-keys", signedIn(keys.ListHandler()))
	mux.Handle("DELETE /api-keys/{id}", signedIn(keys.RevokeHandler()))
	mux.Handle("POST /api-keys/{id}/rotate", signedIn(keys.RotateHandler()))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, jsonRequest("POST", "/api-keys", `{"name": "backup", "scopes": ["orders:read"], "expires_in": 3600}`))
	fmt.Println(w.Code, w.Header().Get("Cache-Control"))
	// Output: 201 no-store
}

// The old key stays good for the overlap, so that a deployment can take the new one.
func ExampleManager_Rotate() {
	keys, err := apikey.New(nil, apikey.Config{Owner: standing, Permits: permits})
	if err != nil {
		panic(err)
	}
	defer func() { _ = keys.Close(context.Background()) }()
	ctx := context.Background()
	_, old, err := keys.Issue(ctx, apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}})
	if err != nil {
		panic(err)
	}

	_, next, err := keys.Rotate(ctx, old.ID, apikey.RotateOptions{Overlap: time.Hour})
	fmt.Println(err, next.Predecessor == old.ID, next.Scopes)

	old, err = keys.Find(ctx, old.ID)
	fmt.Println(err, old.ExpiresAt.Sub(next.CreatedAt), old.Successor == next.ID)

	_, _, err = keys.Rotate(ctx, old.ID, apikey.RotateOptions{})
	fmt.Println(errors.Is(err, apikey.ErrRotated))
	// Output:
	// <nil> true [orders:read]
	// <nil> 1h0m0s true
	// true
}

// A secret scanner looks for the pattern and drops what only looks like a key.
func ExampleManager_Pattern() {
	keys, err := apikey.New(nil, apikey.Config{Owner: standing, Permits: permits})
	if err != nil {
		panic(err)
	}
	defer func() { _ = keys.Close(context.Background()) }()
	fmt.Println(keys.Pattern())

	text, _, err := keys.Issue(context.Background(), apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}})
	if err != nil {
		panic(err)
	}
	found := regexp.MustCompile(keys.Pattern()).FindString("curl -H 'X-API-Key: " + text + "' https://example.com")
	_, id, err := apikey.Parse(found)
	fmt.Println(found == text, len(id), err)

	leaked, err := keys.RevokeLeaked(context.Background(), found)
	fmt.Println(leaked.Subject, !leaked.RevokedAt.IsZero(), err)
	// Output:
	// \b(?:sk_live)_[0-9A-Za-z]{19}_[0-9A-Za-z]{49}\b
	// true 19 <nil>
	// alice true <nil>
}

// Keys with a limit, for two networks, in two environments, with a cache.
func ExampleNew() {
	keys, err := apikey.New(nil, apikey.Config{
		Owner:        standing,
		Permits:      permits,
		Environments: []string{"live", "test"},
		CacheFor:     10 * time.Second, // how long another process may accept a revoked key
		OnEvent:      auth.LogEvents(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		panic(err)
	}
	defer func() { _ = keys.Close(context.Background()) }()

	text, _, err := keys.Issue(context.Background(), apikey.Request{
		Subject: "alice", Environment: "test", Scopes: []string{"orders:read"}, Labels: map[string]string{"team": "billing"},
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Limit:     apikey.Limit{Max: 1000, Window: time.Minute},
	})
	if err != nil {
		panic(err)
	}
	p, err := keys.Verify(context.Background(), text, netip.MustParseAddr("192.0.2.7"))
	fmt.Println(p.Attributes[apikey.AttributeEnvironment], p.Attributes[apikey.AttributeLabel+"team"], err)
	_, err = keys.Verify(context.Background(), text, netip.MustParseAddr("198.51.100.7"))
	fmt.Println(err)
	// Output:
	// test billing <nil>
	// apikey: the key may not be used from this address
}
