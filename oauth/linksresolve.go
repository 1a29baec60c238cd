package oauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
)

// Resolve implements Linker.
func (l *Links) Resolve(ctx context.Context, id *Identity, v Visit) (*auth.Principal, Outcome, error) {
	if err := id.check(l.cfg.Now()); err != nil {
		return nil, "", err
	}
	outcome := OutcomeLinked
	link, err := l.Find(ctx, id.Issuer, id.Subject)
	if errors.Is(err, ErrNoLink) {
		if v.Only != "" {
			return nil, "", ErrOtherUser
		}
		link, outcome, err = l.register(ctx, id)
	}
	if err != nil {
		return nil, "", err
	}
	if v.Only != "" && link.User != v.Only {
		return nil, "", ErrOtherUser
	}
	p, err := l.principal(ctx, link, id, v.At)
	if err != nil {
		return nil, "", err
	}
	return p, outcome, nil
}

// principal asks for the user as they are today and adds how they have signed in.
func (l *Links) principal(ctx context.Context, link Link, id *Identity, at time.Time) (*auth.Principal, error) {
	p, err := l.cfg.Principal(ctx, link.User, id)
	if err != nil {
		return nil, err
	}
	if p == nil || p.Subject != link.User {
		return nil, errors.New("oauth: LinksConfig.Principal returned nobody, or another user")
	}
	p = p.Clone()
	if at.IsZero() {
		at = l.cfg.Now()
	}
	proved := at
	if !id.AuthTime.IsZero() && id.AuthTime.Before(at) {
		proved = id.AuthTime
	}
	p.Method, p.AuthenticatedAt = Method, at
	p.Factors = append(p.Factors, auth.Factor{Kind: auth.FactorFederated, At: proved})
	if p.Attributes == nil {
		p.Attributes = make(map[string]string, 1)
	}
	p.Attributes[AttributeLink] = link.ID()
	return p, nil
}

// detachedFor is how long what must not stop half-way may take after its client is gone.
const detachedFor = 30 * time.Second

// register finds or makes the user of an identity that belongs to nobody.
//
// Two callbacks with one identity can be here at once. In this process the second waits
// and finds the link of the first. Of two processes, one makes the link, and the other
// learns of it when Register refuses, because there is an account now, or when its own
// link comes too late.
func (l *Links) register(ctx context.Context, id *Identity) (Link, Outcome, error) {
	if l.cfg.Register == nil {
		return Link{}, "", ErrLinkRequired
	}
	unlock, err := l.registers.lock(ctx, linkID(id.Issuer, id.Subject))
	if err != nil {
		return Link{}, "", err
	}
	defer unlock()
	// A browser that reloads breaks off the request. What was begun is brought to its end
	// all the same: an account without its link would be nobody's, and one that was taken
	// over and not emptied to the end would be that of two.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), detachedFor)
	defer cancel()
	if link, err := l.Find(ctx, id.Issuer, id.Subject); !errors.Is(err, ErrNoLink) {
		return link, OutcomeLinked, err
	}
	made, err := l.cfg.Register(ctx, id)
	if err != nil {
		if link, found := l.Find(ctx, id.Issuer, id.Subject); found == nil {
			return link, OutcomeLinked, nil
		}
		return Link{}, "", err
	}
	if made.User == "" {
		return Link{}, "", errors.New("oauth: LinksConfig.Register returned neither a user nor an error")
	}
	outcome := OutcomeNew
	if made.TakeOver {
		outcome = OutcomeTakeOver
		if err := l.wipe(ctx, made.User, id); err != nil {
			return Link{}, "", err
		}
	}
	link, err := l.create(ctx, made.User, id)
	if errors.Is(err, ErrLinked) {
		return l.lost(ctx, made, id)
	}
	return link, outcome, err
}

// lost is what follows when the identity was linked to another user meanwhile.
func (l *Links) lost(ctx context.Context, made Registered, id *Identity) (Link, Outcome, error) {
	link, err := l.Find(ctx, id.Issuer, id.Subject)
	if err != nil {
		return Link{}, "", err
	}
	if link.User != made.User && !made.TakeOver && l.cfg.Discard != nil {
		if err := l.cfg.Discard(ctx, made.User); err != nil {
			return Link{}, "", unavailable("Discard", err)
		}
	}
	return link, OutcomeLinked, nil
}

