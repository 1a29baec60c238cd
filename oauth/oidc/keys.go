package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/jwk"
	"github.com/go-sallyport/auth/oauth"
)

// maxKeys is how many keys a JWKS may have.
const maxKeys = 100

// A key is one of the provider's.
type key struct {
	*jwk.Key
	// issuer is for whose tokens it is, where the keys of several are in one place.
	issuer string
}

// A keySet is what is good of a JWKS.
type keySet struct{ keys []key }

var errNoKey = errors.New("there is no key for it")

// find returns the one key for a token (OpenID Connect Core §10.1).
func (s *keySet) find(h header) (key, error) {
	var found []key
	for _, k := range s.keys {
		if k.Fits(h.algorithm) && (!h.hasID || k.ID == h.keyID && k.ID != "") {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return key{}, errNoKey
	}
	return key{}, errors.New("it names no key, and several fit")
}

// loadKeys fetches the JWKS and tells what changes.
func (p *Provider) loadKeys(ctx context.Context) (*keySet, error) {
	set, ignored, err := p.fetchKeys(ctx)
	if err != nil {
		p.emit(ctx, auth.Event{Kind: EventKeysFailed, Err: err})
		return nil, err
	}
	same := func(a, b key) bool { return a.Equal(b.Key) && a.issuer == b.issuer }
	if old, _ := p.keys.current(p.cfg.Now()); old == nil || !slices.EqualFunc(old.keys, set.keys, same) {
		p.emit(ctx, auth.Event{Kind: EventKeysChanged, Err: ignored})
	}
	return set, nil
}

func (p *Provider) fetchKeys(ctx context.Context) (set *keySet, ignored, err error) {
	m, err := p.Metadata(ctx)
	if err != nil {
		return nil, nil, err
	}
	members, err := p.fetch(ctx, m.KeysURL)
	if err != nil {
		return nil, nil, err
	}
	set, ignored, err = readKeys(members)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the keys: %w", oauth.ErrProvider, errors.Join(err, ignored))
	}
	return set, ignored, nil
}

// readKeys takes from a JWKS what is good. A key that is not is left out and not a
// fault of the document (RFC 7517 §5): it may be for somebody else.
func readKeys(members map[string]any) (set *keySet, ignored, err error) {
	list, ok := members["keys"].([]any)
	if !ok || len(list) > maxKeys {
		return nil, nil, fmt.Errorf("there is no list of keys, or one of more than %d", maxKeys)
	}
	var refused []error
	var keys []key
	count := make(map[string]int)
	for i, v := range list {
		object, _ := v.(map[string]any)
		k, err := jwk.Public(object)
		if err != nil {
			refused = append(refused, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		issuer, _ := object["issuer"].(string)
		keys = append(keys, key{Key: k, issuer: issuer})
		count[k.ID]++
	}
	set = new(keySet)
	for _, k := range keys {
		if k.ID != "" && count[k.ID] > 1 { // which of them is meant, nobody knows
			refused = append(refused, fmt.Errorf("more than one key has the kid %.64q", k.ID))
			continue
		}
		set.keys = append(set.keys, k)
	}
	if len(set.keys) == 0 {
		return nil, errors.Join(refused...), errors.New("none is good")
	}
	return set, errors.Join(refused...), nil
}
