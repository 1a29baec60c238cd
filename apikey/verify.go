package apikey

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// Verify returns the principal of a key that counts now: its Subject is the owner, its
// CredentialID the id of the key, its Scopes, never nil, those that the owner is
// permitted still, its Attributes those of the owner with AttributeEnvironment and the
// labels. It is never an interactive sign-in. From is the client's address; the zero
// Addr is one that is not known.
//
// The order is fixed: form and checksum, address with too many failures, look-up,
// secret, revocation and expiry, allow-list, limit, owner. So a text that is no key
// costs no look-up, and nobody who has not the secret is told anything of the key: an id
// that does not exist is compared with a dummy and refused as a wrong secret is.
//
// The error is one of those of this package, wrapped or not, a *throttle.LockedError,
// or that of a store or hook that cannot tell. It decides and does not write: that the
// key was used is noted in memory.
func (m *Manager) Verify(ctx context.Context, text string, from netip.Addr) (*auth.Principal, error) {
	if m.store == nil {
		return nil, errZero
	}
	now := m.cfg.Now()
	if m.cache != nil {
		if e := m.recognise(text, now); e != nil {
			return m.admit(ctx, e, from, now)
		}
	}
	prefix, id, secretText, ok := split(text)
	if !ok || !m.issues(prefix) {
		return nil, m.refuse(ctx, "", "", from, ErrMalformed)
	}
	id = strings.Clone(id) // or what keeps it, such as the cache, keeps the secret that is beside it
	if err := m.strays.check(from, now); err != nil {
		return nil, m.refuse(ctx, "", id, from, err)
	}
	e, err := m.look(ctx, id, now)
	if err != nil {
		return nil, m.refuse(ctx, "", id, from, err)
	}
	if !m.genuine(e.key, prefix, secret.HandleOf(secretText)) {
		return nil, m.refuse(ctx, "", id, from, m.strays.count(ctx, from, now))
	}
	e.sum.Store(packed(text))
	return m.admit(ctx, e, from, now)
}

// recognise returns the entry of the cache for a text that was seen before, letter for
// letter, or nil. What it skips of split is proved by the hash and the checksum that
// was right before.
func (m *Manager) recognise(text string, now time.Time) *entry {
	n := len(text) - tailLen
	if n < 1 || n > maxPrefix || text[n] != '_' || text[n+1+idLen] != '_' {
		return nil
	}
	e, _ := m.cache.get(text[n+1:n+1+idLen], now)
	if e == nil || e.prefix != text[:n] || e.sum.Load() != packed(text) {
		return nil
	}
	if !secret.HandleOf(text[n+2+idLen : len(text)-sumLen]).Equal(e.hash) {
		return nil
	}
	return e
}

// packed is the checksum at the end of text as a number, which is not 0.
func packed(text string) (n uint64) {
	for i := len(text) - sumLen; i < len(text); i++ {
		n = n<<8 | uint64(text[i])
	}
	return n
}

// look returns the record of id, from the cache or the store. The entry has no key if
// there is none.
func (m *Manager) look(ctx context.Context, id string, now time.Time) (*entry, error) {
	if m.cache == nil {
		k, err := m.find(ctx, id)
		return &entry{key: k}, err
	}
	return m.cache.load(ctx, id, now, m.find)
}

// find asks the store. There is no key and no error if there is none.
func (m *Manager) find(ctx context.Context, id string) (*Key, error) {
	k, err := m.store.Find(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil //nolint:nilnil // an answer that is compared as any other
	case err != nil:
		return nil, storeFailed("looking up a key", err)
	case k == nil || k.ID != id:
		return nil, storeFailed("looking up a key", errOtherKey)
	}
	return k, nil
}

var errOtherKey = errors.New("the store returned another key")

// genuine reports whether k is there and was issued with that prefix and secret. It does
// the same work if it is not there.
func (m *Manager) genuine(k *Key, prefix string, hash secret.Handle) bool {
	there := k != nil
	if !there {
		k = m.dummy
	}
	same := hash.Equal(k.Hash)
	return there && same && k.Prefix == prefix
}

// admit decides on a key whose secret was presented.
func (m *Manager) admit(ctx context.Context, e *entry, from netip.Addr, now time.Time) (*auth.Principal, error) {
	if !e.plain || !e.life.has(now) {
		if err := m.counts(ctx, e.key, from, now); err != nil {
			return nil, m.refuse(ctx, e.key.Subject, e.key.ID, from, err)
		}
	}
	p := e.principal.Load()
	if p == nil {
		var err error
		if p, err = m.ask(ctx, e); err != nil {
			return nil, m.refuse(ctx, e.key.Subject, e.key.ID, from, err)
		}
	}
	if m.uses != nil {
		mine := &e.usage
		if e.life == (lifespan{}) { // what waits to be written need not keep the record
			mine = new(usage)
		}
		m.uses.note(e.key, mine, now, from)
	}
	return p, nil
}

// ask asks Owner for the principal of an entry, once for all who want it.
func (m *Manager) ask(ctx context.Context, e *entry) (*auth.Principal, error) {
	if e.life == (lifespan{}) {
		return m.principal(ctx, e.key)
	}
	return m.cache.owners.do(ctx, e, func() (*auth.Principal, error) {
		if p := e.principal.Load(); p != nil { // somebody was faster
			return p, nil
		}
		p, err := m.principal(ctx, e.key)
		if err == nil {
			e.principal.Store(p)
		}
		return p, err
	})
}

// counts reports whether a genuine key may be used now and from there.
func (m *Manager) counts(ctx context.Context, k *Key, from netip.Addr, now time.Time) error {
	switch {
	case !k.RevokedAt.IsZero():
		return ErrRevoked
	case !k.Live(now):
		return ErrExpired
	case len(k.Addresses) > 0 && !allowed(k.Addresses, from):
		return ErrAddress
	case k.Limit.Max > 0:
		return m.limits.allow(ctx, k)
	}
	return nil
}

func allowed(list []netip.Prefix, from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	for _, p := range list {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

// refuse tells OnEvent of a key that is not accepted.
func (m *Manager) refuse(ctx context.Context, subject, id string, from netip.Addr, err error) error {
	m.emit(ctx, EventRefused, subject, id, from, err)
	return err
}
