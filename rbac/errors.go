package rbac

import (
	"errors"
	"fmt"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// The errors of this package. Refusals are the errors of package auth:
// ErrNoCredentials (401), ErrForbidden and ErrScope (403).
var (
	// ErrPolicy: a policy is refused. The text lists everything that is wrong
	// with it.
	ErrPolicy = errors.New("rbac: invalid policy")
	// ErrNotFound: the resource of a request does not exist. The loader of On
	// returns it, wrapped or not. 404.
	ErrNotFound = problem.Sentinel(problem.NotFound, "rbac: no such resource")

	errNoPrincipal = fmt.Errorf("%w: rbac: no principal in the context: the caller is anonymous, "+
		"or no Gate (auth.Require) is mounted in front of this check", auth.ErrNoCredentials)
	errNoPolicy = fmt.Errorf("%w: rbac: the Policy is nil or zero, so it permits nothing: "+
		"make it with NewPolicy, or Swap one into the Live", auth.ErrForbidden)
	errNoDecider = fmt.Errorf("%w: rbac: the Guard has no Decider, so it permits nothing: give it a Policy",
		auth.ErrForbidden)
)
