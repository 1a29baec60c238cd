package session

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/origin"
	"github.com/go-sallyport/auth/problem"
)

// EventForged is the kind of the events of a CSRF.
const EventForged auth.EventKind = "session.forged" // a request came from another origin, or without a token

// DefaultMaxForm is the limit of a form whose token is read, in bytes.
const DefaultMaxForm = 64 << 10

// CSRFConfig configures a CSRF. The zero value is the recommended setting.
type CSRFConfig struct {
	// SkipRoutes names routes that are not checked, such as that of a webhook,
	// each as a method and a path: "POST /hooks/payment". They are compared
	// with the request exactly, byte by byte: there are no patterns, a trailing
	// slash is another path, and so are another case and a character in
	// percent-encoding. The path is the one that the CSRF sees, so after
	// http.StripPrefix it is what is left. A request with the cookie is still
	// checked by Manager.Authenticate.
	SkipRoutes []string
	// MaxForm bounds the forms in which RequireToken looks for a token, in
	// bytes; longer ones are refused with 413. It does not count for multipart
	// forms. Zero: DefaultMaxForm.
	MaxForm int64
	// ErrorHandler answers refusals. Nil: that of the Manager.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
}

// A CSRF refuses requests that another site made a browser send (cross-site
// request forgery), on routes where no login is asked for: login itself,
// registration, logout, the second factor, the start of a sign-in with another
// provider. There a forged request signs the user in to the account of an
// attacker ([RFC 9700 §4.7]). Behind auth.Require, Manager.Authenticate has made
// the check of Handler already.
//
// Handler is the recommended protection, and costs next to nothing: a browser
// tells where a request comes from, and one that does so is believed. What
// counts as this origin is Config.CrossOrigin of the Manager, for all checks
// alike. RequireToken asks for a token of the page as well, for services that
// must: browsers that tell neither Sec-Fetch-Site nor Origin are then covered.
//
// GET, HEAD and OPTIONS are not checked: they must not change anything.
//
// A request that a Gate has admitted by a credential that no browser sends by
// itself, that of a principal whose Method is auth.MethodJWT or
// auth.MethodAPIKey, is not checked: such a credential decides before any
// cookie, and cannot be forged. For that the CSRF must be mounted behind the
// Gate. In front of it every request is checked, whatever credentials it has.
//
// It does not protect from script in a page of this origin, which can do all
// that the page can.
//
// It is immutable and safe for concurrent use. The zero CSRF refuses every
// request.
//
// [RFC 9700 §4.7]: https://www.rfc-editor.org/rfc/rfc9700#section-4.7
type CSRF struct {
	sessions *Manager
	skip     map[route]bool
	maxForm  int64
	onError  func(w http.ResponseWriter, r *http.Request, err error)
	cookie   string // the name of the visitor's cookie
}

// A route is one method and one path.
type route struct{ method, path string }

// NewCSRF returns a CSRF for the sessions of a Manager. The error tells
// everything that is wrong with cfg.
func NewCSRF(sessions *Manager, cfg CSRFConfig) (*CSRF, error) {
	if sessions == nil {
		return nil, errors.New("session: NewCSRF wants a Manager")
	}
	var errs []error
	c := &CSRF{
		sessions: sessions,
		skip:     make(map[route]bool, len(cfg.SkipRoutes)),
		maxForm:  cfg.MaxForm,
		onError:  cfg.ErrorHandler,
		cookie:   sessions.cfg.CookieName + "-csrf",
	}
	for _, s := range cfg.SkipRoutes {
		skipped, err := parseRoute(s)
		if err != nil {
			errs = append(errs, err)
		}
		c.skip[skipped] = true
	}
	if c.maxForm < 0 {
		errs = append(errs, fmt.Errorf("session: MaxForm %d: use a positive number, or 0 for %d", c.maxForm, DefaultMaxForm))
	}
	if c.maxForm == 0 {
		c.maxForm = DefaultMaxForm
	}
	if c.onError == nil {
		c.onError = sessions.cfg.ErrorHandler
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return c, nil
}

// Check reports whether r may pass Handler: nil, or an error that wraps
// ErrCrossOrigin.
func (c *CSRF) Check(r *http.Request) error {
	if c.sessions == nil {
		return errNoCSRF
	}
	err := c.sessions.checkOrigin(r)
	if err != nil && c.exempt(r) {
		return nil
	}
	return err
}

// Handler admits requests of this origin to next, and those of clients that are
// no browsers. Refusals are 403, code CROSS_ORIGIN.
func (c *CSRF) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.Check(r); err != nil {
			c.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// RequireToken is Handler, and admits a request only if it carries a token of
// Token. Refusals are 403, code CSRF_TOKEN_INVALID.
//
// The token is looked for in the header CSRFHeader. If there is none it is the
// field CSRFField of a form in the body, which must be its first if the form is
// multipart. It is never taken from a cookie or from the query.
//
// The body can be read by next as if nobody had read it. From a form that is not
// multipart the field is gone then, so that next may refuse fields that it does
// not know.
//
// A client that is no browser and has no token is refused as well: give it
// routes behind Handler.
func (c *CSRF) RequireToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := c.Check(r)
		if err == nil && !origin.Safe(r.Method) && !c.exempt(r) {
			var text string
			if text, r, err = c.takeToken(w, r); err == nil {
				err = c.CheckToken(r, text)
			}
		}
		if err != nil {
			c.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c *CSRF) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if c.sessions == nil {
		problem.WriteError(w, r, err)
		return
	}
	if errors.Is(err, ErrCrossOrigin) || errors.Is(err, ErrCSRFToken) {
		c.sessions.emit(r, auth.Event{Kind: EventForged, Err: err})
	}
	c.onError(w, r, err)
}

// exempt reports whether r is of a route that is skipped, or has been admitted
// by a credential that is in no cookie.
func (c *CSRF) exempt(r *http.Request) bool {
	// With RawPath the path was not written as it is compared.
	if len(c.skip) > 0 && r.URL.RawPath == "" && c.skip[route{r.Method, r.URL.Path}] {
		return true
	}
	p, ok := auth.FromContext(r.Context())
	return ok && (p.Method == auth.MethodJWT || p.Method == auth.MethodAPIKey)
}

// pathBytes are the bytes of paths that have one way to be written.
const pathBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"

// parseRoute reads a member of SkipRoutes. A path that net/http would clean, and
// redirect to another, is a mistake.
func parseRoute(s string) (route, error) {
	method, p, ok := strings.Cut(s, " ")
	switch {
	case !ok || method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "":
		return route{}, fmt.Errorf("session: SkipRoutes %q: use a method and a path, such as \"POST /hooks/payment\"", s)
	case origin.Safe(method):
		return route{}, fmt.Errorf("session: SkipRoutes %q: %s is never checked: leave it out", s, method)
	case !strings.HasPrefix(p, "/") || strings.Trim(p, pathBytes) != "" || path.Clean(p) != p && path.Clean(p)+"/" != p:
		return route{}, fmt.Errorf("session: SkipRoutes %q: the path must begin with \"/\", have no \"//\", \".\" or \"..\", and only letters, digits and \"-._~\"; there are no patterns", s)
	}
	return route{method, p}, nil
}
