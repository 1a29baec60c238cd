// Package redisclient looks at a go-redis client before a store of this module
// relies on it. Every redisstore calls it, so that a client which is good for one
// is good for all.
package redisclient

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// ErrNil is the error for a client that is nil, also inside of the interface.
var ErrNil = errors.New("redisstore: the client is nil")

var (
	errDeadlines = errors.New("redisstore: the client ignores deadlines, so a stalled Redis would stall requests: set ContextTimeoutEnabled in its options")
	errReplicas  = errors.New("redisstore: the client may read from replicas, which know late what has ended or been counted: unset ReadOnly, RouteByLatency and RouteRandomly")
)

// Check looks into the options of the clients of go-redis: one must obey the
// deadline of a context, which is off by default, and must not read from
// replicas. A client of any other type is refused unless skip.
//
// A FailoverClient is a *redis.Client and does not tell whether it reads from
// replicas; its writes then fail.
func Check(client redis.UniversalClient, skip bool) error {
	var obeys bool
	switch c := client.(type) {
	case nil:
		return ErrNil
	case *redis.Client:
		if c == nil {
			return ErrNil
		}
		obeys = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		if c == nil {
			return ErrNil
		}
		// RouteByLatency and RouteRandomly set ReadOnly too.
		if c.Options().ReadOnly {
			return errReplicas
		}
		obeys = c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		if c == nil {
			return ErrNil
		}
		obeys = c.Options().ContextTimeoutEnabled
	default:
		if !skip {
			return fmt.Errorf("redisstore: the options of a %T cannot be checked: pass a client of go-redis, or check them and say SkipClientCheck", client)
		}
		return nil
	}
	if !obeys {
		return errDeadlines
	}
	return nil
}
