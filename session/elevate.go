package session

import (
	"context"
	"slices"

	"github.com/go-sallyport/auth"
)

// Elevate notes that the user of the request's session has just given another
// proof, such as a code or the password again, for auth.RequireFresh with the
// kind of the factor. A factor without a time was proved now; a later proof takes
// the place of an earlier one of its kind.
//
// The id is renewed, so that a cookie that was copied before is worth nothing for
// what the proof opens. Values, the public id and all limits stay: only a sign-in
// moves the deadline, or AuthenticatedAt. A request that runs with the old id
// cannot undo it: its writes fail with ErrNoSession, as does the second of two
// Elevates. A Revoke that runs at the same time ends the session either way.
//
// It wants Handler in the chain (ErrNoHandler), the headers not sent
// (ErrCommitted), and somebody signed in (auth.ErrNoCredentials). If it fails the
// session is as it was or, if the store has done it and its answer was lost, signed out
// here: nobody has the new id. So who was promised that a copy of the cookie ends, as
// after a change of password, has to end the session (RevokeSubject).
func (m *Manager) Elevate(ctx context.Context, f auth.Factor) error {
	n := m.nodeOf(ctx)
	if n == nil {
		return ErrNoHandler
	}
	if f.Kind == "" {
		return errNoFactor
	}
	if err := m.checkIssue(n.request); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.committed {
		return ErrCommitted
	}
	before, err := n.load()
	if err != nil {
		return err
	}
	if before.Principal == nil {
		return errVisitor
	}
	now := m.cfg.Now()
	if f.At.IsZero() {
		f.At = now
	}
	rec := *before
	rec.Seen = milli(now)
	rec.Principal = before.Principal.Clone()
	rec.Principal.Factors = withFactor(rec.Principal.Factors, f)
	return n.renew(&rec)
}

// withFactor returns factors, of which there is one of each kind that f has.
func withFactor(factors []auth.Factor, f auth.Factor) []auth.Factor {
	f.At = milli(f.At)
	for _, old := range factors {
		if old.Kind == f.Kind && old.At.After(f.At) {
			f.At = old.At
		}
	}
	factors = slices.DeleteFunc(factors, func(old auth.Factor) bool { return old.Kind == f.Kind })
	return append(factors, f)
}

// renew puts rec in the place of the session of the request, under a new token.
// It wants n.mu.
func (n *node) renew(rec *Record) error {
	m := n.manager
	if err := rec.fits(); err != nil {
		return err
	}
	ctx, cancel := m.detach(n.Context)
	defer cancel()
	t := newToken(n.id.Bucket())
	err := m.store.Rename(ctx, n.id, t.id(), rec, m.expiry(rec, rec.Seen))
	if isNoSession(err) {
		return errEnded
	}
	if err != nil {
		return unavailable("renew", err)
	}
	n.id, n.record = t.id(), rec
	n.token, n.cookie = t, cookieSet
	return nil
}
