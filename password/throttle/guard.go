package throttle

import (
	"context"
	"net/netip"

	"github.com/go-sallyport/auth"
)

// A Source is where an attempt to sign in comes from and what account it is at.
type Source struct {
	// Account is what the attempts at one account are counted under: its id, also
	// if it was named by another login, or the one form of a login that is nobody's.
	// A password.Checker fills it in. It is required.
	Account string
	// Subject is whose account it is, if anybody's, for events and for Device. A
	// password.Checker fills it in.
	Subject string
	// Address is that of the client, see ClientIP. The zero Addr is not limited.
	Address netip.Addr
	// Device is the device of the client, if it is known.
	Device Device
}

// A Device is one from which its owner has signed in before, which it proves by a
// pass: a cookie of at least 128 random bits, or with a MAC, that the service has
// set after that sign-in, that names the account, and that the caller has
// verified. The zero Device is an unknown one.
type Device struct {
	ID      string // of the pass: public, and never that of another pass
	Subject string // for whom the pass was issued
}

// A Guard limits guesses at logins: by account, by address, and by known device.
//
// An account has GuardConfig.Max attempts in a window. Then it is locked for
// everybody who has no pass, for a time that doubles with each further lock. After
// MaxInARow failures without a success it stays locked until Unlock.
//
// An address has MaxPerAddress attempts in a window, at whatever accounts.
//
// A known device has attempts of its own, as many as an account, instead of those
// of its account. So who locks the account on purpose does not lock out its
// owner, and the failures of others do not count against the owner.
//
// A success forgives the account, or the device, and takes one attempt back at the
// address: nobody can clear what he has guessed by signing in to an account of his
// own in between. A success from a known device does not unlock the account,
// whose attempts were those of others.
//
// It is safe for concurrent use.
type Guard struct {
	accounts  counter
	devices   counter
	addresses counter
}

// NewGuard returns a Guard that counts in store. A nil store is memory of this
// process, of a fixed size, see MemoryStore.
func NewGuard(store Store, cfg GuardConfig) (*Guard, error) {
	account, address, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if store, err = orMemory(store, cfg.Now); err != nil {
		return nil, err
	}
	g := &Guard{
		accounts:  newCounter(store, account, "account", account.guesses()),
		devices:   newCounter(store, account, "device", account.guesses()),
		addresses: newCounter(store, account, "address", address.further()),
	}
	g.accounts.resource += " account"
	g.devices.resource += " device"
	g.addresses.resource += " address"
	return g, nil
}

// Begin counts an attempt and admits it or returns a *LockedError. Call it before
// the password is looked at, and for accounts that do not exist as well.
//
// The address is asked first, so that an address that is locked locks nothing
// else, and an attempt that is refused is counted nowhere. If the Store fails the
// attempt is refused with an error that is answered with 503, unless
// GuardConfig.FailOpen.
func (g *Guard) Begin(ctx context.Context, from Source) (*Attempt, error) {
	if from.Account == "" {
		return nil, ErrNoKey
	}
	a := new(Attempt)
	e := auth.Event{Subject: from.Subject, Address: from.Address}
	if from.Address.IsValid() {
		if err := a.take(ctx, &g.addresses, AddressKey(from.Address), &e); err != nil {
			return nil, err
		}
	}
	counter, key := &g.accounts, from.Account
	if d := from.Device; d.ID != "" && d.Subject != "" && d.Subject == from.Subject {
		counter, key = &g.devices, d.Subject+"\x00"+d.ID
	}
	if err := a.take(ctx, counter, key, &e); err != nil {
		return nil, err
	}
	a.admit(ctx, &e)
	return a, nil
}

// Unlock forgets all failures at an account, however many there were: for a
// password reset, which has proved by other means who the owner is. Attempts of
// known devices stay counted; let a reset end their passes.
func (g *Guard) Unlock(ctx context.Context, account string) error {
	return g.accounts.reset(ctx, account)
}
