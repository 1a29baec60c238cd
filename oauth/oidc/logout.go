package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/problem"
)

// LogoutConfig configures a Logout. SignOut has no default.
type LogoutConfig struct {
	// SignOut ends the credential of the browser here, such as session.Manager.SignOut.
	// It may set cookies and must not write more.
	SignOut func(w http.ResponseWriter, r *http.Request) error
	// ReturnURL is where the provider sends the browser afterwards: the address of
	// Return, as it is registered with the provider. Empty: the user stays there.
	ReturnURL string
	// Page is the page after Return, and that after Start if the provider has no
	// sign-out or does not answer. Empty: "/".
	Page string
	// IDToken returns the ID token with which the user has signed in: what
	// oauth.Tokens.IDToken or Config.Accept has kept. It is asked before SignOut. Nil,
	// or "": the provider asks the user.
	IDToken func(r *http.Request) (string, error)

	// InsecureCookie makes cookies that travel over plain HTTP. It is for development
	// on loopback, and refused with any other ReturnURL.
	InsecureCookie bool
	// ErrorHandler answers what is refused. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// CrossOrigin decides which other origins may sign a user out. Nil: none may.
	CrossOrigin *http.CrossOriginProtection
	// ClientIP finds the client's address for events. Nil: the peer of the connection.
	ClientIP func(r *http.Request) (netip.Addr, error)
}

// A Logout signs users out here and at the provider (OpenID Connect RP-Initiated
// Logout 1.0). It is immutable and safe for concurrent use.
type Logout struct {
	p   *Provider
	cfg LogoutConfig
}

// logoutFor is how long a user may take at the provider.
const logoutFor = 10 * time.Minute

// Logout returns the handlers that sign users out.
func (p *Provider) Logout(cfg LogoutConfig) (*Logout, error) {
	var errs []error
	if cfg.SignOut == nil {
		errs = append(errs, errors.New("oidc: LogoutConfig.SignOut is missing"))
	}
	if cfg.ReturnURL != "" {
		u, err := url.Parse(cfg.ReturnURL)
		if err == nil {
			err = oauth.CheckURL(cfg.ReturnURL)
		}
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("oidc: ReturnURL: %w", err))
		case (u.Scheme == "http") != cfg.InsecureCookie:
			errs = append(errs, errors.New("oidc: ReturnURL: use https, or http on loopback together with InsecureCookie"))
		}
	} else if cfg.InsecureCookie {
		errs = append(errs, errors.New("oidc: InsecureCookie without a ReturnURL sets no cookie"))
	}
	if cfg.Page == "" {
		cfg.Page = "/"
	}
	if _, ok := auth.LocalPath(cfg.Page); !ok {
		errs = append(errs, fmt.Errorf("oidc: Page %q is not a path on this origin", cfg.Page))
	}
	if cfg.ErrorHandler == nil {
		cfg.ErrorHandler = problem.WriteError
	}
	if cfg.CrossOrigin == nil {
		cfg.CrossOrigin = http.NewCrossOriginProtection()
	}
	if cfg.ClientIP == nil {
		cfg.ClientIP = func(r *http.Request) (netip.Addr, error) { return clientip.Peer(r), nil }
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Logout{p: p, cfg: cfg}, nil
}

// Start ends the credential of the browser and sends it to the provider (POST). If the
// provider cannot be asked the user is signed out here all the same, and the page is
// Page: that the session there lives on is then in an event.
func (l *Logout) Start() http.Handler {
	return handler(l.cfg.ErrorHandler, l.refused, func(w http.ResponseWriter, r *http.Request) error {
		if err := l.cfg.CrossOrigin.Check(r); err != nil {
			return fmt.Errorf("%w: %w", oauth.ErrCrossOrigin, err)
		}
		var request LogoutRequest
		if l.cfg.IDToken != nil {
			var err error
			if request.IDToken, err = l.cfg.IDToken(r); err != nil {
				request.IDToken = ""
				l.refused(r, fmt.Errorf("oidc: IDToken: %w", err))
			}
		}
		if err := l.cfg.SignOut(w, r); err != nil {
			return err
		}
		if l.cfg.ReturnURL != "" {
			request.RedirectURL, request.State = l.cfg.ReturnURL, secret.Token(16)
		}
		location, err := l.p.LogoutURL(r.Context(), request)
		if err != nil {
			if !errors.Is(err, ErrNoLogout) {
				l.refused(r, err)
			}
			redirect(w, l.cfg.Page)
			return nil
		}
		if request.State != "" {
			l.setCookie(w, request.State, logoutFor)
		}
		redirect(w, location)
		return nil
	}, http.MethodPost)
}

// Return is where the provider sends the browser after a sign-out (GET). It refuses
// who comes with another state than that of Start with ErrLogoutState, and sends the
// others to Page.
func (l *Logout) Return() http.Handler {
	return handler(l.cfg.ErrorHandler, l.refused, func(w http.ResponseWriter, r *http.Request) error {
		cookies, states := r.CookiesNamed(l.cookieName()), r.URL.Query()["state"]
		if len(cookies) != 1 || len(states) != 1 || cookies[0].Value == "" || !secret.Equal(cookies[0].Value, states[0]) {
			return ErrLogoutState
		}
		l.setCookie(w, "", 0)
		redirect(w, l.cfg.Page)
		return nil
	}, http.MethodGet)
}

func (l *Logout) refused(r *http.Request, err error) {
	e := auth.Event{Kind: auth.EventRefused, Err: err}
	if addr, bad := l.cfg.ClientIP(r); bad == nil {
		e.Address = addr
	}
	l.p.emit(r.Context(), e)
}

func (l *Logout) cookieName() string {
	name := "oidc-logout-" + l.p.cfg.Name
	if l.cfg.InsecureCookie {
		return name
	}
	return "__Host-" + name
}

func (l *Logout) setCookie(w http.ResponseWriter, value string, age time.Duration) {
	c := l.cookieName() + "=" + value + "; Path=/; Max-Age=" + strconv.FormatInt(int64(age/time.Second), 10) + "; HttpOnly"
	if !l.cfg.InsecureCookie {
		c += "; Secure"
	}
	w.Header().Add("Set-Cookie", c+"; SameSite=Lax")
}

func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}

// handler is the frame of the handlers: do writes the response, or returns an error and
// has written nothing but headers.
func handler(onError func(http.ResponseWriter, *http.Request, error), refused func(*http.Request, error),
	do func(w http.ResponseWriter, r *http.Request) error, methods ...string) http.Handler {
	return problem.Recover(onError)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		var err error
		if slices.Contains(methods, r.Method) {
			err = do(w, r)
		} else {
			err = &problem.Error{
				Details: problem.New(problem.MethodNotAllowed),
				Header:  http.Header{"Allow": methods},
				Err:     errors.New("oidc: the method is not " + methods[0]),
			}
		}
		if err != nil {
			refused(r, err)
			onError(w, r, err)
		}
	}))
}
