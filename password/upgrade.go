package password

import (
	"context"
	"errors"
	"slices"
)

// Upgrade returns a Hasher that hashes with current, and verifies what current
// or one of old verifies. What old verifies is outdated, so that a Checker
// replaces it at the next login.
//
//	argon, err := password.NewArgon2id(password.Argon2idConfig{Pool: pool})
//	...
//	legacy, err := password.NewBcrypt(password.BcryptConfig{Cost: 10, Pool: pool})
//	...
//	hasher, err := password.Upgrade(argon, legacy)
//
// A scheme that is not named is not verified: its strings are ErrUnknownScheme.
// Name the parameters that old strings have; see Even timing in the package
// comment for what that buys.
func Upgrade(current Hasher, old ...Hasher) (Hasher, error) {
	u := &upgrade{}
	for _, h := range append([]Hasher{current}, old...) {
		if h == nil {
			return nil, errors.New("password: Upgrade wants Hashers, and one of them is nil")
		}
		if inner, ok := h.(*upgrade); ok {
			u.hashers = append(u.hashers, inner.hashers...)
			continue
		}
		u.hashers = append(u.hashers, h)
	}
	return u, nil
}

type upgrade struct{ hashers []Hasher } // the current one first

// Hash implements Hasher.
func (u *upgrade) Hash(ctx context.Context, password string) (string, error) {
	return u.hashers[0].Hash(ctx, password)
}

// Verify implements Hasher.
func (u *upgrade) Verify(ctx context.Context, encoded, password string) (ok, outdated bool, err error) {
	ok, outdated, _, err = u.verify(ctx, encoded, password)
	return ok, outdated, err
}

// none is the index of no Hasher.
const none = -1

// verify returns the index of the Hasher that knows the scheme of encoded as
// well: one that has its very parameters before one that has others.
func (u *upgrade) verify(ctx context.Context, encoded, password string) (ok, outdated bool, by int, err error) {
	by = slices.IndexFunc(u.hashers, func(h Hasher) bool {
		s, ok := h.(scheme)
		return ok && s.fits(encoded)
	})
	if by != none {
		ok, outdated, err = u.hashers[by].Verify(ctx, encoded, password)
		return ok, ok && (outdated || by > 0), by, err
	}
	for i, h := range u.hashers {
		ok, outdated, err = h.Verify(ctx, encoded, password)
		if !errors.Is(err, ErrUnknownScheme) {
			return ok, ok && (outdated || i > 0), i, err
		}
	}
	return false, false, none, ErrUnknownScheme
}
