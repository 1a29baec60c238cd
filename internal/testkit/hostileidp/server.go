package hostileidp

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// An Endpoint is a path of the provider.
type Endpoint string

// Endpoints.
const (
	Authorize    Endpoint = "/authorize"
	Token        Endpoint = "/token"
	UserInfo     Endpoint = "/userinfo"
	Discovery    Endpoint = "/.well-known/openid-configuration"
	JWKS         Endpoint = "/jwks"
	Logout       Endpoint = "/logout"
	GitHubToken  Endpoint = "/login/oauth/access_token"
	GitHubUser   Endpoint = "/api/v3/user"
	GitHubEmails Endpoint = "/api/v3/user/emails"
)

// A Script answers a request. next is how a good provider would.
type Script func(w http.ResponseWriter, r *http.Request, next http.Handler)

// A Request is one that has reached the provider.
type Request struct {
	Method string
	Header http.Header
	Query  url.Values
	Form   url.Values // of the body
}

// A Server is a provider. It is safe for concurrent use.
type Server struct {
	// URL is its origin and issuer, and Good the provider behind it.
	URL  string
	Good *oauthtest.Server
	// Key signs the ID tokens.
	Key *ecdsa.PrivateKey

	http *httptest.Server

	mu       sync.Mutex
	scripts  map[Endpoint]Script
	requests map[Endpoint][]Request
}

// New starts a Server with one user, alice, who is signed in at once, and a client of
// oauthtest.ClientID and ClientSecret. It ends with the test.
func New(t testing.TB) *Server { return NewWith(t, oauthtest.Config{}) }

// NewWith is New with a configuration; Key and SkipConsent are set.
func NewWith(t testing.TB, cfg oauthtest.Config) *Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Key, cfg.SkipConsent = key, true
	s := &Server{Key: key, scripts: make(map[Endpoint]Script), requests: make(map[Endpoint][]Request)}
	s.Good = oauthtest.New(t, cfg)
	s.http = httptest.NewServer(s)
	t.Cleanup(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
	s.URL = s.http.URL
	s.Good.URL = s.URL // so it names this server as the issuer
	return s
}

// Script replaces the answers of an endpoint. A nil script is a good provider's again.
func (s *Server) Script(e Endpoint, script Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[e] = script
}

// Requests returns what has reached an endpoint, in order.
func (s *Server) Requests(e Endpoint) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests[e]...)
}

// Count returns how many requests have reached an endpoint.
func (s *Server) Count(e Endpoint) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests[e])
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	e := Endpoint(r.URL.Path)
	s.mu.Lock()
	s.requests[e] = append(s.requests[e], Request{Method: r.Method, Header: r.Header.Clone(), Query: r.URL.Query(), Form: form})
	script := s.scripts[e]
	s.mu.Unlock()
	if script == nil {
		s.Good.ServeHTTP(w, r)
		return
	}
	script(w, r, s.Good)
}

// Answer is a Script that always says the same.
func Answer(status int, contentType, body string) Script {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Change is a Script that changes the JSON object of a good answer. A value of nil takes
// a member out.
func Change(change func(object map[string]any)) Script {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		var object map[string]any
		d := json.NewDecoder(rec.Body)
		d.UseNumber()
		if rec.Code == http.StatusOK && d.Decode(&object) == nil {
			change(object)
			for name, v := range object {
				if v == nil {
					delete(object, name)
				}
			}
			rec.Body.Reset()
			_ = json.NewEncoder(rec.Body).Encode(object)
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}
}

// Redirect changes the parameters with which the authorization endpoint sends the
// browser back.
func Redirect(change func(params url.Values)) Script {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if to, err := url.Parse(rec.Header().Get("Location")); err == nil && rec.Code == http.StatusSeeOther {
			params := to.Query()
			change(params)
			to.RawQuery = params.Encode()
			rec.Header().Set("Location", to.String())
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}
}

// Stall is a Script that never answers, until the client goes.
func Stall(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }

// Drip is a Script that answers a byte at a time, for ever.
func Drip(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// Flood is a Script that answers with n bytes of JSON white space.
func Flood(n int) Script {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		block := strings.Repeat(" ", 1<<16)
		for ; n > 0; n -= len(block) {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	}
}
