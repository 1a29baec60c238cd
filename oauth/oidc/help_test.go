package oidc_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/oauth/oidc"
	"github.com/go-sallyport/auth/session"
)

const (
	origin      = "https://app.example.com"
	callbackURL = origin + "/auth/oidc/callback"
	clientID    = oauthtest.ClientID
)

var sealKey = bytes.Repeat([]byte{7}, 32)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// events are those that were emitted.
type events struct {
	mu   sync.Mutex
	list []auth.Event
}

func (e *events) on(_ context.Context, ev auth.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) of(kind auth.EventKind) (list []auth.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		if ev.Kind == kind {
			list = append(list, ev)
		}
	}
	return list
}

// A rig is a service whose users sign in with a scripted provider.
type rig struct {
	t        *testing.T
	idp      *hostileidp.Server
	clock    *authtest.Clock
	store    oauth.LinkStore
	sessions *session.Manager
	provider *oidc.Provider
	mux      *http.ServeMux
	events   *events
	last     *oauth.Identity // of the last sign-in
	b        *authtest.Browser
}

// newRig is a service with a provider that make makes, or oidc.New.
func newRig(t *testing.T, change func(*oidc.Config), build func(oidc.Config) (*oidc.Provider, error)) *rig {
	t.Helper()
	r := &rig{t: t, clock: authtest.NewClock(time.Now()), store: oauth.NewMemoryLinkStore(0), events: new(events)}
	r.idp = hostileidp.NewWith(t, oauthtest.Config{Now: r.clock.Now})
	var err error
	r.sessions, err = session.New(nil, session.Config{Now: r.clock.Now})
	must(t, err)
	cfg := oidc.Config{
		Issuer: r.idp.URL, ClientID: clientID, Auth: oauth.ClientSecretBasic(oauthtest.ClientSecret),
		HTTP: oauth.HTTPConfig{Timeout: 10 * time.Second}, Now: r.clock.Now, OnEvent: r.events.on,
	}
	if change != nil {
		change(&cfg)
	}
	if build == nil {
		build = oidc.New
	}
	r.provider, err = build(cfg)
	must(t, err)
	links, err := oauth.NewLinks(r.store, oauth.LinksConfig{
		Principal: func(_ context.Context, user string, id *oauth.Identity) (*auth.Principal, error) {
			r.last = id
			return &auth.Principal{Subject: user}, nil
		},
		Register: func(_ context.Context, id *oauth.Identity) (oauth.Registered, error) {
			return oauth.Registered{User: "u " + id.Issuer + " " + id.Subject}, nil
		},
		Now: r.clock.Now,
	})
	must(t, err)
	flow, err := oauth.New(r.provider, oauth.Config{
		RedirectURL: callbackURL, Key: sealKey, SignedIn: r.sessions, SwitchUser: true, Now: r.clock.Now, OnEvent: r.events.on,
	})
	must(t, err)
	r.mux = http.NewServeMux()
	r.mux.Handle("/auth/oidc", flow.Start())
	r.mux.Handle("/auth/oidc/callback", flow.Callback(links, r.sessions))
	r.mux.Handle("GET /me", auth.Require(r.sessions)(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p, _ := auth.FromContext(req.Context())
		_, _ = w.Write([]byte(p.Subject))
	})))
	server := httptest.NewTLSServer(r.sessions.Handler(r.mux))
	t.Cleanup(server.Close)
	r.b = authtest.NewBrowserAt(t, origin, server.Client().Transport)
	return r
}

// signIn goes all the way with a browser and returns the answer of the callback, or
// that of Start if it refuses.
func (r *rig) signIn(b *authtest.Browser) *authtest.Response {
	r.t.Helper()
	resp := b.Get("/auth/oidc")
	if resp.StatusCode != http.StatusSeeOther {
		return resp
	}
	return r.goOn(b, resp)
}

// goOn follows the browser to the provider and back.
func (r *rig) goOn(b *authtest.Browser, resp *authtest.Response) *authtest.Response {
	r.t.Helper()
	at := b.Get(resp.Header.Get("Location"))
	if at.StatusCode != http.StatusSeeOther {
		r.t.Fatalf("the provider: %d %s", at.StatusCode, at.Body)
	}
	return b.Get(at.Header.Get("Location"))
}

func (r *rig) me(b *authtest.Browser) string {
	r.t.Helper()
	if resp := b.Get("/me"); resp.StatusCode == http.StatusOK {
		return resp.Body
	}
	return ""
}

// good signs in and fails the test if that does not work.
func (r *rig) good() {
	r.t.Helper()
	if resp := r.signIn(r.b); resp.StatusCode != http.StatusSeeOther || r.me(r.b) == "" {
		r.t.Fatalf("the sign-in: %d %s", resp.StatusCode, resp.Body)
	}
}

