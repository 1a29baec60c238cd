package jwtauth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// DefaultJWKSMaxAge is how long a client may keep the published keys.
const DefaultJWKSMaxAge = 5 * time.Minute

// JWKSConfig configures a JWKSHandler. The zero value is the recommended production
// setting.
type JWKSConfig struct {
	// MaxAge is how long a client may keep the keys. The next key must be published
	// that long before it signs. Zero: 5 minutes. At most 24 hours.
	MaxAge time.Duration
	// Now is the clock, for keys whose time is over. Nil: time.Now.
	Now func() time.Time
}

// JWKSHandler publishes the public keys of the set (RFC 7517 §5), those that do not
// count yet included, for other services to verify the tokens of this one. Mount it
// at GET /.well-known/jwks.json. A set of HMAC keys has nothing to publish, and the
// list is empty. The answer has a strong ETag, and changes as soon as the set does.
func (s *KeySet) JWKSHandler(cfg JWKSConfig) (http.Handler, error) {
	if cfg.MaxAge == 0 {
		cfg.MaxAge = DefaultJWKSMaxAge
	}
	if cfg.MaxAge < time.Second || cfg.MaxAge > 24*time.Hour {
		return nil, errMaxAge
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	control := fmt.Sprintf("public, max-age=%d, must-revalidate", int(cfg.MaxAge/time.Second))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			problem.WriteError(w, r, errMethod)
			return
		}
		body := s.load().jwks(cfg.Now())
		sum := sha256.Sum256(body)
		etag := `"` + encoding.EncodeToString(sum[:]) + `"`
		h := w.Header()
		h.Set("Cache-Control", control)
		h.Set("ETag", etag)
		if matches(r.Header.Values("If-None-Match"), etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", "application/jwk-set+json")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body) // a failed write means that the client is gone
	}), nil
}

var (
	errMaxAge = errors.New("jwtauth: MaxAge of the JWKS: use 1s to 24h")
	errMethod = problem.Sentinel(problem.MethodNotAllowed, "jwtauth: the JWKS is read with GET")
)

// jwks renders the public keys whose time is not over.
func (r *ring) jwks(now time.Time) []byte {
	body := []byte(`{"keys":[`)
	for _, k := range r.keys {
		if k.public == nil || !k.notAfter.IsZero() && !now.Before(k.notAfter) {
			continue
		}
		if body[len(body)-1] == '}' {
			body = append(body, ',')
		}
		body = append(body, k.jwk()...)
	}
	return append(body, "]}"...)
}

// matches compares If-None-Match with a strong ETag (RFC 9110 §13.1.2): weakly, so
// that a proxy which compresses does not spoil it.
func matches(values []string, etag string) bool {
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == etag {
				return true
			}
		}
	}
	return false
}
