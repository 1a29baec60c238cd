package jwtauth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// Refresh spends a refresh token and returns the next pair. With scopes, which
// must be among those of the sign-in, the access token has only these (RFC 6749
// §6); a later refresh can ask for others again. One that was not granted, or is no
// scope at all, is a 400.
//
// The user is asked for first, and the access token signed; the rotation is the
// last step, in one compare-and-set. So whatever fails before it has spent
// nothing, and the client repeats. If the client is gone by then nothing happens;
// if it goes during the rotation, that is completed, and within the grace the
// client gets the same refresh token again.
//
// A token that is not genuine, or whose family is over, is ErrNoFamily; one that
// was spent is ErrReused. Both are a 401, after which only a sign-in helps. A
// store or a user who cannot be asked for is a 503: try again.
func (i *Issuer) Refresh(ctx context.Context, token string, scopes ...string) (*Tokens, error) {
	return i.rotate(ctx, token, netip.Addr{}, scopes)
}

func (i *Issuer) rotate(ctx context.Context, token string, from netip.Addr, scopes []string) (*Tokens, error) {
	id, counter, ok := i.refresh.open(token)
	if !ok {
		return nil, i.refuse(ctx, from, auth.Event{Err: ErrNoFamily})
	}
	// The time of the access token is that at which the refresh began: if all
	// tokens of the user are revoked while it runs, this one is among them.
	at := i.cfg.Now()
	f, g, err := i.find(ctx, id, from)
	if err != nil {
		return nil, err
	}
	if f.Ended {
		return nil, i.reused(ctx, from, id, g)
	}
	p, err := i.current(ctx, g.principal(id), scopes)
	if err != nil {
		return nil, err
	}
	t, err := i.access(ctx, p, id, at, f.Deadline.Sub(at))
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := Rotation{Counter: counter, Grace: i.cfg.Grace, Idle: i.cfg.RefreshIdle}
	_, _ = rand.Read(r.Call[:]) // never fails
	detached, cancel := detach(ctx)
	defer cancel()
	outcome, left, err := i.store.Rotate(detached, id, r)
	switch {
	case errors.Is(err, ErrNoFamily):
		return nil, i.refuse(ctx, from, auth.Event{Subject: g.Subject, CredentialID: id.Public(), Err: ErrNoFamily})
	case err != nil:
		return nil, storeFailed("rotate", err)
	case outcome == Reused:
		return nil, i.reused(ctx, from, id, g)
	case outcome != Rotated && outcome != Repeated:
		return nil, storeFailed("rotate", fmt.Errorf("the store answered with %v", outcome))
	}
	t.Refresh, t.RefreshIn = i.refresh.seal(id, counter+1), left
	return t, nil
}

// find returns the family of id and what was granted to it.
func (i *Issuer) find(ctx context.Context, id FamilyID, from netip.Addr) (*Family, *grant, error) {
	f, err := i.store.Find(ctx, id)
	if errors.Is(err, ErrNoFamily) {
		return nil, nil, i.refuse(ctx, from, auth.Event{CredentialID: id.Public(), Err: ErrNoFamily})
	}
	if err != nil {
		return nil, nil, storeFailed("find", err)
	}
	g, err := decodeGrant(id, f.Grant)
	if err != nil {
		i.emit(ctx, from, auth.Event{Kind: EventCorrupt, CredentialID: id.Public(), Err: err})
		return nil, nil, ErrNoFamily
	}
	return f, g, nil
}

// refuse reports a token that is good for nothing, and returns why.
func (i *Issuer) refuse(ctx context.Context, from netip.Addr, e auth.Event) error {
	e.Kind = auth.EventRefused
	i.emit(ctx, from, e)
	return e.Err
}

// current is how the user of a family stands now, with the scopes that were asked
// for.
func (i *Issuer) current(ctx context.Context, granted *auth.Principal, scopes []string) (*auth.Principal, error) {
	if err := asked(scopes, granted.Scopes); err != nil {
		return nil, err
	}
	p := granted.Clone()
	if i.cfg.Current != nil {
		now, err := i.cfg.Current(ctx, p)
		switch {
		case err != nil:
			return nil, currentFailed(err)
		case now == nil:
			return nil, errCurrentNil
		case now.Subject != granted.Subject:
			return nil, errCurrentSubject
		}
		p = now.Clone()
	}
	p.Scopes = within(within(p.Scopes, granted.Scopes), scopes)
	return p, nil
}

// maxAsked and maxScope keep what a client asks for without a bound within a token.
const (
	maxAsked = 32
	maxScope = 128 // bytes
)

// asked reports whether a client may ask for these scopes.
func asked(scopes, granted []string) error {
	if granted == nil && len(scopes) > maxAsked {
		return errNoScope
	}
	for _, s := range scopes {
		switch {
		case granted != nil && !slices.Contains(granted, s):
			return errWiderScope
		case granted == nil && (s == "" || len(s) > maxScope || strings.ContainsFunc(s, notInScope)):
			return errNoScope
		}
	}
	return nil
}

// notInScope reports whether c cannot be part of a scope (RFC 6749 §3.3).
func notInScope(c rune) bool { return c <= ' ' || c == '"' || c == '\\' || c > '~' }

// within returns the scopes that are among those of the bound. A nil list is no
// bound.
func within(scopes, bound []string) []string {
	switch {
	case bound == nil:
		return scopes
	case scopes == nil:
		return slices.Clone(bound)
	}
	both := make([]string, 0, len(scopes))
	for _, s := range scopes {
		if slices.Contains(bound, s) {
			both = append(both, s)
		}
	}
	return both
}

var (
	errNoScope        = badScope("What is asked for is not a list of scopes, or is too long.")
	errWiderScope     = badScope("A scope is asked for that was not granted at the sign-in.")
	errCurrentNil     = errors.New("jwtauth: Current returned neither a principal nor an error")
	errCurrentSubject = errors.New("jwtauth: Current returned a principal of another subject")
)

// badScope is the invalid_scope of RFC 6749 §5.2: 400.
func badScope(detail string) error {
	return &problem.Error{Details: problem.New(problem.BadRequest).WithDetail(detail), Err: errors.New("jwtauth: a refresh is refused for the scope that it asks for")}
}

// currentFailed gives an error of Current its public face: 503, unless it has one
// of its own, as one that wraps auth.ErrInvalidCredentials does.
func currentFailed(err error) error { return storeFailed("current", err) }

// reused does what follows from a spent token. Its family has Ended; it is
// forgotten last, so that whoever comes next with a token of it finishes what has
// failed here.
func (i *Issuer) reused(ctx context.Context, from netip.Addr, id FamilyID, g *grant) error {
	i.emit(ctx, from, auth.Event{Kind: EventReused, Subject: g.Subject, CredentialID: id.Public(), Err: ErrReused})
	ctx, cancel := detach(ctx)
	defer cancel()
	if i.cfg.Reuse == ReuseEndsSubject {
		if err := i.store.RevokeAll(ctx, id.Bucket(), id); err != nil {
			return storeFailed("reuse", err)
		}
	}
	if err := i.endAccess(ctx, g.Subject); err != nil {
		return err
	}
	if err := i.store.Revoke(ctx, id); err != nil {
		return storeFailed("reuse", err)
	}
	return ErrReused
}
