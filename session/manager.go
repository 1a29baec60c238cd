package session

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/go-sallyport/auth"
)

// Kinds of events besides those of package auth.
const (
	EventCorrupt   auth.EventKind = "session.corrupt"    // a stored session, or its values, could not be read
	EventLateWrite auth.EventKind = "session.late_write" // values were changed after the response had begun, and are lost
	EventUntouched auth.EventKind = "session.untouched"  // the use of a session could not be noted; it may end early
)

// storeTimeout bounds each write. Writes go on when the client is gone, so that
// a sign-out is not undone by a closed tab, and must end all the same.
const storeTimeout = 5 * time.Second

// A Manager keeps sessions: state on the server that is named by a cookie. See
// the package comment for what it protects from.
//
// Handler is the middleware. Authenticate makes the Manager an authenticator for
// auth.Require, SignIn and Begin start a session for a proven principal, Elevate
// adds a proof to it, SignOut ends it, and SCS gives access to the application's
// values. List shows the sessions of a user; Revoke, RevokeOthers and
// RevokeSubject end them from elsewhere.
//
// It is immutable and safe for concurrent use.
type Manager struct {
	store  Store
	cfg    Config
	scs    *scs.SessionManager
	scsKey any // the context key under which scs looks for its data

	innermost any // innermost{scsKey}, boxed once

	memory *MemoryStore // the store, if it is one

	usual, remembered limits

	attributes string // of the cookie
	challenge  string
}

var (
	_ auth.Authenticator = (*Manager)(nil)
	_ auth.Challenger    = (*Manager)(nil)
	_ auth.Ambient       = (*Manager)(nil)
	_ auth.SignIn        = (*Manager)(nil)
	_ auth.Revoker       = (*Manager)(nil)
)

// New returns a Manager over store. A nil store is a MemoryStore with its
// defaults: for one process, whose restart signs everybody out. The error tells
// everything that is wrong with cfg.
func New(store Store, cfg Config) (*Manager, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if store == nil {
		store, err = NewMemoryStore(MemoryConfig{Now: cfg.Now})
		if err != nil {
			return nil, err
		}
	}
	m := &Manager{store: store, cfg: cfg}
	m.memory, _ = store.(*MemoryStore)
	m.usual, m.remembered = m.cfg.limits()
	m.attributes = cookieAttributes(cfg)
	m.challenge = auth.Challenge("Cookie", "cookie-name", cfg.CookieName)
	if err := m.wrapSCS(cfg.SCS); err != nil {
		return nil, err
	}
	return m, nil
}

// Handler makes the session of a request available to next, and saves what next
// has changed before the first byte of the response. It authenticates nobody:
// that is for auth.Require(m).
//
// Nothing is read until somebody asks for the session, and a visitor whose
// session has no values gets neither an entry in the store nor a cookie.
//
// If the session cannot be saved, the response of next is withheld, all of it,
// and ErrorHandler answers; writes of next then fail with the error. Response
// headers that next had set before stay, but for those that a problem replaces.
//
// A panic of next saves nothing, unless something between Handler and next
// answers it: mount problem.Recover outside. Mounted a second time in one chain,
// Handler does nothing more.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, next) })
}

func (m *Manager) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if m.nodeOf(r.Context()) != nil {
		next.ServeHTTP(w, r)
		return
	}
	if err := m.checkLoopback(r); err != nil {
		m.cfg.ErrorHandler(w, r, err)
		return
	}
	n := m.newNode(r)
	n.response = response{ResponseWriter: w, node: n}
	// WithContext is inlined, so that its copy is made in n.
	n.passed = *r.WithContext(n)
	next.ServeHTTP(&n.response, &n.passed)
	n.finish()
}

// SCS returns the wrapped scs manager, for the values of the application:
//
//	sessions.SCS().Put(r.Context(), "cart", cart)
//	cart, _ := sessions.SCS().Get(r.Context(), "cart").(Cart)
//
// Values are loaded and decoded when they are first asked for. Types that are
// not basic must be registered with gob.Register, as scs asks. Of concurrent
// requests that change values, the last to finish wins.
//
// If the session cannot be loaded, values read as absent, and the response is
// withheld as described at Handler. Changes after the first byte are lost; this
// is reported as EventLateWrite.
//
// Where scs would manage sessions by itself, the Manager stays in charge:
// Destroy is SignOut; RenewToken ends the session and carries the values, not
// the sign-in, to one with a new id and the old deadline (Begin is what renews
// at a sign-in); Token returns the public id; SetDeadline, RememberMe and
// MergeSession have no effect; Commit and LoadAndSave fail; Iterate panics, as
// it does with any store that cannot iterate.
func (m *Manager) SCS() *scs.SessionManager { return m.scs }

// find returns the live record of id, or ErrNoSession, and notes that it is used.
func (m *Manager) find(r *http.Request, id ID) (*Record, error) {
	rec, now, err := m.fetch(r.Context(), id)
	switch {
	case err == nil:
	case isNoSession(err):
		if isCorrupt(err) {
			m.emit(r, auth.Event{Kind: EventCorrupt, Err: err})
		}
		return nil, ErrNoSession
	default:
		return nil, unavailable("find", err)
	}
	if !m.live(rec, now) {
		return nil, ErrNoSession
	}
	if m.stale(rec, now) {
		rec = m.touch(r, id, rec, now)
	}
	return rec, nil
}

// fetch returns what the store has under id, and the time after that: of memory
// it is the time before, so that the clock is read once.
func (m *Manager) fetch(ctx context.Context, id ID) (*Record, time.Time, error) {
	if m.memory != nil {
		now := m.cfg.Now()
		rec, err := m.memory.findAt(id, now)
		return rec, now, err
	}
	rec, err := m.store.Find(ctx, id)
	return rec, m.cfg.Now(), err
}

// touch notes that the session is used. That is no security write: without it
// the session ends early, so a store that can read but not write keeps serving.
func (m *Manager) touch(r *http.Request, id ID, rec *Record, now time.Time) *Record {
	ctx, cancel := m.detach(r.Context())
	defer cancel()
	seen := milli(now)
	if err := m.store.Touch(ctx, id, seen, m.expiry(rec, now)); err != nil {
		if !isNoSession(err) {
			m.emit(r, auth.Event{Kind: EventUntouched, CredentialID: rec.ID, Subject: rec.subject(), Err: err})
		}
		return rec
	}
	touched := *rec
	touched.Seen = seen
	return &touched
}

// detach returns a context for a write that must not stop half-way because the
// client has gone. Memory neither waits nor looks at the values of a context.
func (m *Manager) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	if m.memory != nil {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}

// client is who sent r, as far as it can be told.
func (m *Manager) client(r *http.Request) netip.Addr {
	addr, err := m.cfg.ClientIP(r)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func (m *Manager) emit(r *http.Request, e auth.Event) {
	if m.cfg.OnEvent == nil {
		return
	}
	e.Address = m.client(r)
	m.emitFrom(r.Context(), e)
}

// emitFrom is emit where there may be no request.
func (m *Manager) emitFrom(ctx context.Context, e auth.Event) {
	e.Time = m.cfg.Now()
	e.Method = auth.MethodSession
	m.cfg.OnEvent.Emit(ctx, e)
}

// maxUserAgent bounds what is kept of a User-Agent, in bytes.
const maxUserAgent = 256

// userAgent is the User-Agent of r, fit for a page and a record.
func userAgent(r *http.Request) string {
	s := r.UserAgent()
	if len(s) > maxUserAgent {
		s = s[:maxUserAgent]
	}
	return strings.ToValidUTF8(s, "")
}
