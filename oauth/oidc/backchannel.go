package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/problem"
)

// A LinkFinder finds whose an account is, or returns oauth.ErrNoLink. An oauth.Links and an
// oauth.LinkStore are ones.
type LinkFinder interface {
	Find(ctx context.Context, issuer, subject string) (oauth.Link, error)
}

// BackchannelConfig configures Backchannel. Links and Revoker have no default.
type BackchannelConfig struct {
	// Links finds the user of the subject of a logout token.
	Links LinkFinder
	// Revoker ends what that user has here: sessions, refresh families. It is also
	// asked if a token names one session of many, unless there is an EndSession.
	Revoker auth.Revoker
	// EndSession ends what was signed in within one session at the provider: that with
	// Identity.SessionID, which LinksConfig.Principal can keep as an attribute. It is
	// asked for tokens with a SessionID, of which some have no Subject. Not knowing the
	// session is no error. Nil: Revoker is asked, and tokens without a Subject are
	// refused.
	EndSession func(ctx context.Context, t *LogoutToken) error
	// SkipTypeCheck also takes tokens whose typ is JWT or missing, from providers that
	// are older than the final specification. Their events claim still tells what they
	// are.
	SkipTypeCheck bool
	// ErrorHandler answers what is refused. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// ClientIP finds the provider's address for events. Nil: the peer of the
	// connection.
	ClientIP func(r *http.Request) (netip.Addr, error)
}

const (
	maxLogoutBody = 64 << 10
	// revokeTimeout bounds the end of what a user has. The provider cannot break it
	// off by hanging up.
	revokeTimeout = 30 * time.Second
)

// Backchannel is the endpoint at which the provider says that a user has signed out
// there, or was signed out (POST; OpenID Connect Back-Channel Logout 1.0). It is called
// by the provider and not by a browser, so leave it out of what refuses requests
// without a token of a form. The answer is 200 when all has ended, also if there was
// nothing; 400 for a token that is not good or has been used; and 503 if something may
// live on: then the provider may send the same token again.
//
// Who is signing in at that very moment is not signed out. A token is used up in the
// memory of the process: sent to another one, within five minutes, it works once more.
func (p *Provider) Backchannel(cfg BackchannelConfig) (http.Handler, error) {
	if cfg.Links == nil || cfg.Revoker == nil {
		return nil, errors.New("oidc: BackchannelConfig: Links or Revoker is missing")
	}
	if cfg.ErrorHandler == nil {
		cfg.ErrorHandler = problem.WriteError
	}
	if cfg.ClientIP == nil {
		cfg.ClientIP = func(r *http.Request) (netip.Addr, error) { return clientip.Peer(r), nil }
	}
	b := &backchannel{p: p, cfg: cfg, used: newReplay()}
	return handler(cfg.ErrorHandler, b.refused, b.serve, http.MethodPost), nil
}

type backchannel struct {
	p    *Provider
	cfg  BackchannelConfig
	used *replay
}

func (b *backchannel) serve(w http.ResponseWriter, r *http.Request) error {
	text, err := readLogoutToken(w, r)
	if err != nil {
		return err
	}
	now := b.p.cfg.Now()
	t, err := b.p.checkedLogoutToken(r.Context(), text, b.cfg.SkipTypeCheck)
	if err != nil {
		return err
	}
	if t.Subject == "" && b.cfg.EndSession == nil {
		return fmt.Errorf("%w: it names a session only, and there is no EndSession", ErrLogoutToken)
	}
	done, err := b.used.begin(t, now, now.Add(maxLogoutAge+2*b.p.cfg.Leeway))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), revokeTimeout)
	defer cancel()
	ended := false
	defer func() { done(ended) }() // also after a panic
	user, err := b.end(ctx, t)
	if err != nil {
		return problem.Wrap(problem.Unavailable, fmt.Errorf("oidc: ending what a user has: %w", err))
	}
	ended = true
	e := auth.Event{Kind: EventLogout, Subject: user}
	if addr, err := b.cfg.ClientIP(r); err == nil {
		e.Address = addr
	}
	b.p.emit(ctx, e)
	w.WriteHeader(http.StatusOK)
	return nil
}

// end ends what a logout token is about and returns the user, if it has one here.
func (b *backchannel) end(ctx context.Context, t *LogoutToken) (user string, err error) {
	if t.SessionID != "" && b.cfg.EndSession != nil {
		return "", b.cfg.EndSession(ctx, t)
	}
	link, err := b.cfg.Links.Find(ctx, t.Issuer, t.Subject)
	if errors.Is(err, oauth.ErrNoLink) {
		return "", nil // nobody is signed in
	}
	if err != nil {
		return "", err
	}
	return link.User, b.cfg.Revoker.RevokeSubject(ctx, link.User, "")
}

func (b *backchannel) refused(r *http.Request, err error) {
	e := auth.Event{Kind: auth.EventRefused, Err: err}
	if addr, bad := b.cfg.ClientIP(r); bad == nil {
		e.Address = addr
	}
	b.p.emit(r.Context(), e)
}

// readLogoutToken reads the body of a request (§2.5). Other parameters are ignored, as
// it demands.
func readLogoutToken(w http.ResponseWriter, r *http.Request) (string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return "", problem.Wrap(problem.UnsupportedMediaType, errors.New("oidc: the logout token is not in a form"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLogoutBody))
	if err != nil {
		return "", err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["logout_token"]) != 1 {
		return "", fmt.Errorf("%w: the form has none, or several", ErrLogoutToken)
	}
	return form.Get("logout_token"), nil
}
