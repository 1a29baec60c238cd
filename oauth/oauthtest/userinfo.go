package oauthtest

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const keyID = "1"

// discovery is OpenID Connect Discovery §3 and RFC 8414.
func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	methods := []string{"client_secret_basic", "client_secret_post"}
	if s.cfg.ClientKey != nil {
		methods = append(methods, "private_key_jwt")
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                           s.URL,
		"authorization_endpoint":                           s.URL + "/authorize",
		"token_endpoint":                                   s.URL + "/token",
		"userinfo_endpoint":                                s.URL + "/userinfo",
		"jwks_uri":                                         s.URL + "/jwks",
		"end_session_endpoint":                             s.URL + "/logout",
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query", "form_post"},
		"grant_types_supported":                            []string{"authorization_code", "refresh_token"},
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{s.method().Alg()},
		"token_endpoint_auth_methods_supported":            methods,
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "PS256", "ES256", "EdDSA"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"scopes_supported":                                 []string{"openid", "email", "profile"},
		"authorization_response_iss_parameter_supported":   true,
		"backchannel_logout_supported":                     true,
		"backchannel_logout_session_supported":             true,
	})
}

// jwks is RFC 7517.
func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	encode := base64.RawURLEncoding.EncodeToString
	key := map[string]any{"kid": keyID, "use": "sig", "alg": s.method().Alg()}
	switch k := s.cfg.Key.Public().(type) {
	case *rsa.PublicKey:
		key["kty"], key["n"], key["e"] = "RSA", encode(k.N.Bytes()), encode(big.NewInt(int64(k.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			plain(w, http.StatusInternalServerError, "the key is on no curve")
			return
		}
		half := (len(point) - 1) / 2
		key["kty"], key["crv"], key["x"], key["y"] = "EC", "P-256", encode(point[1:1+half]), encode(point[1+half:])
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": []any{key}})
}

func (s *Server) method() jwt.SigningMethod {
	if _, ok := s.cfg.Key.(*rsa.PrivateKey); ok {
		return jwt.SigningMethodRS256
	}
	return jwt.SigningMethodES256
}

// bearer returns the grant of the token of r, or nil after it has refused r.
func (s *Server) bearer(w http.ResponseWriter, r *http.Request) *grant {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	s.mu.Lock()
	g := s.access[token]
	s.mu.Unlock()
	if !strings.EqualFold(kind, "bearer") || g == nil || !s.cfg.Now().Before(g.expires) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		tokenError(w, http.StatusUnauthorized, "invalid_token")
		return nil
	}
	return g
}

func (s *Server) userInfo(w http.ResponseWriter, r *http.Request) {
	if g := s.bearer(w, r); g != nil {
		writeJSON(w, http.StatusOK, s.claims(g.user))
	}
}

func (s *Server) githubUser(w http.ResponseWriter, r *http.Request) {
	if g := s.bearer(w, r); g != nil {
		u := g.user
		writeJSON(w, http.StatusOK, map[string]any{"id": u.ID, "login": u.Username, "name": u.Name, "email": nil, "avatar_url": u.PictureURL})
	}
}

func (s *Server) githubEmails(w http.ResponseWriter, r *http.Request) {
	g := s.bearer(w, r)
	if g == nil {
		return
	}
	if !strings.Contains(g.scope, "user") {
		tokenError(w, http.StatusNotFound, "not_found")
		return
	}
	list := []any{}
	if g.user.Email != "" {
		list = append(list, map[string]any{"email": g.user.Email, "primary": true, "verified": g.user.EmailVerified, "visibility": nil})
	}
	writeJSON(w, http.StatusOK, list)
}
