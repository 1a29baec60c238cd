package oauthtest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// token is the token endpoint (RFC 6749 §4.1.3 and §6).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil || !s.clientOK(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="oauthtest"`)
		tokenError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	for _, values := range r.PostForm {
		if len(values) > 1 {
			tokenError(w, http.StatusBadRequest, "invalid_request")
			return
		}
	}
	github := strings.HasPrefix(r.URL.Path, "/login/")
	switch kind := r.PostForm.Get("grant_type"); {
	case kind == "authorization_code" || kind == "" && github:
		s.redeem(w, r, github)
	case kind == "refresh_token":
		s.rotate(w, r)
	default:
		tokenError(w, http.StatusBadRequest, "unsupported_grant_type")
	}
}

// clientOK checks the proof of the client: exactly one (RFC 6749 §2.3).
func (s *Server) clientOK(r *http.Request) bool {
	id, secret, basic := r.BasicAuth()
	f := r.PostForm
	switch {
	case basic:
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
		return id == s.cfg.ClientID && same(secret, s.cfg.ClientSecret) && !f.Has("client_secret") && !f.Has("client_assertion")
	case f.Has("client_assertion"):
		return s.assertionOK(f) && !f.Has("client_secret")
	}
	return f.Get("client_id") == s.cfg.ClientID && same(f.Get("client_secret"), s.cfg.ClientSecret)
}

// assertionOK checks an assertion of RFC 7523 §3.
func (s *Server) assertionOK(f url.Values) bool {
	if s.cfg.ClientKey == nil || f.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return false
	}
	t, err := jwt.Parse(f.Get("client_assertion"), func(*jwt.Token) (any, error) { return s.cfg.ClientKey, nil },
		jwt.WithValidMethods([]string{"RS256", "PS256", "ES256", "EdDSA"}), jwt.WithIssuer(s.cfg.ClientID), jwt.WithSubject(s.cfg.ClientID),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.cfg.Now))
	if err != nil {
		return false
	}
	audience, err := t.Claims.GetAudience()
	return err == nil && len(audience) == 1 && (audience[0] == s.URL || audience[0] == s.URL+"/token")
}

// redeem gives tokens for a code, once. Who presents it twice ends what was given for
// it (RFC 6749 §4.1.2).
func (s *Server) redeem(w http.ResponseWriter, r *http.Request, github bool) {
	f := r.PostForm
	challenge := sha256.Sum256([]byte(f.Get("code_verifier")))
	s.mu.Lock()
	defer s.mu.Unlock()
	req := s.codes[f.Get("code")]
	if req != nil && req.used {
		for _, token := range req.tokens {
			delete(s.access, token)
			delete(s.refresh, token)
		}
	}
	if req == nil || req.used || s.cfg.Now().Sub(req.issued) > codeLife || f.Get("redirect_uri") != req.redirectURI ||
		!same(base64.RawURLEncoding.EncodeToString(challenge[:]), req.challenge) || github != req.github {
		if github { // which answers errors with 200
			tokenError(w, http.StatusOK, "bad_verification_code")
			return
		}
		tokenError(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	req.used = true
	g := &grant{user: req.user, scope: req.scope, nonce: req.nonce}
	req.tokens = s.issue(w, g, github)
}

// rotate gives tokens for a refresh token, once.
func (s *Server) rotate(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := r.PostForm.Get("refresh_token")
	g := s.refresh[token]
	if g == nil {
		tokenError(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	delete(s.refresh, token)
	next := *g
	next.nonce = ""
	s.issue(w, &next, false)
}

// issue writes a token response. It is called with mu held.
func (s *Server) issue(w http.ResponseWriter, g *grant, github bool) []string {
	access, refresh := rand.Text(), rand.Text()
	g.expires = s.cfg.Now().Add(s.cfg.TokenLife)
	s.access[access] = g
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "scope": g.scope}
	if github {
		answer["token_type"], answer["scope"] = "bearer", strings.ReplaceAll(g.scope, " ", ",")
	} else {
		s.refresh[refresh] = g
		answer["expires_in"], answer["refresh_token"] = int(s.cfg.TokenLife/time.Second), refresh
	}
	if strings.Contains(" "+g.scope+" ", " openid ") && !github {
		answer["id_token"] = s.idToken(g, access)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, answer)
	return []string{access, refresh}
}

// idToken is that of OpenID Connect Core §2.
func (s *Server) idToken(g *grant, access string) string {
	now := s.cfg.Now()
	authTime := g.user.AuthTime
	if authTime.IsZero() {
		authTime = now
	}
	hash := sha256.Sum256([]byte(access))
	claims := s.claims(g.user)
	more := map[string]any{
		"iss": s.URL, "aud": s.cfg.ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": authTime.Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]), "sid": SessionID(g.user.Subject),
	}
	if g.nonce != "" {
		more["nonce"] = g.nonce
	}
	for name, v := range more {
		if _, set := g.user.Claims[name]; !set {
			claims[name] = v
		}
	}
	return s.Sign(nil, claims)
}

// claims are what the userinfo endpoint says of u.
func (s *Server) claims(u User) map[string]any {
	claims := map[string]any{"sub": u.Subject, "email_verified": u.EmailVerified}
	for name, v := range map[string]string{"email": u.Email, "name": u.Name, "preferred_username": u.Username, "picture": u.PictureURL} {
		if v != "" {
			claims[name] = v
		}
	}
	maps.Copy(claims, u.Claims)
	return claims
}

// Sign makes a JWT of any header members and claims with the key of the server, such as
// a logout token (typ "logout+jwt"). A nil header has kid and alg only.
func (s *Server) Sign(header, claims map[string]any) string {
	t := jwt.NewWithClaims(s.method(), jwt.MapClaims(claims))
	t.Header["kid"] = keyID
	maps.Copy(t.Header, header)
	signed, err := t.SignedString(s.cfg.Key)
	if err != nil {
		panic(err) // a key that New has looked at, and claims that are no JSON
	}
	return signed
}

// SessionID is the sid of the session of a user at the server.
func SessionID(subject string) string { return "session of " + subject }

func tokenError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]any{"error": code})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
