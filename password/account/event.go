package account

import (
	"context"
	"net/netip"

	"github.com/go-sallyport/auth"
)

// Kinds of events. None has an address of mail, a token or a password. What the
// password.Checker, Tokens and limits of a Service decide are events of theirs.
const (
	EventRegister        auth.EventKind = "account.register"         // somebody has asked for an account
	EventVerified        auth.EventKind = "account.verified"         // an account was made, or proved, by a link
	EventUnverified      auth.EventKind = "account.unverified"       // the password was right, the address is not proved
	EventClaimed         auth.EventKind = "account.claimed"          // an account that nobody had proved went to whoever proved its address
	EventForgot          auth.EventKind = "account.forgot"           // somebody has asked for a reset
	EventReset           auth.EventKind = "account.reset"            // a password was set by a link
	EventPasswordChanged auth.EventKind = "account.password_changed" // by its owner
	EventEmailAsked      auth.EventKind = "account.email_asked"      // a user wants to move to another address
	EventEmailChanged    auth.EventKind = "account.email_changed"    // a user has moved to another address
	EventDeleted         auth.EventKind = "account.deleted"          // an account is gone
	EventLimited         auth.EventKind = "account.limited"          // nothing was done, and the answer does not tell
	EventFault           auth.EventKind = "account.fault"            // something failed and changed no answer
)

// addressKey is the context key of the client's address.
type addressKey struct{}

func withAddress(ctx context.Context, addr netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, addr)
}

func addressOf(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(addressKey{}).(netip.Addr)
	return addr
}
