package throttle

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// The defaults of Config and GuardConfig.
const (
	DefaultMax        = 5
	DefaultWindow     = 15 * time.Minute
	DefaultLockout    = 15 * time.Minute
	DefaultMaxLockout = 24 * time.Hour
	DefaultMaxInARow  = 100
	DefaultMemory     = 90 * 24 * time.Hour
)

// MaxAttempts bounds the attempts that Begin admits in a window: a Store notes each
// of them, to take it back. MaxRequests bounds the requests of Allow, which are
// only counted.
const (
	MaxAttempts = 1000
	MaxRequests = 65535
)

// maxDuration bounds all durations. A longer one is a mistake of units.
const maxDuration = 400 * 24 * time.Hour

// Config configures a Limiter. The zero value is the recommended production
// setting for guesses at a secret.
type Config struct {
	// Name keeps the counts of Limiters apart that share a Store, such as "mfa" and
	// "register". Limiters with one name share the counts of equal keys, which is
	// what the processes of a service want.
	Name string
	// Max is how many attempts a key has in a window, 1 to MaxRequests. Zero: 5.
	// Begin takes a Max of more than MaxAttempts for that.
	Max int
	// Window begins with the first attempt of a key. Zero: 15 minutes.
	Window time.Duration
	// Lockout is how long a key is locked that has used up its attempts, counted
	// from the last of them. Zero: 15 minutes.
	Lockout time.Duration
	// MaxLockout bounds the growth of Lockout, which doubles each time that the key
	// is locked again without a success in between. Zero: 24 hours, or Lockout if
	// that is longer. A lock that is not to grow has MaxLockout equal to Lockout.
	MaxLockout time.Duration
	// MaxInARow is how many failures a key can have without a success, however
	// slowly: after that it is locked until Unlock. Zero: 100, which is the most
	// that NIST SP 800-63B-4 §3.2.2 allows.
	MaxInARow int
	// SkipMaxInARow is for a key whose attempts something else bounds in the long run,
	// such as a second Limiter: only its windows and locks count.
	SkipMaxInARow bool
	// Memory is how long failures are remembered, at most, after the last of them:
	// a single one for a day, each further one doubles that. Zero: 90 days. It is
	// also how long a lock by MaxInARow lasts if nobody calls Unlock.
	Memory time.Duration
	// FailOpen admits attempts, uncounted, while the Store is failing. By default
	// they are refused with 503: a store that is down must not be a way to guess
	// without limit.
	FailOpen bool
	// ErrorHandler answers the requests that Handler refuses. Nil:
	// problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// OnEvent is told of locks (EventLocked), of attempts that are refused
	// (EventRefused), and of attempts admitted by FailOpen (EventFailOpen).
	OnEvent auth.EventFunc
	// Now is the clock of the store in memory and of events. Nil: time.Now for
	// events, and for the store a clock that nobody can set back.
	Now func() time.Time
}

// Kinds of events. None of them tells a key. The address is there if a Guard
// knows it, the subject if the caller of the Guard does.
const (
	EventLocked   auth.EventKind = "throttle.locked"    // an attempt was the last before a lock, which ends if it succeeds
	EventRefused  auth.EventKind = "throttle.refused"   // an attempt found a key locked, or a Store that fails
	EventFailOpen auth.EventKind = "throttle.fail_open" // an attempt was not counted because the Store fails
)

func (c Config) complete() (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("throttle: "+format, args...)) }
	span := func(name string, d *time.Duration, zero time.Duration) {
		if *d == 0 {
			*d = zero
		}
		if *d < time.Millisecond || *d > maxDuration {
			wrong("%s %s: use a millisecond to 400 days, or 0 for %s", name, *d, zero)
		}
	}
	if strings.ContainsRune(c.Name, 0) {
		wrong("Name %q has a NUL", c.Name)
	}
	if c.Max == 0 {
		c.Max = DefaultMax
	}
	if c.Max < 1 || c.Max > MaxRequests {
		wrong("Max is %d: use 1 to %d, or 0 for %d", c.Max, MaxRequests, DefaultMax)
	}
	span("Window", &c.Window, DefaultWindow)
	span("Lockout", &c.Lockout, DefaultLockout)
	span("MaxLockout", &c.MaxLockout, max(DefaultMaxLockout, c.Lockout))
	span("Memory", &c.Memory, DefaultMemory)
	if c.MaxLockout < c.Lockout {
		wrong("MaxLockout %s is shorter than Lockout %s", c.MaxLockout, c.Lockout)
	}
	if c.MaxInARow == 0 && !c.SkipMaxInARow {
		c.MaxInARow = DefaultMaxInARow
	}
	if c.SkipMaxInARow && c.MaxInARow != 0 {
		wrong("MaxInARow is %d although SkipMaxInARow is set: use one of them", c.MaxInARow)
	} else if c.MaxInARow < 1 && !c.SkipMaxInARow || c.MaxInARow > DefaultMaxInARow {
		wrong("MaxInARow is %d: use 1 to %d, or 0 for %d", c.MaxInARow, DefaultMaxInARow, DefaultMaxInARow)
	}
	if c.ErrorHandler == nil {
		c.ErrorHandler = problem.WriteError
	}
	return c, errors.Join(errs...)
}

// guesses is the rule for what is wrong or right.
func (c Config) guesses() Rule {
	return Rule{Max: min(c.Max, MaxAttempts), Window: c.Window, Lockout: c.Lockout, MaxLockout: c.MaxLockout, MaxInARow: c.MaxInARow, Memory: c.Memory}
}

// further is the rule for keys that no success forgives: that one has had many
// attempts is no reason to give it fewer.
func (c Config) further() Rule { return Rule{Max: min(c.Max, MaxAttempts), Window: c.Window} }
