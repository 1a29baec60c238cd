package session

import (
	"errors"
	"net/http"

	"github.com/go-sallyport/auth"
)

// Authenticate returns who signed in to the session of r. It works with and
// without Handler in the chain; without, the response gets no Vary header.
//
// A cookie is a credential only as long as it names a live session of somebody.
// Without one, and with a cookie that is expired, ended, unknown, malformed or
// there twice, the error wraps auth.ErrNoCredentials. Browsers keep sending such
// a cookie to every page, by themselves: it is worth nothing, and is treated as
// that. As a Gate asks ambient authenticators last, nothing can be gained by it:
// the request stands as one without a cookie. (An explicit credential, such as a
// token or a key, is another matter: when it is bad its package refuses.)
//
// A request that another origin made a browser send is refused with
// ErrCrossOrigin if the cookie is the credential and the method is not safe; see
// Config.CrossOrigin. A store that fails refuses with 503.
func (m *Manager) Authenticate(r *http.Request) (*auth.Principal, error) {
	rec, err := m.recordOf(r)
	if err != nil {
		return nil, err
	}
	if rec.Principal == nil {
		return nil, errVisitor
	}
	if err := m.checkOrigin(r); err != nil {
		return nil, err
	}
	return rec.Principal, nil
}

func (m *Manager) recordOf(r *http.Request) (*Record, error) {
	n := m.nodeOf(r.Context())
	if n == nil {
		if err := m.checkLoopback(r); err != nil {
			return nil, err
		}
		_, rec, err := m.lookUp(r)
		return rec, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.load()
}

// Challenge returns a challenge of the scheme "Cookie", for a 401 must have one
// (RFC 9110 §11.6.1). Browsers ignore it.
func (m *Manager) Challenge(err error) string {
	var stepUp *auth.StepUpError
	var scope *auth.ScopeError
	switch {
	case errors.As(err, &stepUp):
		return stepUp.Challenge("Cookie")
	case errors.As(err, &scope):
		return scope.Challenge("Cookie")
	}
	return m.challenge
}

// Ambient reports true: browsers send cookies by themselves.
func (m *Manager) Ambient() bool { return true }
