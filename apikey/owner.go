package apikey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// Attributes of the principal of a key. They are set after Config.Owner was asked, and
// what it says under these names is dropped: no attribute of an owner reads as a label
// of the key, also if the key has no such label.
const (
	AttributeEnvironment = "apikey.environment" // of the key, such as "live"
	AttributeLabel       = "apikey.label."      // and the name of a label
)

// principal returns the principal of k as its owner stands now: with the scopes of k
// that the owner is permitted still. It is no sign-in, whatever Owner says.
func (m *Manager) principal(ctx context.Context, k *Key) (p *auth.Principal, err error) {
	defer func() {
		if v := recover(); v != nil { // of Owner or Permits: a fault refuses this request alone
			p, err = nil, problem.Wrap(problem.Internal, errors.New("apikey: Owner or Permits: "+problem.PanicError(v).Error()))
		}
	}()
	own := attributes(k)
	asked := &auth.Principal{Subject: k.Subject, Method: auth.MethodAPIKey, CredentialID: k.ID, Scopes: slices.Clone(k.Scopes), Attributes: own}
	now, err := m.cfg.Owner(ctx, asked)
	switch {
	case err != nil:
		return nil, ownerFailed(err)
	case now == nil:
		return nil, errOwnerNil
	case now.Subject != k.Subject:
		return nil, errOwnerSubject
	}
	q := &auth.Principal{
		Subject: k.Subject, Method: auth.MethodAPIKey, CredentialID: k.ID,
		Roles: slices.Clone(now.Roles), Scopes: within(k.Scopes, now.Scopes), Attributes: maps.Clone(now.Attributes),
	}
	if q.Attributes == nil {
		q.Attributes = own
	} else {
		maps.DeleteFunc(q.Attributes, func(name, _ string) bool { return strings.HasPrefix(name, AttributeLabel) })
		maps.Copy(q.Attributes, own)
	}
	permitted := make([]string, 0, len(q.Scopes)) // never nil: that would be no bound
	for _, s := range q.Scopes {
		if m.cfg.Permits(q, s) {
			permitted = append(permitted, s)
		}
	}
	q.Scopes = permitted
	return q, nil
}

// within returns the scopes of a key that a bound permits; nil is no bound.
func within(scopes, bound []string) []string {
	if bound == nil {
		return slices.Clone(scopes)
	}
	list := make([]string, 0, len(scopes))
	for _, s := range scopes {
		if slices.Contains(bound, s) {
			list = append(list, s)
		}
	}
	return list
}

func attributes(k *Key) map[string]string {
	list := make(map[string]string, 1+len(k.Labels))
	list[AttributeEnvironment] = k.Environment
	for name, value := range k.Labels {
		list[AttributeLabel+name] = value
	}
	return list
}

// ownerFailed tells an owner who is refused from an Owner that cannot tell.
func ownerFailed(err error) error {
	var e *problem.Error
	switch {
	case errors.Is(err, auth.ErrNoCredentials):
		// The key was there. Its refusal must not read as its absence, or an Optional
		// Gate would let a disabled user in as a visitor.
		return fmt.Errorf("%w: Owner: %s", ErrOwner, err.Error())
	case errors.Is(err, auth.ErrInvalidCredentials):
		return fmt.Errorf("%w: Owner: %w", ErrOwner, err)
	case errors.As(err, &e) && e.Details.Status >= http.StatusBadRequest:
		return fmt.Errorf("apikey: Owner: %w", err)
	}
	return problem.Wrap(problem.Unavailable, fmt.Errorf("apikey: Owner: %w", err))
}

var (
	errOwnerNil     = errors.New("apikey: Owner returned neither a principal nor an error")
	errOwnerSubject = errors.New("apikey: Owner returned a principal of another subject")
)
