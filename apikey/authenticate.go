package apikey

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// Authenticate returns the principal of the key of r, as Verify does. The key is taken
// from Config.Header and, with Config.Bearer, from the header Authorization, and from
// nowhere else: a key in a URL gets into logs and histories, and a cookie is sent by
// other sites as well.
//
// If there is none the error wraps auth.ErrNoCredentials; a header that is there and
// empty, is there twice, or two keys in two headers, are refused as malformed. With
// Config.Bearer a bearer token that does not begin as a key of this service does is
// none: it is for another Authenticator. Spaces around a key are not cut off.
func (m *Manager) Authenticate(r *http.Request) (*auth.Principal, error) {
	if m.store == nil {
		return nil, errZero
	}
	text, err := m.presented(r.Header)
	if errors.Is(err, auth.ErrNoCredentials) {
		return nil, err
	}
	from, unknown := m.cfg.ClientIP(r)
	if unknown != nil {
		from = netip.Addr{}
	}
	if err != nil {
		return nil, m.refuse(r.Context(), "", "", from, err)
	}
	return m.Verify(r.Context(), text, from)
}

// presented returns the text of the one key in h.
func (m *Manager) presented(h http.Header) (string, error) {
	values := h[m.header]
	if m.cfg.Bearer {
		token, found, err := m.bearer(h["Authorization"])
		switch {
		case err != nil:
			return "", err
		case found && len(values) > 0:
			return "", errTwoKeys
		case found:
			return token, nil
		}
	}
	switch len(values) {
	case 0:
		return "", errNoKey
	case 1:
		return values[0], nil
	}
	return "", errTwoKeys
}

// bearer returns the bearer token that begins as a key of this service does. What is
// between the scheme and the key but one space is a part of the token: such a key is
// malformed, and not absent, or a cookie would stand in for it.
func (m *Manager) bearer(values []string) (token string, found bool, err error) {
	for _, value := range values {
		token, ok := bearerToken(value)
		if !ok || !m.begins(strings.TrimLeft(token, " \t,")) {
			continue
		}
		if len(values) > 1 {
			return "", false, errTwoKeys
		}
		return token, true, nil
	}
	return "", false, nil
}

// bearerToken returns what follows the scheme Bearer, in whatever case (RFC 9110
// §11.1), and one space. Anything else that ends the scheme stays with the token.
func bearerToken(value string) (token string, ok bool) {
	const scheme = len("Bearer")
	if len(value) <= scheme || !strings.EqualFold(value[:scheme], "Bearer") {
		return "", false
	}
	switch value[scheme] {
	case ' ':
		return value[scheme+1:], true
	case '\t', ',':
		return value[scheme:], true
	}
	return "", false
}

// begins reports whether text begins as a key of this service does, of whatever
// environment: a test key is refused by production and not mistaken for a token of
// another kind.
func (m *Manager) begins(text string) bool {
	prefix := m.cfg.Prefix
	return len(text) > len(prefix) && text[:len(prefix)] == prefix && text[len(prefix)] == '_'
}

// challenges are ready made. The scheme ApiKey is not registered: RFC 9110 §11.1 has no
// other way to say that a header with a key is wanted.
type challenges struct{ scheme, none, refused, ended string }

func newChallenges(cfg Config) challenges {
	scheme, header := "ApiKey", cfg.Header
	if cfg.Bearer {
		scheme, header = "Bearer", ""
	}
	of := func(code, description string) string {
		return auth.Challenge(scheme, "realm", cfg.Realm, "header", header, "error", code, "error_description", description)
	}
	return challenges{
		scheme: scheme, none: of("", ""),
		refused: of("invalid_token", "The API key is not valid"), ended: of("invalid_token", "The API key is no longer good"),
	}
}

// Challenge implements auth.Challenger: a challenge of scheme ApiKey with the name of
// the header, or of Bearer if Config.Bearer is set, in the manner of RFC 6750 §3.
func (m *Manager) Challenge(err error) string {
	var stepUp *auth.StepUpError
	var scope *auth.ScopeError
	switch {
	case errors.Is(err, auth.ErrNoCredentials):
		return m.answers.none
	case errors.Is(err, ErrExpired), errors.Is(err, ErrRevoked), errors.Is(err, ErrOwner):
		return m.answers.ended
	case errors.Is(err, auth.ErrInvalidCredentials):
		return m.answers.refused
	case errors.As(err, &stepUp):
		return stepUp.Challenge(m.answers.scheme)
	case errors.As(err, &scope):
		return scope.Challenge(m.answers.scheme)
	case problem.From(err).Status == http.StatusUnauthorized:
		return m.answers.refused
	}
	return ""
}

var (
	_ auth.Authenticator = (*Manager)(nil)
	_ auth.Challenger    = (*Manager)(nil)
)