// wipe empties an account that somebody has registered without proving the address.
// Credentials end before, so that nobody adds anything behind the back of Wipe, and
// after, for those that were made in between with the old password.
func (l *Links) wipe(ctx context.Context, user string, id *Identity) error {
	if !id.EmailVerified {
		return fmt.Errorf("%w: Register takes over an account for an address that the provider has not verified", ErrLinkRequired)
	}
	if l.cfg.Wipe == nil {
		return errors.New("oauth: Register takes over an account, and LinksConfig.Wipe is missing")
	}
	if err := l.revoke(ctx, user, ""); err != nil {
		return err
	}
	if err := l.cfg.Wipe(ctx, user); err != nil {
		return unavailable("Wipe", err)
	}
	if err := l.DeleteUser(ctx, user); err != nil {
		return err
	}
	if err := l.revoke(ctx, user, ""); err != nil {
		return err
	}
	if err := l.DeleteUser(ctx, user); err != nil { // what such a credential has linked
		return err
	}
	l.emit(ctx, auth.Event{Kind: EventTakenOver, Subject: user, CredentialID: linkID(id.Issuer, id.Subject), Resource: id.Provider})
	return nil
}

func (l *Links) revoke(ctx context.Context, user, except string) error {
	return unavailable("Revokers", l.cfg.Revokers.RevokeSubject(ctx, user, except))
}

// Link implements Linker. It is called for a user who has just proved to be the owner
// of both, such as at the end of Flow.StartLink: ErrLinked, ErrTooManyLinks, or nil,
// also if it is linked already.
func (l *Links) Link(ctx context.Context, user string, id *Identity) error {
	if err := id.check(l.cfg.Now()); err != nil {
		return err
	}
	if user == "" {
		return auth.ErrNoCredentials
	}
	link, err := l.Find(ctx, id.Issuer, id.Subject)
	switch {
	case err == nil && link.User == user:
		return nil
	case err == nil:
		return ErrLinked
	case !errors.Is(err, ErrNoLink):
		return err
	}
	_, err = l.create(ctx, user, id)
	return err
}

func (l *Links) create(ctx context.Context, user string, id *Identity) (Link, error) {
	link := Link{
		Issuer: id.Issuer, Subject: id.Subject, User: user, Provider: id.Provider, Label: id.label(),
		CreatedAt: l.cfg.Now().UTC().Truncate(time.Millisecond),
	}
	err := l.store.Create(ctx, link, l.cfg.MaxPerUser)
	if errors.Is(err, ErrLinked) {
		return Link{}, ErrLinked
	}
	if errors.Is(err, ErrTooManyLinks) {
		return Link{}, ErrTooManyLinks
	}
	if err != nil {
		return Link{}, unavailable("keeping a link", err)
	}
	l.emit(ctx, auth.Event{Kind: EventLinked, Subject: user, CredentialID: link.ID(), Resource: id.Provider})
	return link, nil
}

// Find returns the link of an identity, or ErrNoLink. A logout that a provider sends
// names its user so.
func (l *Links) Find(ctx context.Context, issuer, subject string) (Link, error) {
	link, err := l.store.Find(ctx, issuer, subject)
	switch {
	case errors.Is(err, ErrNoLink):
		return Link{}, ErrNoLink
	case err != nil:
		return Link{}, unavailable("finding a link", err)
	case link.Issuer != issuer || link.Subject != subject || link.User == "":
		return Link{}, errors.New("oauth: the LinkStore returned another link")
	}
	return link, nil
}

// List returns the links of a user, oldest first.
func (l *Links) List(ctx context.Context, user string) ([]Link, error) {
	links, err := l.store.List(ctx, user)
	return links, unavailable("listing links", err)
}

// DeleteUser deletes all links of a user, with the kept tokens: when an account is
// deleted, or loses what was there before its owner proved its address.
func (l *Links) DeleteUser(ctx context.Context, user string) error {
	if l.cfg.Tokens != nil {
		links, err := l.List(ctx, user)
		if err != nil {
			return err
		}
		for _, link := range links {
			if err := l.cfg.Tokens.Forget(ctx, link); err != nil {
				return err
			}
		}
	}
	return unavailable("deleting links", l.store.DeleteAll(ctx, user))
}

func (l *Links) emit(ctx context.Context, e auth.Event) {
	e.Method, e.Time = Method, l.cfg.Now()
	l.cfg.OnEvent.Emit(ctx, e)
}
