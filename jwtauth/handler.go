package jwtauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
)

// An answer is the body of a response with tokens (RFC 6749 §5.1).
type answer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
}

// maxBody bounds the body of a request, in bytes.
const maxBody = 8 << 10

// SignIn starts a family for p and answers 200 with the access token as JSON:
// access_token, token_type, expires_in in seconds, and scope if there is a bound.
// The refresh token goes into the cookie, or with TransportBody into the member
// refresh_token. On an error nothing has been written, and no family is left whose
// token anybody has.
//
// A family whose cookie came with the request is ended: nobody will have its
// token any more. A sign-in that another origin made a browser send is refused
// with ErrCrossOrigin, also without a cookie, as it would sign the user in to an
// account that is not theirs. Over plain HTTP a sign-in with a cookie is refused
// with ErrPlainHTTP where that can be told.
func (i *Issuer) SignIn(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
	if err := i.checkIssue(r); err != nil {
		return err
	}
	d := i.device(r)
	t, id, err := i.issue(r.Context(), p, d)
	if err != nil {
		return err
	}
	// Cookies that are too many are refused by the next refresh.
	old, _ := i.genuine(r)
	if err := i.end(r, old); err != nil {
		ctx, cancel := detach(r.Context())
		defer cancel()
		_ = i.store.Revoke(ctx, id) // nobody has its token
		return err
	}
	i.emit(r.Context(), d.Address, auth.Event{Kind: auth.EventSignIn, Subject: p.Subject, CredentialID: t.Family})
	i.answer(w, t)
	return nil
}

// end ends the families of tokens that came with r.
func (i *Issuer) end(r *http.Request, tokens []string) error {
	var errs []error
	for _, token := range tokens {
		errs = append(errs, i.revoke(r.Context(), i.client(r), token))
	}
	return errors.Join(errs...)
}

// RefreshHandler answers POST with the next access token, as SignIn does. The
// refresh token comes in the cookie, whose successor is set, or with TransportBody
// as refresh_token in a JSON object or a form, with which scope can be given too.
//
// Any other method is refused with 405, and with the cookie a request that another
// origin made a browser send with 403; neither spends anything.
func (i *Issuer) RefreshHandler() http.Handler {
	return i.post(func(w http.ResponseWriter, r *http.Request) error {
		token, scopes, err := i.presented(w, r)
		if err != nil {
			return err
		}
		t, err := i.rotate(r.Context(), token, i.client(r), scopes)
		if err == nil {
			i.answer(w, t)
		}
		return err
	})
}

// RevokeHandler answers POST with Revoke and 204: it is the sign-out. It needs no
// access token, so it works when that has expired. A token that names nothing, or
// none, is fine. With several cookies what any of them names is ended; with more than
// eight genuine ones, which only a neighbour on the same site can plant, some may be
// left, and the answer is a 401.
//
// If the store fails the answer is a 503: the refresh token may still be good. The
// cookie is cleared all the same. Trying again needs it; what is left ends by its
// limits, or by RevokeFamily.
func (i *Issuer) RevokeHandler() http.Handler {
	return i.post(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		if i.cfg.Transport == TransportCookie {
			i.clearCookie(w.Header())
			tokens, many := i.genuine(r)
			if err := errors.Join(i.end(r, tokens), many); err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		token, _, err := i.presented(w, r)
		if err != nil {
			return err
		}
		if err := i.revoke(r.Context(), i.client(r), token); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// post serves POST requests of this origin.
func (i *Issuer) post(serve func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(errNotPost)
		if r.Method == http.MethodPost {
			err = i.checkOrigin(r)
		}
		if err == nil {
			err = serve(w, r)
		}
		if err != nil {
			i.cfg.ErrorHandler(w, r, i.challenged(err))
		}
	})
}

// challenged adds the challenge that a 401 must have (RFC 9110 §15.5.2).
func (i *Issuer) challenged(err error) error {
	d := problem.From(err)
	var e *problem.Error
	if d.Status != http.StatusUnauthorized || errors.As(err, &e) && len(e.Header) > 0 {
		return err
	}
	return &problem.Error{Details: d, Challenges: []string{i.challenge}, Err: err}
}

var errNotPost = &problem.Error{
	Details: problem.New(problem.MethodNotAllowed),
	Header:  http.Header{"Allow": {http.MethodPost}},
}

// presented returns the refresh token of r and the scopes that it asks for.
func (i *Issuer) presented(w http.ResponseWriter, r *http.Request) (token string, scopes []string, err error) {
	if i.cfg.Transport == TransportCookie {
		if token, err = i.readCookie(r); err != nil {
			return "", nil, i.refuse(r.Context(), i.client(r), auth.Event{Err: err})
		}
		return token, nil, nil
	}
	var in struct {
		RefreshToken string `json:"refresh_token"`
		Scope        string `json:"scope"`
	}
	if err := body.Decode(w, r, &in, maxBody); err != nil {
		return "", nil, err
	}
	if in.RefreshToken == "" {
		return "", nil, ErrNoRefreshToken
	}
	if in.Scope != "" {
		scopes = strings.Fields(in.Scope)
	}
	return in.RefreshToken, scopes, nil
}

// answer writes t. RFC 6749 §5.1 asks that nobody keeps it.
func (i *Issuer) answer(w http.ResponseWriter, t *Tokens) {
	out := answer{AccessToken: t.Access, TokenType: "Bearer", ExpiresIn: int64(t.ExpiresIn / time.Second), Scope: strings.Join(t.Scopes, " ")}
	h := w.Header()
	if i.cfg.Transport == TransportCookie {
		i.setCookie(h, t.Refresh, t.RefreshIn)
	} else {
		out.RefreshToken = t.Refresh
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(w).Encode(out) //nolint:gosec // a token for its owner
}
