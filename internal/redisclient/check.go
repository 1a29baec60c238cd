// Package redisclient looks at a go-redis client before a store of this module
// relies on it. Every redisstore calls it, so that a client which is good for one
// is good for all.
package redisclient

import (
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNil is the error for a client that is nil, also inside of the interface.
var ErrNil = errors.New("redisstore: the client is nil")

// MaxReload is how old a client's picture of its cluster may be. go-redis looks again
// when a node answers that it is the wrong one, but a master that is gone answers
// nothing: until then requests for its part of the keys fail. Its default is a minute.
const MaxReload = 10 * time.Second

var (
	errReload    = fmt.Errorf("redisstore: after a failover of the cluster requests would fail until the client looks at it again: set ClusterStateReloadInterval in its options, to %v at most", MaxReload)
	errDeadlines = errors.New("redisstore: the client ignores deadlines, so a stalled Redis would stall requests: set ContextTimeoutEnabled in its options")
	errReplicas  = errors.New("redisstore: the client may read from replicas, which know late what has ended or been counted: unset ReadOnly, RouteByLatency and RouteRandomly")
)

// Check looks into the options of the clients of go-redis: one must obey the
// deadline of a context, which is off by default, must not read from replicas, and must
// notice a failover of its cluster within MaxReload. A client of any other type is refused unless skip.
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
		if c.Options().ClusterStateReloadInterval > MaxReload {
			return errReload
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
