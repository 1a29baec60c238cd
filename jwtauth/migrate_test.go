package jwtauth_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/problem"
)

// Example_migrateChi is the first program of docs/migrate-jwt.md.
func Example_migrateChi() {
	refreshKey := make([]byte, jwtauth.RefreshKeySize)
	_, _ = rand.Read(refreshKey)
	current := func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil }

	// docs/migrate-jwt.md:
	secret := make([]byte, 32) // at least 32 random bytes, from where you keep secrets
	_, _ = rand.Read(secret)
	key, err := jwtauth.HMACKey("2026-11", jwtauth.HS256, secret)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwtauth.NewKeySet(key)
	if err != nil {
		log.Fatal(err)
	}
	bearer, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Issuer: "https://app.example.com", Audience: "https://api.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := jwtauth.NewIssuer(keys, nil, jwtauth.IssuerConfig{ // nil: in memory; redisstore or sqlstore for more than one process
		Issuer: "https://app.example.com", Audience: []string{"https://api.example.com"},
		RefreshKeys: [][]byte{refreshKey}, // 32 random bytes, other ones than the secret
		Current:     current,              // how the user stands now, asked at each refresh
	})
	if err != nil {
		log.Fatal(err)
	}

	r := http.NewServeMux() // or chi.NewRouter
	r.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		user, role := "42", "admin" // your check of the password stays
		if err := tokens.SignIn(w, r, &auth.Principal{Subject: user, Roles: []string{role}}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	r.Handle("POST /refresh", tokens.RefreshHandler())
	r.Handle("POST /logout", tokens.RevokeHandler())
	member := auth.Require(bearer) // r.Use(auth.Require(bearer)) on chi
	r.Handle("GET /", member(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = fmt.Fprintln(w, p.Subject, p.Roles)
	})))
	// end

	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("POST", "https://app.example.com/login", nil))
	var answer struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	req := httptest.NewRequest("GET", "https://app.example.com/", nil)
	req.Header.Set("Authorization", "Bearer "+answer.Token)
	w = httptest.NewRecorder()
	r.ServeHTTP(w, req)
	fmt.Println(w.Code, w.Body)
	// Output: 200 42 [admin]
}

// Example_migrateClaims is the second one.
func Example_migrateClaims() {
	ctx := context.Background()
	key, err := jwtauth.GenerateKey("k", jwtauth.ES256)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwtauth.NewKeySet(key)
	if err != nil {
		log.Fatal(err)
	}
	refreshKey := make([]byte, jwtauth.RefreshKeySize)
	_, _ = rand.Read(refreshKey)
	tokens, err := jwtauth.NewIssuer(keys, nil, jwtauth.IssuerConfig{
		Issuer: "https://app.example.com", Audience: []string{"https://api.example.com"},
		RefreshKeys: [][]byte{refreshKey},
		SkipCurrent: true,
		Claims: func(context.Context, *auth.Principal) (map[string]any, error) {
			return map[string]any{"plan": "gold"}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	bearer, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Issuer: "https://app.example.com", Audience: "https://api.example.com"})
	if err != nil {
		log.Fatal(err)
	}
	issued, err := tokens.Issue(ctx, &auth.Principal{Subject: "42"}, jwtauth.Device{})
	if err != nil {
		log.Fatal(err)
	}
	token := issued.Access

	// docs/migrate-jwt.md:
	type plan struct {
		Name string `json:"plan"`
	}
	claims, err := bearer.Verify(ctx, token)
	if err != nil {
		log.Fatal(err)
	}
	p, err := jwtauth.ClaimsAs[plan](claims)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Name)
	// end

	// Output: gold
}

// Example_migrateAuth0 is the third one: nothing is fetched before the first
// token comes.
func Example_migrateAuth0() {
	handler := http.NotFoundHandler()

	// docs/migrate-jwt.md:
	keys, err := jwtauth.DiscoverKeySet("https://tenant.eu.auth0.com/", jwtauth.RemoteConfig{Algorithms: []jwtauth.Algorithm{jwtauth.RS256}})
	if err != nil {
		log.Fatal(err)
	}
	bearer, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{
		Issuer:      "https://tenant.eu.auth0.com/",
		Audience:    "https://api.example.com",
		Type:        "JWT",          // what this issuer writes; see below
		MaxLifetime: 24 * time.Hour, // as long as its tokens live
		SkipID:      true,           // it writes no jti
	})
	if err != nil {
		log.Fatal(err)
	}
	site := auth.Require(bearer)(handler)
	// end

	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code)
	// Output: 401
}

// The page shows what is run, word by word, and names nothing that is not there.
func TestMigratePage(t *testing.T) {
	page, err := os.ReadFile("../docs/migrate-jwt.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("migrate_test.go")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n```go\n(.*?\n)```\n").FindAllStringSubmatch(string(page), -1)
	run := regexp.MustCompile(`(?s)\n\t// docs/migrate-jwt.md:\n(.*?\n)\t// end\n`).FindAllStringSubmatch(string(source), -1)
	if len(shown) != len(run) || len(run) == 0 {
		t.Fatalf("the page has %d programs, %d are run", len(shown), len(run))
	}
	for i := range run {
		want := strings.ReplaceAll("\n"+run[i][1], "\n\t", "\n")[1:]
		if shown[i][1] != want {
			t.Errorf("program %d of the page is not what is run; it should be\n%s", i+1, want)
		}
	}
	for prefix, config := range map[string]any{
		"VerifierConfig": jwtauth.VerifierConfig{}, "IssuerConfig": jwtauth.IssuerConfig{}, "RemoteConfig": jwtauth.RemoteConfig{},
	} {
		for _, name := range regexp.MustCompile(prefix+`\.(\w+)`).FindAllStringSubmatch(string(page), -1) {
			if _, ok := reflect.TypeOf(config).FieldByName(name[1]); !ok {
				t.Errorf("the page names %s, which does not exist", name[0])
			}
		}
	}
}
