package password

import (
	"context"
	"errors"
)

// verifyEvenly is h.Verify, but if the password does not match it has cost the
// same whatever encoded is: one hash by every scheme that h knows. Nothing
// matches an empty encoded. See Even timing in the package comment.
//
// Its error is nil, or one that says nothing of encoded and the account: the
// Pool is busy, ctx is done, or h has failed.
func verifyEvenly(ctx context.Context, h Hasher, encoded, password string) (v verdict, err error) {
	hashers, by := []Hasher{h}, 0
	u, several := h.(*upgrade)
	if several {
		hashers = u.hashers
	}
	switch {
	case encoded == "":
		by = none
	case several:
		v.ok, v.outdated, by, err = u.verify(ctx, encoded, password)
	default:
		v.ok, v.outdated, err = h.Verify(ctx, encoded, password)
	}
	switch {
	case err != nil && !aboutData(err):
		return verdict{}, err
	case err != nil:
		// No work has been done for encoded.
		by = none
		if !errors.Is(err, ErrRejected) {
			v.bad = err
		}
	case v.ok:
		return v, nil
	default:
		v.begun = by != none
	}
	for i, h := range hashers {
		if i != by {
			_, err = h.Hash(ctx, password)
		} else {
			err = TopUp(ctx, h, encoded, password)
		}
		if err != nil && !aboutData(err) {
			return v, err
		}
		v.begun = v.begun || !errors.Is(err, ErrRejected)
	}
	return v, nil
}

// A verdict is what verifyEvenly has found out.
type verdict struct {
	ok, outdated bool
	// begun: a hash was computed, and with it, for all that anybody can tell, the
	// password was compared. An error after that is no reason to take the attempt
	// back: what comes after the comparison fails for wrong passwords alone, so who
	// can bring about the error, by a queue that is full or a deadline that is near,
	// would guess for nothing.
	begun bool
	bad   error // why encoded cannot be read, for the log
}

// TopUp does the work by which h.Hash is dearer than the h.Verify of encoded that
// has just found no match. A Checker calls it for the Hashers that it knows. A
// Hasher of a service's own that stands in front of one of this package calls it
// for that one, as those of package legacy do, so that its users with cheaper
// parameters cannot be told either. Its error is then no reason for Verify to
// return one, see Hasher. For any other h it does nothing.
func TopUp(ctx context.Context, h Hasher, encoded, password string) error {
	if s, ok := h.(scheme); ok {
		return s.topUp(ctx, encoded, password)
	}
	return nil
}

// aboutData reports whether err speaks of a stored hash or of a password, and
// not of a fault.
func aboutData(err error) bool {
	return errors.Is(err, ErrUnknownScheme) || errors.Is(err, ErrBadHash) || errors.Is(err, ErrRejected)
}
