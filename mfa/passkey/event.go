package passkey

import (
	"context"
	"net/netip"

	"github.com/go-sallyport/auth"
)

// Kinds of events. The first two come from mfa.Config.OnEvent and, as mfa.Notice,
// from mfa.Config.Notify; the others from Config.OnEvent. Their Resource is the id of
// the passkey.
const (
	EventRegistered auth.EventKind = "passkey.registered" // a user has a new passkey
	EventRemoved    auth.EventKind = "passkey.removed"    // a user has removed a passkey
	EventVerified   auth.EventKind = "passkey.verified"   // a passkey was proved
	EventFailed     auth.EventKind = "passkey.failed"     // an answer was refused, or could not be decided
	EventCloned     auth.EventKind = "passkey.cloned"     // a counter has gone back: the key may have been copied. The answer was refused
	EventFault      auth.EventKind = "passkey.fault"      // something failed and changed no answer
)

// emit tells of a decision. The address comes from the context of a handler.
func (m *Manager) emit(ctx context.Context, e auth.Event) {
	if m.cfg.OnEvent == nil {
		return
	}
	e.Time = m.cfg.Now()
	e.Address, _ = ctx.Value(addressKey{}).(netip.Addr)
	m.cfg.OnEvent.Emit(ctx, e)
}

// addressKey is the context key of the client's address.
type addressKey struct{}

func withAddress(ctx context.Context, addr netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, addr)
}
