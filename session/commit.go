package session

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-sallyport/auth"
)

// commit saves the session and writes its headers, once. It reports whether this
// call did so, and why the response of the handler must not be sent.
func (n *node) commit() (first bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.committed {
		return false, n.failed
	}
	n.committed = true
	if v := n.values; v != nil {
		err = n.saveValues(v)
		n.values = nil
	}
	n.failed = err
	n.writeHeaders(n.response.Header())
	return true, err
}

// saveValues saves v if the application has changed them. It wants n.mu, and lets
// go of it while scs is called.
func (n *node) saveValues(v *values) error {
	encoded, changed, err := func() ([]byte, bool, error) {
		n.mu.Unlock()
		defer n.mu.Lock()
		return n.manager.changed(v)
	}()
	switch {
	case err != nil || n.values != v:
		// A sign-out that ran meanwhile has taken the values away.
		return err
	case n.err != nil && !isNone(n.err):
		// The handler took the values for absent because they could not be read.
		return n.err
	case changed:
		return n.save(encoded)
	}
	return nil
}

// save keeps changed values: in the session if there is one, else in a new one
// of a visitor. It wants n.mu.
func (n *node) save(encoded []byte) error {
	m := n.manager
	now := m.cfg.Now()
	if n.record == nil {
		if len(encoded) == 0 {
			return nil
		}
		// A cookie that a cross-origin POST makes the browser take would replace
		// the one of a user who is signed in, which such a request does not carry.
		if err := m.checkIssue(n.request); err != nil {
			return err
		}
		rec := m.newRecord(n.request, now, false)
		if !n.inherit.IsZero() {
			rec.Deadline = n.inherit
		}
		rec.Values = encoded
		return n.replace(rec, now)
	}
	rec := *n.record
	rec.Values = encoded
	rec.Seen = milli(now)
	if err := rec.fits(); err != nil {
		return err
	}
	ctx, cancel := m.detach(n.Context)
	defer cancel()
	err := m.store.Update(ctx, n.id, &rec, m.expiry(&rec, now))
	if isNoSession(err) {
		// Neither to be revived, nor to be replaced: the client may by now have
		// the cookie of another session.
		return errEnded
	}
	if err != nil {
		return unavailable("update", err)
	}
	n.record = &rec
	return nil
}

// Shared by all responses. Their capacity is their length, so that Header.Add
// copies them.
var (
	varyCookie = []string{"Cookie"}
	noStore    = []string{"no-store"}
)

// writeHeaders adds the cookie and what keeps caches from mixing up users. It
// wants n.mu.
func (n *node) writeHeaders(h http.Header) {
	if !n.loaded && n.cookie == cookieKeep {
		return
	}
	switch vary := h["Vary"]; {
	case len(vary) == 0:
		h["Vary"] = varyCookie
	case !slices.ContainsFunc(vary, func(s string) bool { return strings.Contains(s, "Cookie") || s == "*" }):
		h.Add("Vary", "Cookie")
	}
	if len(h["Cache-Control"]) == 0 || n.cookie != cookieKeep {
		h["Cache-Control"] = noStore
	}
	switch {
	case n.cookie == cookieClear:
		n.manager.clearCookie(h)
	case n.cookie == cookieSet && n.failed == nil:
		n.manager.setCookie(h, n.token, n.record)
	}
}

// finish ends the request: it commits if the handler wrote nothing, and reports
// values that were changed too late.
func (n *node) finish() {
	if first, err := n.response.commit(); first || err != nil {
		return
	}
	n.mu.Lock()
	v, rec := n.values, n.record
	n.mu.Unlock()
	if v == nil || !n.manager.modified(v) {
		return
	}
	e := auth.Event{Kind: EventLateWrite, Err: ErrCommitted}
	if rec != nil {
		e.Subject, e.CredentialID = rec.subject(), rec.ID
	}
	n.manager.emit(n.request, e)
}
