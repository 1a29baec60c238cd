package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/problem"
)

// Options are those of one attempt. The zero value is a plain sign-in.
type Options struct {
	// ReturnTo is the page after it: an auth.LocalPath of at most 1,024 bytes, or else
	// Config.ReturnTo or Linked is taken.
	ReturnTo string
	// Params are further parameters of the authorization request, such as prompt or
	// login_hint. They replace those of the Registration.
	Params url.Values
	// MaxAge replaces that of the Registration. Zero: it does not.
	MaxAge time.Duration
	// Link makes the callback link the identity to this user, who is signed in, and
	// not sign anybody in. The principal must have a CredentialID: the callback works
	// in that session only.
	Link *auth.Principal
}

// owned are the parameters that a Flow sets by itself.
var owned = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "max_age",
	"code_challenge", "code_challenge_method", "response_mode", "request", "request_uri",
}

// Start sends the browser to the provider (GET or POST). The page to return to is what
// auth.LoginRedirect puts into the query, auth.ReturnParam.
//
// A link of another site may begin a sign-in; it ends, at most, with the user signed
// in as themselves.
func (f *Flow) Start() http.Handler {
	return f.handler("GET, POST", func(w http.ResponseWriter, r *http.Request) error {
		return f.start(w, r, Options{ReturnTo: auth.ReturnPath(r, "")})
	})
}

// StartLink sends the browser of a signed-in user to the provider, to link an identity
// there to the user (POST). It refuses who is not signed in, whose proof of identity
// is older than Config.FreshFor (*auth.StepUpError), and requests that come from
// another site: that could link an account of its own to this user. A page with the
// form needs the origin of the provider in form-action of its Content-Security-Policy,
// if it has one.
func (f *Flow) StartLink() http.Handler {
	return f.handler("POST", func(w http.ResponseWriter, r *http.Request) error {
		if err := checkOrigin(r, f.cfg.CrossOrigin, !f.cfg.InsecureCookie); err != nil {
			return err
		}
		p, err := f.signedIn(r)
		if err != nil {
			return err
		}
		if err := checkFresh(p, f.cfg.FreshFor, f.cfg.Now); err != nil {
			return err
		}
		return f.start(w, r, Options{ReturnTo: auth.ReturnPath(r, ""), Link: p})
	})
}

