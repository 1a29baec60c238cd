package jwtauth

import (
	"fmt"
	"net/http"

	"github.com/go-sallyport/auth/internal/origin"
)

// checkOrigin refuses requests that another site made a browser send. Clients
// that are no browsers pass.
func (i *Issuer) checkOrigin(r *http.Request) error {
	if i.cfg.Transport == TransportBody {
		return nil // nothing that browsers send by themselves
	}
	if i.cfg.InsecureCookie && !origin.Local(r) {
		return ErrNotLoopback
	}
	if err := origin.Check(r, i.cfg.CrossOrigin, !i.cfg.InsecureCookie); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return nil
}

// checkIssue reports whether a family may start with the response to r.
func (i *Issuer) checkIssue(r *http.Request) error {
	if err := i.checkOrigin(r); err != nil {
		return err
	}
	if i.cfg.Transport == TransportCookie && !i.cfg.InsecureCookie && origin.PlainHTTP(r) {
		return ErrPlainHTTP
	}
	return nil
}
