package apikey

import (
	"context"
	"net/netip"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// revokeTimeout bounds a revocation and an end, which go on when the client is gone.
const revokeTimeout = 5 * time.Second

// Revoke ends a key at once, see the package comment for the bound with a cache. Its
// successor, if it was rotated, is a key of its own. Revoking again is fine. ErrNotFound
// if there is no such key; any other error means that it may be good still.
//
// It goes on when ctx is done, for up to 5 seconds.
func (m *Manager) Revoke(ctx context.Context, id string) error {
	switch {
	case m.store == nil:
		return errZero
	case !validID(id):
		return ErrNotFound
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	err := m.store.Revoke(ctx, id, m.now())
	m.forget(Change{ID: id})
	if err != nil {
		return storeFailed("revoking a key", err)
	}
	m.emit(ctx, EventRevoked, m.subjectOf(ctx, id), id, netip.Addr{}, nil)
	return nil
}

// subjectOf returns whose key it is, for an event. It is empty if that cannot be told:
// what has happened to the key has happened all the same.
func (m *Manager) subjectOf(ctx context.Context, id string) string {
	if m.cfg.OnEvent == nil {
		return ""
	}
	k, err := m.find(ctx, id)
	if err != nil || k == nil {
		return ""
	}
	return k.Subject
}

// RevokeLeaked revokes the key whose whole text was found somewhere, and returns its
// record: for the reports of secret scanners, and for whoever finds a key. The text
// proves that the caller has it, so nothing else need be asked. The error wraps
// ErrMalformed or ErrInvalid if there is no such key. Look-ups are not limited here: put
// a throttle.Limiter in front of an endpoint that calls it.
func (m *Manager) RevokeLeaked(ctx context.Context, text string) (*Key, error) {
	if m.store == nil {
		return nil, errZero
	}
	prefix, id, secretText, ok := split(text)
	if !ok || !m.issues(prefix) {
		return nil, ErrMalformed
	}
	k, err := m.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if !m.genuine(k, prefix, secret.HandleOf(secretText)) {
		return nil, ErrInvalid
	}
	if err := m.Revoke(ctx, id); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	if now, err := m.find(ctx, id); err == nil && now != nil {
		return now.Clone(), nil
	}
	// An error would say that the key may be good still.
	k = k.Clone()
	if k.RevokedAt.IsZero() {
		k.RevokedAt = m.now()
	}
	return k, nil
}

// RevokeSubject implements auth.Revoker: it revokes all keys of a subject but the one
// with that id, which may be empty. Give the Manager to a password reset if the owner
// wants his keys to end by it, and call it when an account is closed. It goes on when
// ctx is done, for up to 5 seconds.
func (m *Manager) RevokeSubject(ctx context.Context, subject, exceptCredentialID string) error {
	switch {
	case m.store == nil:
		return errZero
	case subject == "":
		return errNoSubject
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	if !validID(exceptCredentialID) {
		exceptCredentialID = "" // of a credential of another kind
	}
	err := m.store.RevokeAll(ctx, subject, exceptCredentialID, m.now())
	m.forget(Change{Subject: subject})
	if err != nil {
		return storeFailed("revoking the keys of a subject", err)
	}
	m.emit(ctx, EventRevoked, subject, "", netip.Addr{}, nil)
	return nil
}

// Expire sets the end of a key to an earlier time; a later one changes nothing. A time
// in the past ends the key at once, as expired. ErrNotFound if there is no such key.
//
// It goes on when ctx is done, for up to 5 seconds.
func (m *Manager) Expire(ctx context.Context, id string, at time.Time) error {
	switch {
	case m.store == nil:
		return errZero
	case !validID(id):
		return ErrNotFound
	case at.IsZero():
		return unacceptable("The end of a key must be a time")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	err := m.store.Expire(ctx, id, micros(at))
	m.forget(Change{ID: id})
	if err != nil {
		return storeFailed("expiring a key", err)
	}
	m.emit(ctx, EventExpired, m.subjectOf(ctx, id), id, netip.Addr{}, nil)
	return nil
}

// Forget drops what the cache of this process has of the keys of a subject, so that
// Owner is asked at their next use: call it when roles change or an account is
// disabled. Without a cache it does nothing. Other processes notice within
// Config.CacheFor.
func (m *Manager) Forget(subject string) {
	if subject != "" {
		m.forget(Change{Subject: subject})
	}
}

// forget drops what a change of this process concerns.
func (m *Manager) forget(c Change) {
	if m.cache != nil && c != (Change{}) {
		m.cache.forget(c)
	}
}

var _ auth.Revoker = (*Manager)(nil)