func (f *Flow) start(w http.ResponseWriter, r *http.Request, o Options) error {
	location, err := f.Begin(w, r, o)
	if err != nil {
		return err
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// Begin is Start for handlers that answer by themselves: it sets the cookie of an
// attempt on w and returns the address at the provider to which the browser must go.
// Whoever gives it a Link has checked that the request is of the user's own making and
// that their sign-in is recent.
func (f *Flow) Begin(w http.ResponseWriter, r *http.Request, o Options) (location string, err error) {
	ctx := r.Context()
	if err := f.enabled(ctx); err != nil {
		return "", err
	}
	reg, err := f.registration(ctx)
	if err != nil {
		return "", err
	}
	for name := range o.Params {
		if slices.Contains(owned, name) {
			return "", fmt.Errorf("oauth: Options.Params: %s is not a free parameter", name)
		}
	}
	a := &attempt{State: secret.Token(32), Verifier: secret.Token(32), Started: f.cfg.Now().UnixMilli()}
	if reg.Nonce {
		a.Nonce = secret.Token(32)
	}
	maxAge := o.MaxAge
	if maxAge == 0 {
		maxAge = reg.MaxAge
	}
	if a.MaxAge = int64(maxAge / time.Second); maxAge < 0 || maxAge > 0 && a.MaxAge == 0 {
		return "", fmt.Errorf("oauth: a MaxAge of %s: use whole seconds", maxAge)
	}
	if path, ok := auth.LocalPath(o.ReturnTo); ok && len(path) <= maxReturnTo {
		a.ReturnTo = path
	}
	if o.Link != nil {
		if o.Link.Subject == "" || o.Link.CredentialID == "" {
			return "", errors.New("oauth: Options.Link: a principal without a Subject or a CredentialID cannot be found again at the callback")
		}
		a.User, a.Credential = o.Link.Subject, o.Link.CredentialID
	}
	address, err := f.authURL(reg, a, o.Params)
	if err != nil {
		return "", err
	}
	if err := f.keep(w, r, a); err != nil {
		return "", err
	}
	f.emit(r, auth.Event{Kind: EventStarted, Subject: a.User})
	return address, nil
}

// authURL is the authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3).
func (f *Flow) authURL(reg *Registration, a *attempt, params url.Values) (string, error) {
	u, err := url.Parse(reg.AuthURL)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrProvider, err)
	}
	q := u.Query() // which the endpoint may have of its own (RFC 6749 §3.1)
	for _, more := range []url.Values{reg.Params, params} {
		for name, values := range more {
			q[name] = values
		}
	}
	for _, name := range owned {
		q.Del(name)
	}
	challenge := sha256.Sum256([]byte(a.Verifier))
	q.Set("response_type", "code")
	q.Set("client_id", reg.ClientID)
	q.Set("redirect_uri", f.cfg.RedirectURL)
	q.Set("state", a.State)
	q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(challenge[:]))
	q.Set("code_challenge_method", "S256")
	if len(reg.Scopes) > 0 {
		q.Set("scope", strings.Join(reg.Scopes, " "))
	}
	if a.Nonce != "" {
		q.Set("nonce", a.Nonce)
	}
	if a.MaxAge > 0 {
		q.Set("max_age", strconv.FormatInt(a.MaxAge, 10))
	}
	if reg.FormPost {
		q.Set("response_mode", "form_post")
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// enabled asks Config.Enabled.
func (f *Flow) enabled(ctx context.Context) error {
	if f.cfg.Enabled == nil {
		return nil
	}
	on, err := f.cfg.Enabled(ctx)
	if err != nil {
		return unavailable("Enabled", err)
	}
	if !on {
		return ErrDisabled
	}
	return nil
}

// registration asks the provider, and checks what a Flow relies on.
func (f *Flow) registration(ctx context.Context) (*Registration, error) {
	reg, err := f.provider.Registration(ctx)
	if err != nil {
		return nil, ofProvider("its registration", err)
	}
	if reg.ClientID == "" {
		return nil, errors.New("oauth: the registration has no ClientID")
	}
	for _, address := range []string{reg.AuthURL, reg.TokenURL} {
		if err := CheckURL(address); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProvider, err)
		}
	}
	return reg, nil
}

// handler is the frame of every handler: do writes the response, or returns an error
// and has written nothing but headers.
func (f *Flow) handler(allow string, do func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return problem.Recover(f.cfg.ErrorHandler)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		// The address of a callback has a code in it.
		w.Header().Set("Referrer-Policy", "no-referrer")
		err := notAllowedBut(r.Method, allow)
		if err == nil {
			err = do(w, r)
		}
		if err != nil {
			f.refuse(w, r, err)
		}
	}))
}

func notAllowedBut(method, allow string) error {
	if slices.Contains(strings.Split(allow, ", "), method) {
		return nil
	}
	return notAllowed(allow)
}

func notAllowed(allow string) error {
	return &problem.Error{
		Details: problem.New(problem.MethodNotAllowed),
		Header:  http.Header{"Allow": {allow}},
		Err:     errors.New("oauth: the method is not " + allow),
	}
}

func (f *Flow) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f.emit(r, auth.Event{Kind: auth.EventSignInFail, Err: err})
	f.cfg.ErrorHandler(w, r, err)
}

func (f *Flow) emit(r *http.Request, e auth.Event) {
	e.Method, e.Resource, e.Time = Method, f.name, f.cfg.Now()
	if addr, err := f.cfg.ClientIP(r); err == nil {
		e.Address = addr
	}
	f.cfg.OnEvent.Emit(r.Context(), e)
}
