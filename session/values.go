package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// values are the application's values of one session as scs holds them. They
// are also the context in which scs loads and saves them: scs thinks that it
// talks to a store, and the store hands over what is here.
type values struct {
	context.Context
	deadline time.Time
	stored   []byte          // what the session has
	encoded  []byte          // what scs wants to save
	data     context.Context // made by scs; holds its data
	buffer   [64]byte        // for what scs decodes, if it is short
}

type valuesKey struct{}

// Value implements context.Context. Nothing of a request is in this context, so
// that scs loads afresh.
func (v *values) Value(key any) any {
	if key == (valuesKey{}) {
		return v
	}
	return nil
}

// wrapSCS sets up the scs manager that reads and writes values. It is never made
// by scs.New, which starts a goroutine that cannot be ended at once.
func (m *Manager) wrapSCS(given *scs.SessionManager) error {
	m.scs = given
	if given == nil {
		m.scs = &scs.SessionManager{}
	}
	if _, taken := m.scs.Store.(scsStore); taken {
		return errSCSTaken
	}
	s := m.scs
	if s.Codec == nil || s.Codec == (scs.GobCodec{}) {
		s.Codec = new(valueCodec)
	}
	s.Codec = deadlineCodec{s.Codec}
	s.Store = scsStore{m}
	s.Lifetime = m.cfg.Lifetime
	s.IdleTimeout = 0
	s.HashTokenInStore = false
	s.ErrorFunc = m.cfg.ErrorHandler
	s.Cookie = scs.SessionCookie{Name: m.cfg.CookieName, Path: "/", HttpOnly: true, Secure: !m.cfg.InsecureCookie, SameSite: m.cfg.SameSite}

	probe := &keyProbe{Context: context.Background()}
	_, _ = s.Load(probe, "") // an empty token: scs does not go to the store
	m.scsKey = probe.key
	if m.scsKey == nil {
		return errSCSKey
	}
	m.innermost = innermost{m.scsKey}
	return nil
}

// A keyProbe learns the context key under which a scs manager keeps its data.
type keyProbe struct {
	context.Context
	key any
}

// Value implements context.Context.
func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}

// scsData is the answer to scs, asking for its data in the context.
func (n *node) scsData() any {
	n.refuseMixUp()
	return n.open().data.Value(n.manager.scsKey)
}

// refuseMixUp panics if the values of two Managers in one chain cannot be told
// apart. Managers of scs that were not made by scs.New all ask under the same
// key, so the answer would be that of the inner one to both.
func (n *node) refuseMixUp() {
	if outer, ok := n.Context.Value(n.manager.innermost).(*node); ok {
		panic(fmt.Sprintf("session: the Managers of the cookies %q and %q are in one chain, and their SCS() cannot be told apart: give one of them a Config.SCS that scs.New has made",
			outer.manager.cfg.CookieName, n.manager.cfg.CookieName))
	}
}

// innermost is the key of the innermost node, of whatever Manager, whose scs asks
// under that key.
type innermost struct{ scsKey any }

// open returns the values of the session of n, loaded if need be. If that fails
// they are empty, and commit says why.
func (n *node) open() *values {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.values == nil {
		rec, _ := n.load()
		n.values = n.manager.openValues(n, rec)
	}
	return n.values
}

func (m *Manager) openValues(n *node, rec *Record) *values {
	if rec == nil {
		v := &values{Context: context.Background()}
		v.data, _ = m.scs.Load(v, "") // an empty token: nothing that could fail
		return v
	}
	v := &values{Context: context.Background(), deadline: m.deadline(rec), stored: rec.Values}
	err := guard(func() (err error) {
		v.data, err = m.scs.Load(v, rec.ID)
		return err
	})
	if err != nil {
		m.emit(n.request, auth.Event{Kind: EventCorrupt, Subject: rec.subject(), CredentialID: rec.ID, Err: fmt.Errorf("%w: values: %w", ErrCorrupt, err)})
		v.stored = nil
		v.data, _ = m.scs.Load(v, rec.ID) // an empty encoding decodes
	}
	return v
}

