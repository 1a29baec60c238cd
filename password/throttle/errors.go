package throttle

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// The errors of this package.
var (
	// ErrLocked is wrapped by every *LockedError. 429.
	ErrLocked = problem.Sentinel(problem.TooManyRequests, "throttle: too many attempts")
	// ErrNoKey: there is nothing to count under, such as an empty account or a
	// request from nowhere. 500. All such attempts would share one count.
	ErrNoKey = errors.New("throttle: no key to count under")
)

// A LockedError refuses an attempt and says when another one makes sense. It
// wraps ErrLocked. It does not say which key is locked.
type LockedError struct {
	// RetryAfter is how long the lock lasts from now on.
	RetryAfter time.Duration
	// Exhausted: there have been as many failures in a row as there may ever be. A
	// page may advise to reset the password; accounts that do not exist get there
	// just as others.
	Exhausted bool
}

// Error implements error.
func (e *LockedError) Error() string {
	return fmt.Sprintf("throttle: too many attempts: locked for %s", e.RetryAfter.Round(time.Second))
}

// Unwrap makes errors.Is(err, ErrLocked) true and gives the error its public
// face: 429 with Retry-After (RFC 6585 §4), in whole seconds, rounded up so that
// a client that obeys it is not refused again.
func (e *LockedError) Unwrap() error {
	seconds := int64((e.RetryAfter + time.Second - 1) / time.Second)
	return &problem.Error{
		Details: problem.New(problem.TooManyRequests),
		Header:  http.Header{"Retry-After": {strconv.FormatInt(max(seconds, 1), 10)}},
		Err:     ErrLocked,
	}
}
