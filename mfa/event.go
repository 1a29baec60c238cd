package mfa

import (
	"context"
	"errors"
	"net/netip"

	"github.com/go-sallyport/auth"
)

// Kinds of events. The Resource of the first three is the kind of factor. What the
// limits decide are events of package throttle.
const (
	EventVerified      auth.EventKind = "mfa.verified"       // a factor was proved
	EventFailed        auth.EventKind = "mfa.failed"         // an attempt was wrong, refused, or could not be decided; or there was nothing to complete
	EventChallenged    auth.EventKind = "mfa.challenged"     // a sign-in waits for a factor
	EventEnrolling     auth.EventKind = "mfa.enrolling"      // an enrolment waits to be confirmed
	EventEnabled       auth.EventKind = "mfa.enabled"        // an authenticator app was confirmed
	EventDisabled      auth.EventKind = "mfa.disabled"       // an authenticator app was removed
	EventRemoved       auth.EventKind = "mfa.removed"        // all factors were removed, by the service
	EventCodesReplaced auth.EventKind = "mfa.codes_replaced" // there are new recovery codes
	EventCodeUsed      auth.EventKind = "mfa.code_used"      // a recovery code was used
	EventDeviceTrusted auth.EventKind = "mfa.device_trusted" // a browser is asked for no factor from now on
	EventDevicePassed  auth.EventKind = "mfa.device_passed"  // a trusted browser was let in without a factor
	EventDeviceDropped auth.EventKind = "mfa.device_dropped" // a browser is not trusted any more
	EventFault         auth.EventKind = "mfa.fault"          // something failed and changed no answer
)

// A Notice is what a user should be told, by mail for example.
type Notice struct {
	// Kind is EventEnabled, EventDisabled, EventRemoved, EventCodesReplaced,
	// EventCodeUsed, EventDeviceTrusted, or what a Kind has given to Change.
	Kind    auth.EventKind
	Subject string
	// CodesLeft is how many recovery codes are left after EventCodeUsed.
	CodesLeft int
}

var errNotify = errors.New("mfa: Notify has panicked, and the user was not told")

// notify tells of n, also if the client has gone: whoever has used a factor that is
// not theirs would go early. A panic of the hook changes no answer.
func (m *Manager) notify(ctx context.Context, n Notice) {
	if m.cfg.Notify == nil {
		return
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	defer func() {
		if recover() != nil {
			m.emit(ctx, auth.Event{Kind: EventFault, Subject: n.Subject, Err: errNotify})
		}
	}()
	m.cfg.Notify(ctx, n)
}

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
