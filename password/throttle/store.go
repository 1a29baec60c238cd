package throttle

import (
	"context"
	"time"
)

// A Rule is what a Limiter asks of a Store. All of it is positive.
type Rule struct {
	MaxFailures int           // attempts that are admitted
	Window      time.Duration // how long a count lives from its first attempt on
	Lockout     time.Duration // how long it lives from the attempt that was the last admitted one
}

// A Store keeps counts of attempts. Keys are digests of 43 ASCII characters.
// Many requests call it at once.
type Store interface {
	// Increment counts one attempt under key and returns how many there are and
	// how long until they are forgotten. It is one atomic step: of any number of
	// calls at the same time no two get the same count.
	//
	//   - A key that is not there, or whose time is over, begins at 1 and is
	//     forgotten rule.Window later.
	//   - The attempt that brings the count to rule.MaxFailures sets the time
	//     until it is forgotten to rule.Lockout.
	//   - A count above rule.MaxFailures may stand still at rule.MaxFailures+1,
	//     and no attempt above it changes when it is forgotten.
	//   - A repeat of a call whose answer was lost may count twice; no call is
	//     ever left uncounted, unless it returns an error.
	Increment(ctx context.Context, key string, rule Rule) (count int, left time.Duration, err error)
	// Reset forgets the attempts under key. A key that is not there is no error.
	Reset(ctx context.Context, key string) error
}
