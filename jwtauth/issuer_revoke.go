package jwtauth

import (
	"context"
	"errors"
	"net/netip"

	"github.com/go-sallyport/auth"
)

// Revoke ends the family of a refresh token, also if the token was spent. It is
// the sign-out of one device and needs no access token. A token that names nothing
// is no error (RFC 7009 §2.2). The access token of the device ends by its age.
//
// When Revoke, RevokeFamily or RevokeSubject returns nil, no refresh that begins
// later succeeds with a token that they end, and one that is running gets either
// nothing or a token that is ended too. If the store fails the error is a 503: the
// tokens may still be good, so the caller must not report success but try again.
func (i *Issuer) Revoke(ctx context.Context, token string) error {
	return i.revoke(ctx, netip.Addr{}, token)
}

func (i *Issuer) revoke(ctx context.Context, from netip.Addr, token string) error {
	id, _, ok := i.refresh.open(token)
	if !ok {
		return nil
	}
	detached, cancel := detach(ctx)
	defer cancel()
	e := auth.Event{Kind: auth.EventSignOut, CredentialID: id.Public()}
	// For the event alone: a store that cannot find a family may still end it.
	if f, err := i.store.Find(detached, id); err == nil {
		if g, err := decodeGrant(id, f.Grant); err == nil {
			e.Subject = g.Subject
		}
	}
	if err := i.store.Revoke(detached, id); err != nil {
		return storeFailed("revoke", err)
	}
	if e.Subject != "" {
		i.emit(ctx, from, e)
	}
	return nil
}

// RevokeFamily ends the family of subject with the public id, see Devices. One
// that is not there, or is somebody else's, is no error: the answer does not tell
// which ids exist. Its access token ends by its age. See Revoke for what it
// promises. Whether the caller may do it is not asked here.
func (i *Issuer) RevokeFamily(ctx context.Context, subject, id string) error {
	if subject == "" || id == "" {
		return errNobody
	}
	family, ok := familyOf(subject, id)
	if !ok {
		return nil
	}
	detached, cancel := detach(ctx)
	defer cancel()
	if err := i.store.Revoke(detached, family); err != nil {
		return storeFailed("revoke", err)
	}
	i.emit(ctx, netip.Addr{}, auth.Event{Kind: auth.EventRevoked, Subject: subject, CredentialID: id})
	return nil
}

// RevokeSubject ends all families of subject but the one with the public id
// except, which is the CredentialID of its principals. Empty, or the id of
// anything else: all of them. It makes the Issuer an auth.Revoker: what resets a
// password or removes a factor calls it.
//
// The access tokens of the subject end after that, by IssuerConfig.Epochs, those
// of the family that is spared too: it gets the next one by a refresh. Without it
// they live on for IssuerConfig.AccessLifetime at most. Both are tried, also if one
// fails. See Revoke for what it promises.
//
// A sign-in that runs at the same time may come after. Change what it is proved by
// first, and then revoke.
func (i *Issuer) RevokeSubject(ctx context.Context, subject, except string) error {
	if subject == "" {
		return errNobody
	}
	kept, _ := familyOf(subject, except)
	detached, cancel := detach(ctx)
	defer cancel()
	var errs []error
	if err := i.store.RevokeAll(detached, BucketOf(subject), kept); err != nil {
		errs = append(errs, storeFailed("revoke", err))
	}
	// After the families, so that no refresh makes another one behind it.
	errs = append(errs, i.endAccess(detached, subject))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	i.emit(ctx, netip.Addr{}, auth.Event{Kind: auth.EventRevoked, Subject: subject})
	return nil
}

// endAccess ends the access tokens of subject that are out.
func (i *Issuer) endAccess(ctx context.Context, subject string) error {
	if i.cfg.Epochs == nil {
		return nil
	}
	if err := i.cfg.Epochs.Advance(ctx, subject, i.cfg.Now()); err != nil {
		return unavailable("moving the epoch", err)
	}
	return nil
}

// Revoked reports whether the family of an access token is over: it is a
// VerifierConfig.Revoked, for services that want a sign-out to end the access
// token too, at once, and can afford one look into the store for each request. A
// token that is of no family is revoked.
func (i *Issuer) Revoked(ctx context.Context, c *Claims) (bool, error) {
	id, ok := familyOf(c.Subject, c.SessionID)
	if !ok {
		return true, nil
	}
	f, err := i.store.Find(ctx, id)
	switch {
	case errors.Is(err, ErrNoFamily):
		return true, nil
	case err != nil:
		return true, storeFailed("find", err)
	}
	return f.Ended, nil
}
