package jwtauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
)

// registered are the names of the claims that this package reads. A claim of an
// application cannot have one of them, in whatever case.
var registered = [...]string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "scope", "roles",
	"amr", "amr_times", "auth_time", "acr", "attrs", "iat_ms",
}

func isRegistered(name string) bool {
	return slices.ContainsFunc(registered[:], func(r string) bool { return strings.EqualFold(r, name) })
}

// encode renders the payload of an access token: the claims, and then custom ones
// in the order of their names. It fails with ErrClaims if a custom claim has a
// registered name, or if the result is not what a Verifier reads as the same
// claims: no token is signed that is refused later (JWT-22).
func (c *Claims) encode(custom map[string]any) ([]byte, error) {
	b := make([]byte, 0, 512)
	b = append(b, '{')
	text := func(name, value string) {
		if value != "" {
			b = appendName(b, name)
			b = appendText(b, value)
		}
	}
	list := func(name string, values []string) {
		if len(values) > 0 {
			b = appendName(b, name)
			b = appendList(b, values)
		}
	}
	date := func(name string, t time.Time) {
		if !t.IsZero() {
			b = appendName(b, name)
			b = strconv.AppendInt(b, t.Unix(), 10)
		}
	}
	text("iss", c.Issuer)
	text("sub", c.Subject)
	if len(c.Audience) == 1 {
		text("aud", c.Audience[0])
	} else {
		list("aud", c.Audience)
	}
	text("client_id", c.ClientID)
	date("exp", c.ExpiresAt)
	date("nbf", c.NotBefore)
	date("iat", c.IssuedAt)
	if ms := c.IssuedAt.Nanosecond() / int(time.Millisecond); ms > 0 {
		b = appendName(b, "iat_ms")
		b = strconv.AppendInt(b, int64(ms), 10)
	}
	text("jti", c.ID)
	text("sid", c.SessionID)
	if c.Scopes != nil {
		b = appendName(b, "scope")
		b = appendText(b, strings.Join(c.Scopes, " "))
	}
	list("roles", c.Roles)
	date("auth_time", c.AuthTime)
	text("acr", c.ACR)
	b = appendFactors(b, c.Factors, c.AuthTime)
	if len(c.Attributes) > 0 {
		b = appendName(b, "attrs")
		b = appendMap(b, c.Attributes)
	}
	b, err := appendCustom(b, custom)
	if err != nil {
		return nil, err
	}
	b = append(b, '}')
	if err := c.checkEncoded(b); err != nil {
		return nil, err
	}
	return b, nil
}

// maxEncodedPayload leaves a token of DefaultMaxTokenSize room for the header and the
// longest signature.
const maxEncodedPayload = DefaultMaxTokenSize * 3 / 4

// checkEncoded reports whether a Verifier reads b as c.
func (c *Claims) checkEncoded(b []byte) error {
	if encoding.EncodedLen(len(b)) > maxEncodedPayload {
		return fmt.Errorf("%w: they have %d bytes", ErrClaims, len(b))
	}
	var read verified
	err := read.parse(string(b))
	if err == nil {
		err = read.claims.require(false)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrClaims, err)
	}
	if !c.equal(&read.claims) {
		return fmt.Errorf("%w: %w", ErrClaims, errNotTheSame)
	}
	return nil
}

var errNotTheSame = errors.New("something in them cannot be told in a token, such as a scope with a space")

// equal reports whether a and b say the same in a token.
func (c *Claims) equal(d *Claims) bool {
	return c.Issuer == d.Issuer && c.Subject == d.Subject && c.ID == d.ID && c.ClientID == d.ClientID && c.SessionID == d.SessionID && c.ACR == d.ACR &&
		sameSecond(c.ExpiresAt, d.ExpiresAt) && sameSecond(c.NotBefore, d.NotBefore) && sameSecond(c.AuthTime, d.AuthTime) &&
		c.IssuedAt.UnixMilli() == d.IssuedAt.UnixMilli() &&
		slices.Equal(c.Audience, d.Audience) && slices.Equal(c.Roles, d.Roles) &&
		slices.Equal(c.Scopes, d.Scopes) && (c.Scopes == nil) == (d.Scopes == nil) &&
		slices.EqualFunc(c.Factors, d.Factors, func(a, b auth.Factor) bool { return a.Kind == b.Kind && sameSecond(a.At, b.At) }) &&
		maps.Equal(c.Attributes, d.Attributes)
}

func sameSecond(a, b time.Time) bool {
	return a.IsZero() == b.IsZero() && (a.IsZero() || a.Unix() == b.Unix())
}

// appendFactors writes the kinds as amr (RFC 8176) and, unless all were proved at
// auth_time, the times beside them, with 0 for one that is not known.
func appendFactors(b []byte, factors []auth.Factor, authTime time.Time) []byte {
	if len(factors) == 0 {
		return b
	}
	kinds := make([]string, len(factors))
	timed := false
	for i, f := range factors {
		kinds[i] = f.Kind
		timed = timed || !sameSecond(f.At, authTime)
	}
	b = appendList(appendName(b, "amr"), kinds)
	if !timed {
		return b
	}
	b = append(appendName(b, "amr_times"), '[')
	for i, f := range factors {
		if i > 0 {
			b = append(b, ',')
		}
		at := int64(0)
		if !f.At.IsZero() {
			at = f.At.Unix()
		}
		b = strconv.AppendInt(b, at, 10)
	}
	return append(b, ']')
}

func appendCustom(b []byte, custom map[string]any) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(custom)) {
		if isRegistered(name) {
			return nil, fmt.Errorf("%w: a custom claim has the registered name %q", ErrClaims, name)
		}
		value, err := json.Marshal(custom[name])
		if err != nil {
			return nil, fmt.Errorf("%w: the custom claim %q: %w", ErrClaims, name, err)
		}
		b = append(appendName(b, name), value...)
	}
	return b, nil
}

func appendName(b []byte, name string) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	return append(appendText(b, name), ':')
}

func appendList(b []byte, values []string) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, v)
	}
	return append(b, ']')
}

func appendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = appendText(b, m[name])
	}
	return append(b, '}')
}

// appendText writes a JSON string. What is not valid UTF-8 is written as it is, for
// checkEncoded to refuse: encoding/json would put something else in its place.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
