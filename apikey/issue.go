package apikey

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/problem"
)

// A Request asks for a key. Subject and Scopes are required.
type Request struct {
	// Subject is the owner. Take it from an authenticated principal or from the
	// administrator who asks, never from the body of a request of the owner.
	Subject string
	// Name is for people, up to MaxName bytes.
	Name string
	// Environment is one of Config.Environments. Empty: the first.
	Environment string
	// Scopes are what the key may do. The owner must be permitted each of them now.
	Scopes []string
	// Labels are facts of the application; principals have them as attributes, see
	// AttributeLabel.
	Labels map[string]string
	// Addresses are the networks from which the key may be used. Empty: from anywhere.
	Addresses []netip.Prefix
	// Limit bounds the requests with the key. Zero: they are not bounded.
	Limit Limit
	// Lifetime is how long the key lives. Zero: Config.Lifetime. Negative: for ever,
	// if Config.MaxLifetime is negative. At most Config.MaxLifetime.
	Lifetime time.Duration
}

// RotateOptions say how a key is rotated. The zero value is the recommended setting.
type RotateOptions struct {
	// Overlap is how long the old key stays good, for its users to take the new one.
	// It never lives longer than it would have. Zero: Config.Overlap. Negative: it ends
	// at once, as after a leak. At most Config.MaxOverlap.
	Overlap time.Duration
	// Lifetime is that of the new key. Zero: as long as that of the old one, or
	// Config.MaxLifetime if that is shorter now. Else as in Request.
	Lifetime time.Duration
}

// Issue makes a key and returns its text, which nobody can find out later: show it
// once, with Cache-Control: no-store. The error wraps ErrRequest if the request cannot
// be met, ErrScope if the owner may not do what a scope says, ErrOwner if the owner is
// disabled, ErrTooMany if there are Config.MaxKeys live keys of the owner.
//
// If the answer of the store is lost the key may exist, and nobody has its secret: it
// is in the list of its owner and can be revoked there.
func (m *Manager) Issue(ctx context.Context, r Request) (text string, k *Key, err error) {
	if m.store == nil {
		return "", nil, errZero
	}
	env, known := m.environment(r.Environment)
	now := m.now()
	k = &Key{
		Subject: r.Subject, Name: r.Name, Prefix: env.text, Environment: env.environment, Scopes: unique(r.Scopes),
		Labels: r.Labels, Addresses: r.Addresses, Limit: r.Limit, CreatedAt: now,
	}
	k = k.Clone() // of what the caller has
	for i, a := range k.Addresses {
		k.Addresses[i] = unmapped(a)
	}
	switch {
	case r.Subject == "" || !plain(r.Subject, maxSubject):
		return "", nil, fmt.Errorf("%w: it must have 1 to %d bytes, without control characters", errNoSubject, maxSubject)
	case !known:
		return "", nil, unacceptable("There is no such environment")
	}
	if err := k.check(); err != nil {
		return "", nil, err
	}
	if _, err := k.MarshalGrant(); err != nil {
		return "", nil, unacceptable("Scopes, labels and addresses take more than %d bytes", MaxGrantSize)
	}
	if k.ExpiresAt, err = m.end(now, r.Lifetime); err != nil {
		return "", nil, err
	}
	text = m.seal(k)
	p, err := m.principal(ctx, k)
	if err != nil {
		return "", nil, err
	}
	if len(p.Scopes) != len(k.Scopes) {
		return "", nil, ErrScope
	}
	if err := m.store.Create(ctx, k, m.cfg.MaxKeys); err != nil {
		return "", nil, storeFailed("issuing a key", err)
	}
	m.emit(ctx, EventIssued, k.Subject, k.ID, netip.Addr{}, nil)
	return text, k.Clone(), nil
}

