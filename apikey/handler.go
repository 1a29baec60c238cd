package apikey

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
)

// maxBody bounds the body of a request to a handler, in bytes.
const maxBody = 16 << 10

// The handlers let users manage their own keys. Mount them behind a Gate: they go by
// the principal of the request. Its Subject is the owner of all keys that they make,
// show and end, and no request can name another. They refuse the principal of a key,
// with 403, and one whose sign-in is older than Config.FreshFor, with 401 and
// STEP_UP_REQUIRED; without a principal they refuse with auth.ErrNoCredentials. A
// request of another site with the cookie of a session is the business of the Gate. A
// body that takes longer than 10 seconds to arrive is refused with 400.

// CreateHandler answers POST with a new key. The body is JSON or a form:
//
//	{"name": "backup", "scopes": ["orders:read"], "expires_in": 2592000}
//
// Name and expires_in, in seconds, may be left out; environment and addresses, a list of
// networks, may be given. Any other member is refused with 400. Scopes must be permitted
// to the owner now, and be among those of the credential of the request if these are
// bounded: otherwise the answer is 403.
//
// The answer is 201 and the only time that the key is shown, with Cache-Control:
// no-store:
//
//	{"id": "…", "key": "sk_live_…", "name": "backup", "prefix": "sk_live", "environment": "live",
//	 "scopes": ["orders:read"], "created_at": "…", "expires_at": "…"}
func (m *Manager) CreateHandler() http.Handler {
	return m.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
		var in struct {
			Name        string   `json:"name"`
			Scopes      []string `json:"scopes"`
			ExpiresIn   *int64   `json:"expires_in"`
			Environment string   `json:"environment"`
			Addresses   []string `json:"addresses"`
		}
		if err := body.Decode(w, r, &in, maxBody); err != nil {
			return err
		}
		q := Request{Subject: p.Subject, Name: in.Name, Environment: in.Environment, Scopes: in.Scopes}
		var err error
		if q.Lifetime, err = seconds(in.ExpiresIn, m.cfg.MaxLifetime); err != nil {
			return err
		}
		if q.Addresses, err = networks(in.Addresses); err != nil {
			return err
		}
		if p.Scopes != nil && slices.ContainsFunc(q.Scopes, func(s string) bool { return !slices.Contains(p.Scopes, s) }) {
			return fmt.Errorf("%w: nor may the credential of this request", ErrScope)
		}
		text, k, err := m.Issue(r.Context(), q)
		if err != nil {
			return err
		}
		answer(w, http.StatusCreated, createdEntry{text, entryOf(k)})
		return nil
	})
}

// ListHandler answers GET with the keys of the caller, the newest first, without their
// secrets:
//
//	{"data": [{"id": "…", "name": "…", "prefix": "sk_live", "environment": "live", "scopes": […],
//	  "created_at": "…", "expires_at": "…", "revoked_at": "…", "last_used_at": "…",
//	  "last_used_from": "192.0.2.7", "addresses": […], "predecessor": "…", "successor": "…"}]}
//
// Members without a value are left out. Keys that are revoked or have expired are there
// for Retention.
func (m *Manager) ListHandler() http.Handler {
	return m.handler(http.MethodGet, func(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
		list, err := m.List(r.Context(), p.Subject)
		if err != nil {
			return err
		}
		out := struct {
			Data []keyEntry `json:"data"`
		}{make([]keyEntry, 0, len(list))}
		for _, k := range list {
			out.Data = append(out.Data, entryOf(k))
		}
		answer(w, http.StatusOK, out)
		return nil
	})
}

// RevokeHandler answers DELETE with 204 when the key with the path value id is revoked;
// mount it at a pattern with {id}. A key that is not there, or is somebody else's, is a
// 404; if the store fails the answer is a 503 and the key may still be good.
func (m *Manager) RevokeHandler() http.Handler {
	return m.handler(http.MethodDelete, func(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
		k, err := m.own(r, p)
		if err != nil {
			return err
		}
		if err := m.Revoke(r.Context(), k.ID); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// RotateHandler answers POST with the successor of the key with the path value id, as
// CreateHandler does; mount it at a pattern with {id}/rotate. The body may be missing, or
// have overlap and expires_in, in seconds; an overlap of 0 ends the old key at once. The
// scopes are those of the old key, and must be among those of the credential of the
// request if these are bounded.
func (m *Manager) RotateHandler() http.Handler {
	return m.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
		var in struct {
			Overlap   *int64 `json:"overlap"`
			ExpiresIn *int64 `json:"expires_in"`
		}
		if r.ContentLength != 0 || r.Header.Get("Content-Type") != "" {
			if err := body.Decode(w, r, &in, maxBody); err != nil {
				return err
			}
		}
		k, err := m.own(r, p)
		if err != nil {
			return err
		}
		if p.Scopes != nil && slices.ContainsFunc(k.Scopes, func(s string) bool { return !slices.Contains(p.Scopes, s) }) {
			return fmt.Errorf("%w: nor may the credential of this request", ErrScope)
		}
		var o RotateOptions
		if o.Overlap, err = overlap(in.Overlap, m.cfg.MaxOverlap); err != nil {
			return err
		}
		if o.Lifetime, err = seconds(in.ExpiresIn, m.cfg.MaxLifetime); err != nil {
			return err
		}
		text, next, err := m.Rotate(r.Context(), k.ID, o)
		if err != nil {
			return err
		}
		answer(w, http.StatusCreated, createdEntry{text, entryOf(next)})
		return nil
	})
}

// handler serves requests of one method by fresh, interactive callers.
func (m *Manager) handler(method string, serve func(w http.ResponseWriter, r *http.Request, p *auth.Principal) error) http.Handler {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	onError := m.cfg.ErrorHandler
	if onError == nil { // of the zero Manager
		onError = problem.WriteError
	}
	wrongMethod := &problem.Error{Details: problem.New(problem.MethodNotAllowed), Header: http.Header{"Allow": {allow}}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(wrongMethod)
		if r.Method == method || r.Method == http.MethodHead && method == http.MethodGet {
			var p *auth.Principal
			if p, err = m.caller(r); err == nil {
				w.Header().Set("Cache-Control", "no-store")
				err = serve(w, r, p)
			}
		}
		if err != nil {
			onError(w, r, auth.Challenged(r.Context(), err))
		}
	})
}

// caller returns the principal who may manage his keys.
func (m *Manager) caller(r *http.Request) (*auth.Principal, error) {
	if m.store == nil {
		return nil, errZero
	}
	p, ok := auth.FromContext(r.Context())
	switch {
	case !ok:
		return nil, auth.ErrNoCredentials
	case p.Method == auth.MethodAPIKey:
		return nil, ErrNotInteractive
	case p.Subject == "":
		return nil, errNoSubject
	}
	return p, m.stepUp.Check(p)
}

// own returns the key that the path names if it is the caller's. The owner of a key never
// changes, so nobody gets in between.
func (m *Manager) own(r *http.Request, p *auth.Principal) (*Key, error) {
	id := r.PathValue("id")
	if id == "" {
		return nil, errNoPathID
	}
	k, err := m.Find(r.Context(), id)
	if err == nil && k.Subject != p.Subject {
		err = fmt.Errorf("%w of this owner", ErrNotFound)
	}
	return k, err
}

var errNoPathID = errors.New("apikey: the pattern of this handler has no {id}")