// refused signs in with a new browser and wants a refusal with a code, and nobody signed
// in.
func (r *rig) refused(code string) {
	r.t.Helper()
	b := r.b.Another(r.t)
	resp := r.signIn(b)
	if resp.StatusCode < 400 || string(resp.Problem().Code) != code {
		r.t.Fatalf("%d %s, want %s", resp.StatusCode, resp.Body, code)
	}
	if resp.Cookie("__Host-session") != nil || r.me(b) != "" {
		r.t.Fatal("a refusal signs somebody in")
	}
}

// A stub is a provider that has documents only: metadata and keys. Its tokens are made
// by tests.
type stub struct {
	*httptest.Server
	mu    sync.Mutex
	docs  map[string]any // by path: what is marshalled, or an http.HandlerFunc
	count map[string]int
}

const discoveryPath = "/.well-known/openid-configuration"

// newStub starts a provider whose issuer is its URL and a path.
func newStub(t testing.TB, path string) *stub {
	t.Helper()
	s := &stub{docs: make(map[string]any), count: make(map[string]int)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	s.set(strings.TrimSuffix(path, "/")+discoveryPath, s.metadata(s.URL+path))
	return s
}

func (s *stub) metadata(issuer string) map[string]any {
	return map[string]any{
		"issuer": issuer, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/keys",
		"response_types_supported": []string{"code", "id_token"}, "id_token_signing_alg_values_supported": allAlgorithms,
	}
}

var allAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "none"}

func (s *stub) set(path string, doc any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[path] = doc
}

func (s *stub) keys(keys ...map[string]any) { s.set("/keys", map[string]any{"keys": keys}) }

func (s *stub) asked(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[path]
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.count[r.URL.Path]++
	doc := s.docs[r.URL.Path]
	s.mu.Unlock()
	switch doc := doc.(type) {
	case nil:
		http.NotFound(w, r)
	case func(http.ResponseWriter, *http.Request):
		doc(w, r)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(doc)
	}
}

// A signer makes tokens with one key.
type signer struct {
	method jwt.SigningMethod
	key    any
	kid    string
}

func (s signer) public() map[string]any {
	m := map[string]any{"alg": s.method.Alg(), "use": "sig"}
	if s.kid != "" {
		m["kid"] = s.kid
	}
	encode := base64.RawURLEncoding.EncodeToString
	switch k := s.key.(type) {
	case *rsa.PrivateKey:
		m["kty"], m["n"], m["e"] = "RSA", encode(k.N.Bytes()), encode(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PrivateKey:
		point, _ := k.PublicKey.Bytes()
		half := (len(point) - 1) / 2
		m["kty"], m["crv"], m["x"], m["y"] = "EC", k.Params().Name, encode(point[1:1+half]), encode(point[1+half:])
	case ed25519.PrivateKey:
		m["kty"], m["crv"], m["x"] = "OKP", "Ed25519", encode(k.Public().(ed25519.PublicKey))
	}
	return m
}

func (s signer) sign(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(s.method, jwt.MapClaims(claims))
	if s.kid != "" {
		token.Header["kid"] = s.kid
	}
	for name, v := range header {
		token.Header[name] = v
	}
	text, err := token.SignedString(s.key)
	must(t, err)
	return text
}

func ecSigner(t testing.TB, kid string, curve elliptic.Curve, method jwt.SigningMethod) signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(t, err)
	return signer{method, k, kid}
}

func es256(t testing.TB, kid string) signer {
	return ecSigner(t, kid, elliptic.P256(), jwt.SigningMethodES256)
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// idToken are the claims of a good ID token of an issuer.
func idToken(issuer string, now time.Time) map[string]any {
	return map[string]any{
		"iss": issuer, "sub": "alice-7", "aud": clientID, "nonce": "n-1", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
}

// grantOf is a grant with an ID token, for an attempt that began a minute ago.
func grantOf(raw string, now time.Time) *oauth.Grant {
	return &oauth.Grant{
		Token: &oauth2.Token{AccessToken: "access", TokenType: "Bearer"}, IDToken: raw, Nonce: "n-1",
		Scopes: []string{"openid"}, StartedAt: now.Add(-time.Minute), Now: now,
	}
}

// at returns a provider with the issuer of a stub and a path.
func at(t testing.TB, s *stub, path string, clock *authtest.Clock, change func(*oidc.Config)) *oidc.Provider {
	t.Helper()
	cfg := oidc.Config{Issuer: s.URL + path, ClientID: clientID, Now: clock.Now}
	if change != nil {
		change(&cfg)
	}
	p, err := oidc.New(cfg)
	must(t, err)
	return p
}

func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
