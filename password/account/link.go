package account

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/password"
)

// link returns the address of a page with a token in it. It is built from BaseURL
// alone: what a request says of its host is the word of a stranger.
func (s *Service) link(page, token string) string {
	u := *s.base
	u.Path += page
	if s.cfg.TokenInFragment {
		u.Fragment = tokenParam + "=" + token
	} else {
		u.RawQuery = tokenParam + "=" + token
	}
	return u.String()
}

// tokenParam is where a page finds the token of a link. Tokens are base64url and
// need no escapes.
const tokenParam = "token"

// A binding is what a token is good for besides its subject and purpose. Its parts
// have no line breaks: they are addresses, hashes and numbers.
func binding(parts ...string) string { return strings.Join(parts, "\n") }

// unbind returns n parts.
func unbind(t password.Token, n int) ([]string, error) {
	parts := strings.Split(t.Binding, "\n")
	if len(parts) != n {
		return nil, password.ErrToken
	}
	return parts, nil
}

// state is what voids a token of u when it changes, even if Void could not be
// done: the address, and the time before which credentials ended. A login changes
// neither.
func state(u User) []string {
	return []string{u.Canonical, strconv.FormatInt(u.ValidAfter.UnixMilli(), 36)}
}

// stands reports whether u still is what a token was issued for.
func stands(u User, parts []string) bool {
	return secret.Equal(binding(state(u)...), binding(parts...))
}

// owner returns whose token it is, or password.ErrToken if they may not act or are
// not as they were when it was issued.
func (s *Service) owner(ctx context.Context, t password.Token, parts []string) (User, error) {
	u, err := s.find(ctx, t.Subject)
	switch {
	case errors.Is(err, ErrNotFound):
		return User{}, password.ErrToken
	case err != nil:
		return User{}, err
	case !stands(u, parts):
		return User{}, password.ErrToken
	}
	return u, nil
}