// modified reports whether the application has changed v.
func (m *Manager) modified(v *values) bool { return m.scs.Status(v.data) == scs.Modified }

// changed returns the encoding of v if the application has changed it.
func (m *Manager) changed(v *values) (encoded []byte, changed bool, err error) {
	if !m.modified(v) {
		return nil, false, nil
	}
	err = guard(func() error {
		_, _, err := m.scs.Commit(v.data)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("session: encode values: %w", err)
	}
	return v.encoded, true, nil
}

// kept returns the encoding of the values that survive a sign-in.
func (n *node) kept() ([]byte, error) {
	m := n.manager
	if len(m.cfg.Keep) == 0 {
		return nil, nil
	}
	v := n.open()
	kept := make(map[string]any, len(m.cfg.Keep))
	for _, name := range m.cfg.Keep {
		if m.scs.Exists(v.data, name) {
			kept[name] = m.scs.Get(v.data, name)
		}
	}
	var encoded []byte
	err := guard(func() (err error) {
		encoded, err = m.scs.Codec.Encode(v.deadline, kept)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("session: encode values: %w", err)
	}
	return encoded, nil
}

// guard calls code of the application, such as a GobDecoder, and turns a panic
// into an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = problem.PanicError(v)
		}
	}()
	return f()
}

// scsStore is the store that scs talks to.
type scsStore struct{ m *Manager }

var _ scs.CtxStore = scsStore{}

// FindCtx returns the values of the session that is being loaded, whatever the
// token: scs cannot be used to look into another session.
func (s scsStore) FindCtx(ctx context.Context, _ string) ([]byte, bool, error) {
	v, ok := ctx.Value(valuesKey{}).(*values)
	if !ok {
		return nil, false, nil
	}
	b := binary.BigEndian.AppendUint64(v.buffer[:0], uint64(v.deadline.UnixMilli()))
	return append(b, v.stored...), true, nil
}

// CommitCtx takes what scs wants to save, if it was asked to by the Manager.
func (s scsStore) CommitCtx(ctx context.Context, _ string, b []byte, _ time.Time) error {
	v, ok := ctx.Value(valuesKey{}).(*values)
	if !ok {
		return errSCSCommit
	}
	v.encoded = b
	return nil
}

// DeleteCtx is called by Destroy and by RenewToken, which cannot be told apart
// here. Both end the session at once; the values are then dropped or kept by scs.
func (s scsStore) DeleteCtx(ctx context.Context, _ string) error {
	n := s.m.nodeOf(ctx)
	if n == nil {
		return ErrNoHandler
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	rec, _ := n.load()
	if rec != nil {
		n.inherit = s.m.deadline(rec)
	}
	err := n.end()
	if err != nil {
		n.values = nil
	}
	return err
}

// Find, Commit and Delete are there for the interface. scs prefers the methods
// with a context.
func (s scsStore) Find(string) ([]byte, bool, error)      { return nil, false, errSCSCommit }
func (s scsStore) Commit(string, []byte, time.Time) error { return errSCSCommit }
func (s scsStore) Delete(string) error                    { return errSCSCommit }

// deadlineCodec gives scs the deadline of the record, which is the one that
// counts, and keeps it out of the values.
type deadlineCodec struct{ scs.Codec }

// Encode implements scs.Codec. No values take no bytes.
func (c deadlineCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	if len(values) == 0 {
		return nil, nil
	}
	return c.Codec.Encode(deadline, values)
}

// Decode implements scs.Codec.
func (c deadlineCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	deadline := time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC() //nolint:gosec // see FindCtx
	if len(b) == 8 {
		return deadline, make(map[string]any), nil
	}
	_, values, err := c.Codec.Decode(b[8:])
	if err == nil && values == nil {
		values = make(map[string]any)
	}
	return deadline, values, err
}
