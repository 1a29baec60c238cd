package sqldb

import (
	"context"
	"time"
)

// Detach returns a context for a write that must not stop because the client has
// gone: a revocation, a counter, a mark that a token is spent. It has the values
// of ctx and a time limit of its own, zero for DefaultTimeout, and neither the
// end nor the deadline of ctx. A client that asks and hangs up would otherwise
// choose what is forgotten.
func Detach(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	return context.WithTimeout(context.WithoutCancel(ctx), timeout)
}
