package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Limits of token responses.
const (
	maxToken     = 16 << 10 // bytes of one token
	maxExpiresIn = 10 * 365 * 24 * 60 * 60
)

// redeem asks the token endpoint for tokens and reads the answer by RFC 6749 §5.1.
// golang.org/x/oauth2 takes more than that: forms, any token_type, members that are
// there twice, expires_in as text, and any content type.
func redeem(ctx context.Context, client *http.Client, reg *Registration, form url.Values, now time.Time) (*Grant, error) {
	tr := &TokenRequest{URL: reg.TokenURL, Issuer: reg.Issuer, ClientID: reg.ClientID, Form: form, Header: make(http.Header)}
	authenticate := reg.Auth
	if authenticate == nil {
		authenticate = ClientAuthFunc(publicClient)
	}
	if err := authenticate.Authenticate(ctx, tr); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, reg.TokenURL, strings.NewReader(tr.Form.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header = tr.Header
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	status, media, body, err := exchange(client, r)
	if err != nil {
		return nil, err
	}
	members, err := readMembers(media, body, reg.FormTokens)
	if code, ok := members["error"].(string); ok && err == nil {
		return nil, tokenError(code)
	}
	switch {
	case status != http.StatusOK:
		return nil, fmt.Errorf("%w: the token endpoint answers %d", ErrProvider, status)
	case err != nil:
		return nil, fmt.Errorf("%w: the token response: %w", ErrProvider, err)
	}
	g, err := readGrant(members, now)
	if err != nil {
		return nil, fmt.Errorf("%w: the token response: %w", ErrProvider, err)
	}
	return g, nil
}

var errMedia = errors.New("it does not say that it is JSON")

// readMembers reads the members of a token response or of an error.
func readMembers(media string, body []byte, forms bool) (map[string]any, error) {
	switch {
	case isJSON(media):
		return ParseObject(body)
	case forms && (media == "application/x-www-form-urlencoded" || media == "text/plain"):
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errors.New("the form is not well-formed")
		}
		members := make(map[string]any, len(values))
		for name, v := range values {
			if len(v) > 1 {
				return nil, errTwice
			}
			members[name] = v[0]
			if name == "expires_in" {
				members[name] = json.Number(v[0])
			}
		}
		return members, nil
	}
	return nil, errMedia
}

// tokenErrors are the codes of RFC 6749 §5.2 and that of GitHub for a wrong code.
var tokenErrors = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
	"bad_verification_code", "incorrect_client_credentials", "redirect_uri_mismatch",
}

// errGrant: the provider does not take the code or the refresh token.
var errGrant = errors.New("the provider does not know what was presented to it")

// tokenError is the error for an error of the token endpoint. A code that it does not
// take was replayed, or stolen from another attempt: that is the browser's doing.
func tokenError(code string) error {
	switch {
	case code == "invalid_grant" || code == "bad_verification_code":
		return fmt.Errorf("%w: %w", ErrAttempt, errGrant)
	case slices.Contains(tokenErrors, code):
		return fmt.Errorf("%w: the token endpoint says %s", ErrProvider, code)
	}
	return fmt.Errorf("%w: the token endpoint says an unknown error", ErrProvider)
}

// readGrant checks a token response.
func readGrant(members map[string]any, now time.Time) (*Grant, error) {
	access, err := tokenMember(members, "access_token")
	if err != nil {
		return nil, err
	}
	if access == "" {
		return nil, errors.New("there is no access_token")
	}
	kind, _ := members["token_type"].(string)
	if !strings.EqualFold(kind, "bearer") {
		return nil, errors.New("its token_type is not bearer")
	}
	refresh, err := tokenMember(members, "refresh_token")
	if err != nil {
		return nil, err
	}
	idToken, err := tokenMember(members, "id_token")
	if err != nil {
		return nil, err
	}
	t := &oauth2.Token{AccessToken: access, TokenType: "Bearer", RefreshToken: refresh}
	if v, there := members["expires_in"]; there && v != nil {
		number, _ := v.(json.Number)
		seconds, err := number.Int64()
		if err != nil || seconds < 0 || seconds > maxExpiresIn {
			return nil, errors.New("its expires_in is not a number of seconds up to ten years")
		}
		t.ExpiresIn, t.Expiry = seconds, now.Add(time.Duration(seconds)*time.Second)
	}
	g := &Grant{Token: t.WithExtra(members), IDToken: idToken}
	switch scope := members["scope"].(type) {
	case nil:
	case string:
		// Spaces by RFC 6749 §3.3; GitHub writes commas.
		g.Scopes = strings.FieldsFunc(scope, func(c rune) bool { return c == ' ' || c == ',' })
		if g.Scopes == nil {
			g.Scopes = []string{}
		}
	default:
		return nil, errors.New("its scope is not text")
	}
	return g, nil
}

// tokenMember returns a token, or "" if there is none. One that is there and is empty,
// or could not be sent in a header, is an error.
func tokenMember(members map[string]any, name string) (string, error) {
	v, there := members[name]
	if !there || v == nil && name != "access_token" {
		return "", nil
	}
	s, ok := v.(string)
	if !ok || s == "" || len(s) > maxToken || !isVisible(s) {
		return "", errors.New("its " + name + " is not a token")
	}
	return s, nil
}
