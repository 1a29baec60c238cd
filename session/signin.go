package session

import (
	"context"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// SignIn starts a session for p, sets the cookie and writes the response: what
// Config.Respond says, else 303 to auth.ReturnPath for a browser that wants a
// page, else 204. It works with and without Handler in the chain. On an error
// nothing has been written.
//
// Otherwise it is as Begin.
func (m *Manager) SignIn(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
	n := m.nodeOf(r.Context())
	alone := n == nil
	if alone {
		n = m.newNode(r)
		n.response = response{ResponseWriter: w, node: n}
		w = &n.response
	}
	if err := n.begin(r.Context(), p); err != nil {
		return err
	}
	if m.cfg.Respond == nil {
		m.respond(w, r)
	} else {
		m.cfg.Respond(w, r, n.principal())
	}
	if alone {
		n.finish()
	}
	return nil
}

// Begin starts a session for p, who has just proved to be p. The cookie is set
// when the response begins. It wants Handler in the chain (ErrNoHandler) and the
// headers not sent (ErrCommitted).
//
// The session has a new id; the one that the client came with is ended before
// anybody learns the new id, and of its values only those of Config.Keep go over. So an id, or a
// value, that somebody planted before the sign-in is worth nothing after it. The
// session lasts for Config.Lifetime from now, see also Remember. If the user then
// has more sessions than Config.MaxPerUser, the oldest end.
//
// A session of the same user is replaced in one step. Over that of another user,
// or of a visitor, the new one is made and then the old one ended, for they may be
// on two servers. If the process dies in between, the sign-in has not been
// answered: the old session stands as it was, as if the request had never come,
// and the new one, whose cookie nobody has, is listed until it is revoked or ends
// by its limits. To end the old one first would be no safer and would sign people
// out whenever the store cannot make a session.
//
// A sign-in that another origin made a browser send is refused with
// ErrCrossOrigin, also without a cookie, as it would sign the user in to an
// account that is not theirs. A provider that answers with a cross-site POST
// needs its callback exempted in Config.CrossOrigin. Over plain HTTP a sign-in
// is refused with ErrPlainHTTP where that can be told.
func (m *Manager) Begin(ctx context.Context, p *auth.Principal) error {
	n := m.nodeOf(ctx)
	if n == nil {
		return ErrNoHandler
	}
	return n.begin(ctx, p)
}

func (n *node) begin(ctx context.Context, p *auth.Principal) error {
	m := n.manager
	if p == nil || p.Subject == "" {
		return errNoSubject
	}
	if err := m.checkIssue(n.request); err != nil {
		return err
	}
	kept, err := n.kept()
	if err != nil {
		return err
	}

	n.mu.Lock()
	defer n.mu.Unlock()
	if n.committed {
		return ErrCommitted
	}
	before, err := n.load()
	if err != nil && !isNone(err) {
		return err
	}
	if before != nil && before.Principal != nil && before.Principal.Subject != p.Subject {
		kept = nil // somebody else's
	}
	now := m.cfg.Now()
	rec := m.newRecord(n.request, now, remembers(ctx))
	rec.Principal = stamp(p, rec.ID, milli(now))
	rec.Values = kept
	if err := n.replace(rec, now); err != nil {
		return err
	}
	m.emit(n.request, auth.Event{Kind: auth.EventSignIn, Subject: p.Subject, CredentialID: rec.ID})
	return nil
}

// replace makes rec the session of the request, under a new token. The session
// before it, if any, has ended when it returns nil, and stands if it does not. It
// wants n.mu.
func (n *node) replace(rec *Record, now time.Time) error {
	m := n.manager
	if err := rec.fits(); err != nil {
		return err
	}
	ctx, cancel := m.detach(n.Context)
	defer cancel()
	expiry := m.expiry(rec, now)

	before, subject := n.record, rec.subject()
	t := newToken(newBucket(subject))
	err := ErrNoSession
	same := before != nil && subject != "" && before.subject() == subject
	if same {
		err = m.store.Rename(ctx, n.id, t.id(), rec, expiry)
	}
	if isNoSession(err) {
		// There was none, or it ended meanwhile. The new one stands by itself.
		err = m.store.Create(ctx, t.id(), rec, expiry, m.cfg.MaxPerUser)
	}
	if err != nil {
		return unavailable("create", err)
	}
	if before != nil && !same {
		// Somebody else's, or a visitor's. Nobody has the new token before the
		// response, so until here nothing has happened.
		if err := m.store.Delete(ctx, n.id); err != nil {
			_ = m.store.Delete(ctx, t.id()) // nobody could use it
			return unavailable("create", err)
		}
	}
	n.id, n.record, n.err, n.loaded = t.id(), rec, nil, true
	n.token, n.cookie = t, cookieSet
	n.values = nil
	return nil
}

// newRecord is an empty record for the client of r.
func (m *Manager) newRecord(r *http.Request, now time.Time, remembered bool) *Record {
	at := milli(now)
	return &Record{
		ID:         secret.Token(secret.MinBytes),
		Created:    at,
		Seen:       at,
		Deadline:   at.Add(m.limitsFor(remembered).lifetime),
		Remembered: remembered,
		Address:    m.client(r),
		UserAgent:  userAgent(r),
	}
}

func (n *node) principal() *auth.Principal {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.record.Principal
}

// respond sends a browser on its way and tells any other client that it is done.
func (m *Manager) respond(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	if !auth.WantsHTML(r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h.Set("Location", auth.ReturnPath(r, m.cfg.Landing))
	w.WriteHeader(http.StatusSeeOther)
}
