package oauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-sallyport/auth"
)

// Method is the Method of the principals that a Flow hands to an auth.SignIn, and of
// its events.
const Method = "oauth"

// Callback completes an attempt: GET, and POST for a provider that answers so. It
// redeems the code, learns who the user is there, asks l who that is here, and hands
// the principal to s. The request that s gets is a GET whose query has the page to
// return to as auth.ReturnParam, and nothing of what the provider has sent.
//
// An attempt of StartLink ends with a link and with 303 to the page to return to; the
// credential of the browser stays as it is.
//
// Whatever goes wrong before s, no credential was issued. It panics if l or s is nil.
func (f *Flow) Callback(l Linker, s auth.SignIn) http.Handler {
	if l == nil || s == nil {
		panic("oauth: Callback needs a Linker and an auth.SignIn")
	}
	return f.handler("GET, POST", func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodPost {
			return f.relay(w, r)
		}
		params, err := f.response(w, r)
		if err != nil {
			return err
		}
		return f.complete(w, r, params, l, s)
	})
}

// A completion is a callback whose attempt is good.
type completion struct {
	attempt  *attempt
	at       time.Time
	current  *auth.Principal // who is signed in in the browser, or nil
	identity *Identity
	grant    *Grant
}

func (f *Flow) complete(w http.ResponseWriter, r *http.Request, params url.Values, l Linker, s auth.SignIn) error {
	ctx := r.Context()
	c := completion{at: f.cfg.Now()}
	if err := f.enabled(ctx); err != nil {
		return err
	}
	var err error
	if c.attempt, err = f.find(r, params.Get("state"), c.at); err != nil {
		return err
	}
	reg, err := f.registration(ctx)
	if err != nil {
		return err // the attempt is still good
	}
	err = f.consume(ctx, c.attempt)
	if err != nil && !errors.Is(err, ErrConsumed) {
		return err // as far as is known it still is
	}
	f.clearCookie(w, f.cookieName(c.attempt.State))
	if err != nil {
		return err
	}
	code, err := readAnswer(params, reg)
	if err != nil {
		return err
	}
	if err := f.identify(ctx, reg, &c, code, params); err != nil {
		return err
	}
	// Not before: the provider takes its time, and a session that ends meanwhile, because
	// its user says so or the account is taken over, links nothing any more.
	if c.current, err = f.current(r); err != nil {
		return err
	}
	if !c.attempt.of(c.current) {
		return fmt.Errorf("%w: another user, or another session, began to link", ErrAttempt)
	}
	if c.attempt.User != "" {
		return f.link(w, r, c, l)
	}
	return f.signIn(w, r, c, l, s)
}

func (f *Flow) consume(ctx context.Context, a *attempt) error {
	var call CallID
	_, _ = rand.Read(call[:]) // never fails, see crypto/rand
	err := f.cfg.Consumer.Consume(ctx, a.id(), call, a.started().Add(f.cfg.Timeout))
	if errors.Is(err, ErrConsumed) {
		return fmt.Errorf("%w: %w", ErrAttempt, ErrConsumed)
	}
	return unavailable("Consume", err)
}

// identify turns a code into an identity.
func (f *Flow) identify(ctx context.Context, reg *Registration, c *completion, code string, params url.Values) error {
	g, err := redeem(ctx, f.client, reg, url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {f.cfg.RedirectURL},
		"code_verifier": {c.attempt.Verifier},
	}, c.at)
	if err != nil {
		return err
	}
	if g.Scopes == nil {
		g.Scopes = append([]string(nil), reg.Scopes...)
	}
	g.Nonce, g.MaxAge = c.attempt.Nonce, time.Duration(c.attempt.MaxAge)*time.Second
	g.StartedAt, g.Now = c.attempt.started(), c.at
	g.Response = further(params)
	id, err := f.provider.Identify(ctx, g)
	if err != nil {
		return ofProvider("the user", err)
	}
	if err := id.check(c.at); err != nil {
		return err
	}
	id.Provider = f.name
	c.identity, c.grant = id, g
	return nil
}

// signIn ends an attempt to sign in.
func (f *Flow) signIn(w http.ResponseWriter, r *http.Request, c completion, l Linker, s auth.SignIn) error {
	v := Visit{At: c.at}
	if c.current != nil && !f.cfg.SwitchUser {
		v.Only = c.current.Subject
	}
	p, _, err := l.Resolve(r.Context(), c.identity, v)
	switch {
	case err != nil:
		return err
	case p == nil || p.Subject == "":
		return errors.New("oauth: the Linker returned neither a principal nor an error")
	case v.Only != "" && p.Subject != v.Only:
		return ErrOtherUser
	}
	if err := f.proved(r, c, p.Subject); err != nil {
		return err
	}
	return s.SignIn(w, f.plainRequest(r, f.returnTo(c.attempt, f.cfg.ReturnTo)), p)
}

// link ends an attempt to link.
func (f *Flow) link(w http.ResponseWriter, r *http.Request, c completion, l Linker) error {
	if err := l.Link(r.Context(), c.attempt.User, c.identity); err != nil {
		return err
	}
	if err := f.proved(r, c, c.attempt.User); err != nil {
		return err
	}
	w.Header().Set("Location", f.returnTo(c.attempt, f.cfg.Linked))
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// proved is what follows when it is known whose the identity is here.
func (f *Flow) proved(r *http.Request, c completion, user string) error {
	if f.cfg.Tokens != nil {
		if err := f.cfg.Tokens.keep(r.Context(), c.identity, c.grant); err != nil {
			return err
		}
	}
	f.emit(r, auth.Event{Kind: EventIdentity, Subject: user, CredentialID: linkID(c.identity.Issuer, c.identity.Subject)})
	return nil
}

func (f *Flow) returnTo(a *attempt, standard string) string {
	if path, ok := auth.LocalPath(a.ReturnTo); ok {
		return path
	}
	return standard
}

// plainRequest is r without the answer of the provider: what an auth.SignIn looks at,
// and may log, is a request for a page.
func (f *Flow) plainRequest(r *http.Request, returnTo string) *http.Request {
	c := r.Clone(r.Context())
	c.URL.RawQuery = url.Values{auth.ReturnParam: {returnTo}}.Encode()
	c.URL.ForceQuery, c.URL.Fragment = false, ""
	c.RequestURI = c.URL.RequestURI()
	c.Form, c.PostForm, c.MultipartForm = nil, nil, nil
	return c
}
