package oauth

import (
	"errors"
	"fmt"

	"github.com/go-sallyport/auth/problem"
)

// ofProvider gives an error of a Provider that has no public face that of a failed
// provider.
func ofProvider(what string, err error) error {
	var face *problem.Error
	if errors.As(err, &face) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrProvider, what, err)
}

// unavailable gives an error of a store or a hook the face of 503, unless it has one.
// Nil stays nil.
func unavailable(what string, err error) error {
	if err == nil {
		return nil
	}
	var face *problem.Error
	if errors.As(err, &face) {
		return err
	}
	return problem.Wrap(problem.Unavailable, fmt.Errorf("oauth: %s: %w", what, err))
}