// Rotate makes the successor of a key: a new key, with a new id and secret and the
// rights of the old one, which ends after the overlap. The text is that of the new key,
// as of Issue.
//
// It is one atomic step: a key has one successor, of many calls at once one succeeds
// and the others get ErrRotated, and a key that was revoked meanwhile has none. Nothing
// brings a dead key back or makes the old one live longer; the new one may not live
// longer than Config.MaxLifetime from now.
//
// The error wraps ErrNotFound if there is no such key, ErrRevoked or ErrExpired if it
// is dead, all three answered with 404; ErrRotated if it has a successor. Whoever has
// lost the successor's secret rotates the successor.
func (m *Manager) Rotate(ctx context.Context, id string, o RotateOptions) (text string, k *Key, err error) {
	switch {
	case m.store == nil:
		return "", nil, errZero
	case !validID(id):
		return "", nil, ErrNotFound
	}
	old, err := m.Find(ctx, id)
	if err != nil {
		return "", nil, err
	}
	r := Rotation{Next: old.Clone(), Limit: 2 * m.cfg.MaxKeys}
	if err := m.succeed(&r, old, o); err != nil {
		return "", nil, err
	}
	text = m.seal(r.Next)
	if _, err := m.principal(ctx, r.Next); err != nil {
		return "", nil, err
	}
	err = m.store.Rotate(ctx, id, r)
	m.forget(Change{ID: id})
	if err != nil {
		return "", nil, notRotated(storeFailed("rotating a key", err))
	}
	m.emit(ctx, EventRotated, old.Subject, r.Next.ID, netip.Addr{}, nil)
	return text, r.Next.Clone(), nil
}

// succeed makes r.Next, a copy of old, its successor.
func (m *Manager) succeed(r *Rotation, old *Key, o RotateOptions) (err error) {
	now, next := m.now(), r.Next
	if env, known := m.environment(old.Environment); !known || env.text != old.Prefix {
		return unacceptable("Keys of this environment are not issued any more")
	}
	if !old.RevokedAt.IsZero() {
		return notRotated(ErrRevoked) // or its past would make its successor's future
	}
	overlap := o.Overlap
	switch {
	case overlap == 0:
		overlap = max(m.cfg.Overlap, 0)
	case overlap < 0:
		overlap = 0
	case overlap > m.cfg.MaxOverlap:
		return unacceptable("The overlap can be up to %d seconds", int64(m.cfg.MaxOverlap/time.Second))
	}
	lifetime := o.Lifetime
	if lifetime == 0 {
		lifetime = m.sameLifetime(old)
	}
	next.CreatedAt, next.Predecessor, next.Successor = now, old.ID, ""
	next.RevokedAt, next.LastUsedAt, next.LastUsedFrom = time.Time{}, time.Time{}, netip.Addr{}
	r.Ends = micros(now.Add(overlap))
	next.ExpiresAt, err = m.end(now, lifetime)
	return err
}

// sameLifetime is that of old, as far as it is allowed now.
func (m *Manager) sameLifetime(old *Key) time.Duration {
	lifetime := time.Duration(-1)
	if !old.ExpiresAt.IsZero() {
		lifetime = max(old.ExpiresAt.Sub(old.CreatedAt), time.Second)
	}
	if most := m.cfg.MaxLifetime; most > 0 && (lifetime < 0 || lifetime > most) {
		return most
	}
	return lifetime
}

// end returns when a key ends that is made now.
func (m *Manager) end(now time.Time, lifetime time.Duration) (time.Time, error) {
	most := m.cfg.MaxLifetime
	switch {
	case lifetime == 0:
		lifetime = m.cfg.Lifetime
	case lifetime < 0 && most < 0:
		return time.Time{}, nil
	case lifetime < 0:
		return time.Time{}, unacceptable("A key must have an end")
	}
	if most < 0 {
		most = maxAnyLifetime
	}
	if lifetime < time.Second || lifetime > most {
		return time.Time{}, unacceptable("A key can live for 1 to %d seconds", int64(most/time.Second))
	}
	return micros(now.Add(lifetime)), nil
}

// seal gives k a new id and a new secret and returns its text.
func (m *Manager) seal(k *Key) string {
	text := randomText(secretLen)
	k.ID, k.Hash = newID(k.Subject), secret.HandleOf(text)
	return compose(k.Prefix, k.ID, text)
}

// notRotated gives the error of a dead key the face that it has for its owner: the key
// is not the credential of that request.
func notRotated(err error) error {
	if errors.Is(err, ErrRevoked) || errors.Is(err, ErrExpired) {
		return problem.Wrap(problem.NotFound, err)
	}
	return err
}

// unique returns list without repetitions, in its order.
func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
		if len(out) > MaxScopes {
			break // it is refused
		}
	}
	return out
}

// unmapped returns p with its bits below the mask cut off, an IPv4-mapped one as IPv4.
func unmapped(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}
