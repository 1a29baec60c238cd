package oauthtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// The client that a Server knows if it is told of no other.
const (
	ClientID     = "client"
	ClientSecret = "secret of the client"
)

// A User is a person at the provider.
type User struct {
	// Subject is the sub claim.
	Subject string
	// ID is the number that GitHub knows them by. Zero: 1 and up, in the order of
	// Config.Users.
	ID int64
	// Email, EmailVerified, Name, Username and PictureURL are what the provider tells.
	Email                      string
	EmailVerified              bool
	Name, Username, PictureURL string
	// AuthTime is when they proved who they are. Zero: just now.
	AuthTime time.Time
	// Claims are further claims of the ID token and the userinfo, and replace others.
	Claims map[string]any
}

// Config configures a Server. The zero value is good: one client, one user alice, and a
// page that asks.
type Config struct {
	// ClientID and ClientSecret are those of the one client. Empty: the constants.
	ClientID, ClientSecret string
	// ClientKey is the public key of a client that authenticates with
	// private_key_jwt. Nil: it may not.
	ClientKey crypto.PublicKey
	// RedirectURLs are those of the client. Empty: it may use any.
	RedirectURLs []string
	// LogoutURLs are those to which a logout may lead. Empty: any.
	LogoutURLs []string
	// Users are those who can sign in. Empty: alice.
	Users []User
	// SkipConsent signs the first user in without a page.
	SkipConsent bool
	// Key signs ID tokens: an *rsa.PrivateKey (RS256) or an *ecdsa.PrivateKey on P-256
	// (ES256). Nil: a new one on P-256.
	Key crypto.Signer
	// TokenLife is how long an access token is good. Zero: an hour.
	TokenLife time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// A Server is an authorization server. Its fields are constant; it is safe for
// concurrent use.
type Server struct {
	// URL is its origin and its issuer identifier.
	URL string

	cfg  Config
	mux  *http.ServeMux
	http *httptest.Server

	mu       sync.Mutex
	users    []User
	requests map[string]*request // by id, waiting for consent
	codes    map[string]*request // by code
	access   map[string]*grant   // by token
	refresh  map[string]*grant
}

// A request is an authorization request, as far as it matters later.
type request struct {
	redirectURI, state, nonce, challenge, scope string
	formPost, github                            bool
	user                                        User
	issued                                      time.Time
	used                                        bool
	tokens                                      []string // issued for the code
}

// A grant is what a token is good for.
type grant struct {
	user    User
	scope   string
	nonce   string
	expires time.Time
}

// codeLife is how long a code is good (RFC 6749 §4.1.2 advises at most ten minutes).
const codeLife = time.Minute

// New starts a Server that ends with the test.
func New(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// NewServer starts a Server on a free port of loopback. Close ends it.
func NewServer(cfg Config) (*Server, error) {
	if cfg.ClientID == "" {
		cfg.ClientID = ClientID
	}
	if cfg.ClientSecret == "" {
		cfg.ClientSecret = ClientSecret
	}
	if cfg.TokenLife == 0 {
		cfg.TokenLife = time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	switch cfg.Key.(type) {
	case nil:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		cfg.Key = key
	case *ecdsa.PrivateKey, *rsa.PrivateKey:
	default:
		return nil, errors.New("oauthtest: Key is neither an *rsa.PrivateKey nor an *ecdsa.PrivateKey")
	}
	s := &Server{
		cfg: cfg, requests: make(map[string]*request), codes: make(map[string]*request),
		access: make(map[string]*grant), refresh: make(map[string]*grant),
	}
	if len(cfg.Users) == 0 {
		cfg.Users = []User{{Subject: "alice-7", Email: "alice@example.com", EmailVerified: true, Name: "Alice", Username: "alice"}}
	}
	s.SetUsers(cfg.Users...)
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	s.mux.HandleFunc("GET /jwks", s.jwks)
	s.mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) { s.authorize(w, r, false) })
	s.mux.HandleFunc("GET /login/oauth/authorize", func(w http.ResponseWriter, r *http.Request) { s.authorize(w, r, true) })
	s.mux.HandleFunc("POST /consent", s.consent)
	s.mux.HandleFunc("POST /token", s.token)
	s.mux.HandleFunc("POST /login/oauth/access_token", s.token)
	s.mux.HandleFunc("GET /userinfo", s.userInfo)
	s.mux.HandleFunc("GET /logout", s.logout)
	s.mux.HandleFunc("GET /api/v3/user", s.githubUser)
	s.mux.HandleFunc("GET /api/v3/user/emails", s.githubEmails)
	s.http = httptest.NewServer(s.mux)
	s.URL = s.http.URL
	return s, nil
}

// Close ends the server.
func (s *Server) Close() { s.http.Close() }

// ServeHTTP answers as the server does, for tests that put something in front of it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// SetUsers replaces the users, the first of whom is signed in with SkipConsent. Tokens
// that were issued stay those of the user of then.
func (s *Server) SetUsers(users ...User) {
	users = slices.Clone(users)
	for i := range users {
		if users[i].ID == 0 {
			users[i].ID = int64(i + 1)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = users
}
