package throttle

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
)

// DefaultMaxPerAddress is the default of GuardConfig.MaxPerAddress.
const DefaultMaxPerAddress = 20

// GuardConfig configures a Guard. The zero value is the recommended production
// setting.
type GuardConfig struct {
	// Name keeps the counts of Guards apart that share a Store. Empty: "login".
	Name string
	// Max, Window, Lockout, MaxLockout, MaxInARow and Memory are what they are in
	// Config, for each account and for each known device. Zero: 5 attempts in 15
	// minutes, locks of 15 minutes to 24 hours, 100 failures in a row, remembered
	// for up to 90 days.
	Max                                 int
	Window, Lockout, MaxLockout, Memory time.Duration
	MaxInARow                           int
	// MaxPerAddress is how many failures an address has in AddressWindow, 1 to
	// 1000. Zero: 20. It is more than Max because one address can be an office, a
	// campus or a mobile network (NAT), whose people mistype too, and because an
	// attempt counts while it runs; set 5 where that is not so. Accounts are
	// protected either way: the address is what limits the one who tries few
	// passwords at many of them.
	MaxPerAddress int
	// AddressWindow begins with the first attempt of an address and is also when
	// its lock ends. Zero: 15 minutes.
	AddressWindow time.Duration
	// FailOpen admits attempts, uncounted, while the Store is failing. By default
	// they are refused with 503: a store that is down must not be a way to guess
	// without limit.
	FailOpen bool
	// OnEvent is told of locks (EventLocked), of attempts that are refused
	// (EventRefused), and of attempts admitted by FailOpen (EventFailOpen). Their
	// Resource is Name and "account", "device" or "address".
	OnEvent auth.EventFunc
	// Now is the clock of the store in memory and of events. Nil: time.Now for
	// events, and for the store a clock that nobody can set back.
	Now func() time.Time
}

func (c GuardConfig) complete() (account, address Config, err error) {
	if c.Name == "" {
		c.Name = "login"
	}
	if c.MaxPerAddress == 0 {
		c.MaxPerAddress = DefaultMaxPerAddress
	}
	account, err = Config{
		Name: c.Name, Max: c.Max, Window: c.Window, Lockout: c.Lockout, MaxLockout: c.MaxLockout, MaxInARow: c.MaxInARow, Memory: c.Memory,
		FailOpen: c.FailOpen, OnEvent: c.OnEvent, Now: c.Now,
	}.complete()
	address, wrong := Config{Max: c.MaxPerAddress, Window: c.AddressWindow}.complete()
	if wrong != nil {
		err = errors.Join(err, fmt.Errorf("throttle: MaxPerAddress and AddressWindow: %w", wrong))
	}
	if most := max(c.Max, c.MaxPerAddress); most > MaxAttempts {
		err = errors.Join(err, fmt.Errorf("throttle: Max or MaxPerAddress is %d: use 1 to %d", most, MaxAttempts))
	}
	return account, address, err
}
