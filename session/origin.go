package session

import (
	"fmt"
	"net/http"

	"github.com/go-sallyport/auth/internal/origin"
)

// checkOrigin refuses requests that another site made a browser send. GET, HEAD
// and OPTIONS pass, and so do clients that are no browsers.
func (m *Manager) checkOrigin(r *http.Request) error {
	if err := origin.Check(r, m.cfg.CrossOrigin, !m.cfg.InsecureCookie); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return nil
}

// checkIssue reports whether a session may start with the response to r.
func (m *Manager) checkIssue(r *http.Request) error {
	if err := m.checkLoopback(r); err != nil {
		return err
	}
	if err := m.checkOrigin(r); err != nil {
		return err
	}
	if !m.cfg.InsecureCookie && origin.PlainHTTP(r) {
		return ErrPlainHTTP
	}
	return nil
}

// checkLoopback holds InsecureCookie to the machine that it is for.
func (m *Manager) checkLoopback(r *http.Request) error {
	if m.cfg.InsecureCookie && !origin.Local(r) {
		return ErrNotLoopback
	}
	return nil
}
