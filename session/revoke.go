package session

import (
	"context"

	"github.com/go-sallyport/auth"
)

// Revoke ends the session of subject with the public id. One that is not there,
// or is somebody else's, is no error: the answer does not tell which ids exist.
//
// When Revoke, RevokeOthers or RevokeSubject returns nil, no request that begins
// later is let in by a session that they end, and none that is still running can
// bring it back or renew it. If the session of the request itself ends, it is
// signed out and its cookie cleared, as by SignOut. If the store fails the error
// is a 503: the sessions may still be good, so the caller must not report success
// but try again. Who is in a handler already stays there.
//
// A sign-in that runs at the same time may come after. Change what it is proved
// by first, and then revoke; and where a proof from just before the change must
// not count either, compare Principal.AuthenticatedAt in Gate.Current.
//
// Whether the caller may do it is not asked here.
func (m *Manager) Revoke(ctx context.Context, subject, id string) error {
	if subject == "" || id == "" {
		return errNobody
	}
	return m.revoke(ctx, auth.Event{Subject: subject, CredentialID: id}, func(ctx context.Context) error {
		return m.store.Revoke(ctx, subject, id)
	}, func(rec *Record) bool { return rec.ID == id })
}

// RevokeSubject ends all sessions of subject but the one with the public id
// except, which is the CredentialID of its principal. Empty, or the id of
// anything else: all of them. It makes the Manager an auth.Revoker: what resets a
// password or removes a factor calls it, with or without a request. See Revoke
// for what it promises.
func (m *Manager) RevokeSubject(ctx context.Context, subject, except string) error {
	if subject == "" {
		return errNobody
	}
	return m.revoke(ctx, auth.Event{Subject: subject}, func(ctx context.Context) error {
		return m.store.RevokeSubject(ctx, subject, except)
	}, func(rec *Record) bool { return except == "" || rec.ID != except })
}

// RevokeOthers ends all sessions of the user who is signed in but the one of the
// request. It wants Handler in the chain (ErrNoHandler) and somebody signed in
// (auth.ErrNoCredentials). A request that another origin made a browser send is
// refused with ErrCrossOrigin. See Revoke for what it promises.
func (m *Manager) RevokeOthers(ctx context.Context) error {
	n := m.nodeOf(ctx)
	if n == nil {
		return ErrNoHandler
	}
	if err := m.checkOrigin(n.request); err != nil {
		return err
	}
	n.mu.Lock()
	rec, err := n.load()
	n.mu.Unlock()
	if err != nil {
		return err
	}
	if rec.Principal == nil {
		return errVisitor
	}
	return m.RevokeSubject(ctx, rec.subject(), rec.ID)
}

// revoke ends sessions and tells of it. ends reports whether a session of the
// subject is one of them.
func (m *Manager) revoke(ctx context.Context, e auth.Event, do func(context.Context) error, ends func(*Record) bool) error {
	detached, cancel := m.detach(ctx)
	defer cancel()
	if err := do(detached); err != nil {
		return unavailable("revoke", err)
	}
	e.Kind = auth.EventRevoked
	n := m.nodeOf(ctx)
	if n == nil {
		m.emitFrom(ctx, e)
		return nil
	}
	m.emit(n.request, e)
	n.mu.Lock()
	defer n.mu.Unlock()
	// A session that the request has not looked at is not there when it does.
	if n.record != nil && n.record.subject() == e.Subject && ends(n.record) {
		n.forget()
		n.values = nil
	}
	return nil
}

// forget makes the request one without a session, and clears the cookie. It wants
// n.mu.
func (n *node) forget() {
	n.record, n.id, n.err, n.loaded = nil, ID{}, errStale, true
	n.cookie, n.token = cookieClear, ""
}
