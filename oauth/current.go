package oauth

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/origin"
)

// current returns who is signed in in the browser, or nil for nobody. A credential
// that is not good any more is nobody's.
func (f *Flow) current(r *http.Request) (*auth.Principal, error) {
	if p, ok := auth.FromContext(r.Context()); ok {
		return p, nil
	}
	if f.cfg.SignedIn == nil {
		return nil, nil //nolint:nilnil // nobody is signed in, and that is no error
	}
	p, err := f.cfg.SignedIn.Authenticate(r)
	if errors.Is(err, auth.ErrNoCredentials) || errors.Is(err, auth.ErrInvalidCredentials) {
		return nil, nil //nolint:nilnil // the same
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// signedIn is current for what needs somebody.
func (f *Flow) signedIn(r *http.Request) (*auth.Principal, error) {
	p, err := f.current(r)
	if err == nil && p == nil {
		err = auth.ErrNoCredentials
	}
	return p, err
}

// checkFresh reports whether p has proved who they are recently. The proofs are their
// factors, if there are any: the sign-in may have been at a provider that asked for
// nothing.
func checkFresh(p *auth.Principal, maxAge time.Duration, now func() time.Time) error {
	step := auth.StepUp{MaxAge: maxAge, Now: now}
	for _, factor := range p.Factors {
		step.Factors = append(step.Factors, factor.Kind)
	}
	return step.Check(p)
}

// checkOrigin refuses requests that another site made a browser send.
func checkOrigin(r *http.Request, trusted *http.CrossOriginProtection, secure bool) error {
	if err := origin.Check(r, trusted, secure); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return nil
}
