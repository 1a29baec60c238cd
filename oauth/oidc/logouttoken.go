package oidc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/oauth"
)

// A LogoutToken says that a user has signed out at the provider (OpenID Connect
// Back-Channel Logout 1.0 §2.4). It has a Subject, a SessionID or both.
type LogoutToken struct {
	Issuer string
	// Subject is whom it is about, and SessionID (sid) in which session of theirs.
	// Without a SessionID it is about all sessions.
	Subject, SessionID string
	// ID is its jti, which no other token of the issuer has.
	ID       string
	IssuedAt time.Time
}

const (
	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
	// maxLogoutAge is how long ago a logout token may have been issued; §4 recommends
	// that it expires after two minutes.
	maxLogoutAge = 5 * time.Minute
	maxTokenID   = 512 // bytes
)

// VerifyLogoutToken is Backchannel for handlers that answer by themselves: it checks a
// logout token by §2.6, but not whether its ID was used before. The error wraps
// ErrLogoutToken or oauth.ErrProvider.
func (p *Provider) VerifyLogoutToken(ctx context.Context, text string) (*LogoutToken, error) {
	return p.checkedLogoutToken(ctx, text, false)
}

func (p *Provider) checkedLogoutToken(ctx context.Context, text string, skipTypeCheck bool) (*LogoutToken, error) {
	t, err := p.logoutToken(ctx, text, skipTypeCheck)
	if err != nil {
		return nil, distrust(ErrLogoutToken, err)
	}
	return t, nil
}

func (p *Provider) logoutToken(ctx context.Context, text string, skipTypeCheck bool) (*LogoutToken, error) {
	m, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	c, _, err := p.verified(ctx, m, text, func(kind string) error {
		if kind == "logout+jwt" || skipTypeCheck && idTokenKind(kind) == nil {
			return nil
		}
		return errors.New("its typ is not logout+jwt")
	})
	if err != nil {
		return nil, err
	}
	events, _ := c[eventsClaim].(map[string]any)
	if _, ok := events[logoutEvent].(map[string]any); !ok {
		return nil, errors.New("it does not report a sign-out")
	}
	if c.has("nonce") { // §2.4: so that an ID token is none
		return nil, errors.New("it has a nonce")
	}
	if err := p.checkAudience(c); err != nil {
		return nil, err
	}
	if err := p.checkTimes(c, p.cfg.Now(), maxLogoutAge); err != nil {
		return nil, err
	}
	t := new(LogoutToken)
	for name, to := range map[string]*string{"iss": &t.Issuer, "sub": &t.Subject, "sid": &t.SessionID, "jti": &t.ID} {
		if *to, err = c.text(name); err != nil {
			return nil, err
		}
	}
	if t.IssuedAt, err = c.date("iat"); err != nil {
		return nil, err
	}
	switch {
	case t.ID == "" || len(t.ID) > maxTokenID:
		return nil, errors.New("it has no jti, or one that is too long")
	case t.Subject == "" && t.SessionID == "":
		return nil, errors.New("it names neither a user nor a session")
	case len(t.Subject) > oauth.MaxSubjectBytes:
		return nil, fmt.Errorf("its sub is longer than %d bytes", oauth.MaxSubjectBytes)
	}
	return t, nil
}
