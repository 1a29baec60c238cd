package throttle

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// ErrLocked is wrapped by every *LockedError. 429.
var ErrLocked = problem.Sentinel(problem.TooManyRequests, "throttle: too many attempts")

// A LockedError refuses an attempt and says when another one makes sense. It
// wraps ErrLocked. It does not say which key is locked.
type LockedError struct {
	RetryAfter time.Duration
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
