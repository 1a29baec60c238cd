package session

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// SignOut ends the session of the request, in the store and in the browser. When
// it returns nil no later request with the cookie succeeds, and no request that
// is still running can bring the session back. Without a session it does nothing
// but clear the cookie; if there are two cookies, what either names is ended.
//
// If the store fails the error is a 503: the session may still be good, so the
// caller must not report success. The cookie is cleared all the same. Trying
// again needs the cookie, which is gone then; what is left ends by its limits.
//
// After the headers are sent the session is ended but the cookie stays:
// ErrCommitted. It wants Handler in the chain: ErrNoHandler.
func (m *Manager) SignOut(ctx context.Context) error {
	n := m.nodeOf(ctx)
	if n == nil {
		return ErrNoHandler
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.end()
	n.values = nil
	return err
}

// SignOutHandler answers POST with SignOut and then as SignIn does by default:
// 303 for browsers, 204 for others. It works with and without Handler in the
// chain. Any other method is refused with 405, as links and images of other
// sites cause GETs.
func (m *Manager) SignOutHandler() http.Handler {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			m.cfg.ErrorHandler(w, r, errNotPost)
			return
		}
		if err := m.SignOut(r.Context()); err != nil {
			m.cfg.ErrorHandler(w, r, err)
			return
		}
		m.respond(w, r)
	})
	return m.Handler(h)
}

var errNotPost = &problem.Error{
	Details: problem.New(problem.MethodNotAllowed),
	Header:  http.Header{"Allow": {http.MethodPost}},
}

// end deletes the session and clears the cookie. It wants n.mu.
func (n *node) end() error {
	m := n.manager
	if err := m.checkOrigin(n.request); err != nil {
		return err
	}
	// The record is wanted for the event alone; a store that cannot find it may
	// still delete it.
	rec, _ := n.load()
	ids, current := m.namedByCookies(n.request), n.id
	if rec != nil && rec.Principal == nil && !slices.Contains(ids, current) {
		ids = append(ids, current)
	}
	n.forget()

	ctx, cancel := m.detach(n.Context)
	defer cancel()
	// All of them, also if one fails: the cookies are gone after this.
	var failed error
	for _, id := range ids {
		if rec != nil && rec.Principal != nil && id == current {
			continue
		}
		failed = errors.Join(failed, m.store.Delete(ctx, id))
	}
	if rec != nil && rec.Principal != nil {
		// By its public id: an Elevate that runs at the same time may have given
		// it another id.
		failed = errors.Join(failed, m.store.Revoke(ctx, rec.subject(), rec.ID))
	}
	if failed != nil {
		return unavailable("sign-out", failed)
	}
	if rec != nil {
		m.emit(n.request, auth.Event{Kind: auth.EventSignOut, Subject: rec.subject(), CredentialID: rec.ID})
	}
	if n.committed {
		return ErrCommitted
	}
	return nil
}
