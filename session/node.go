package session

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-sallyport/auth"
)

// What the response will do with the cookie of the client.
type cookieChange uint8

const (
	cookieKeep cookieChange = iota
	cookieSet
	cookieClear
)

// A node is the session of one request: context, state, response writer and the
// request as the handler sees it in one, so that a request costs one allocation.
type node struct {
	context.Context // of the request as it reached Handler
	manager         *Manager
	request         *http.Request
	passed          http.Request // is request, with the node as its context
	response        response

	// mu guards what follows. It is not held while scs is called: scs calls back
	// (Destroy) with a lock of its own held.
	mu        sync.Mutex
	loaded    bool      // id, record and err tell what the cookie names
	id        ID        // of record
	record    *Record   // nil: no session
	err       error     // why there is none; see load
	values    *values   // of the application, once asked for
	inherit   time.Time // deadline of a session whose values go over to a new one
	token     token     // for the cookie, if it is to be set
	cookie    cookieChange
	committed bool  // the headers are on their way
	failed    error // why the response was replaced
}

func (m *Manager) newNode(r *http.Request) *node {
	return &node{Context: r.Context(), manager: m, request: r}
}

// nodeOf returns the node of m in ctx, or nil.
func (m *Manager) nodeOf(ctx context.Context) *node {
	n, _ := ctx.Value(m).(*node)
	return n
}

// Value implements context.Context. The key of the node is its Manager, which
// nobody else has, so that two Managers in one chain do not meet.
func (n *node) Value(key any) any {
	switch key {
	case n.manager:
		return n
	case n.manager.scsKey:
		return n.scsData()
	case n.manager.innermost:
		return n
	}
	return n.Context.Value(key)
}

// load finds the session that the cookie names, once. The error is nil if there
// is one, wraps auth.ErrNoCredentials if there is none, and is anything else if
// that cannot be told. It wants n.mu.
func (n *node) load() (*Record, error) {
	if n.loaded {
		return n.record, n.err
	}
	n.loaded = true
	n.id, n.record, n.err = n.manager.lookUp(n.request)
	return n.record, n.err
}

// lookUp finds the session that the cookie of r names.
func (m *Manager) lookUp(r *http.Request) (ID, *Record, error) {
	t, err := m.readCookie(r)
	if err != nil {
		if !errors.Is(err, errNoCookie) {
			m.emit(r, auth.Event{Kind: auth.EventRefused, Err: err})
		}
		return ID{}, nil, err
	}
	id := t.id()
	rec, err := m.find(r, id)
	if isNoSession(err) {
		return ID{}, nil, errStale
	}
	if err != nil {
		return ID{}, nil, err
	}
	return id, rec, nil
}

// isNone reports whether an error of load says that there is no session.
func isNone(err error) bool { return errors.Is(err, auth.ErrNoCredentials) }

func isNoSession(err error) bool { return err != nil && errors.Is(err, ErrNoSession) }

func isCorrupt(err error) bool { return errors.Is(err, ErrCorrupt) }
