// Package redisclient looks at a go-redis client before a store of this module
// relies on it. Every redisstore calls it, so that a client which is good for one
// is good for all.
package redisclient

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	errRing      = errors.New("redisstore: a ring gives the keys of a shard that is down to another one, and what is ended there is live again when the shard is back: set HeartbeatFn in its options to a function that always returns true")
	errReplicas  = errors.New("redisstore: the client may read from replicas, which know late what has ended or been counted: unset ReadOnly, RouteByLatency and RouteRandomly")
)

// Check looks into the options of the clients of go-redis: one must obey the
// deadline of a context, which is off by default, must not read from replicas, must
// notice a failover of its cluster within MaxReload, and as a ring must not give the keys
// of a shard that is down to another. A client of any other type is refused unless skip.
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
		if obeys = c.Options().ContextTimeoutEnabled; obeys && !staysPut(c.Options()) {
			return errRing
		}
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

// staysPut reports whether a ring goes on to ask a shard that is down. By default it
// gives the keys of that shard to the others, which know nothing of them, and takes them
// back when it is up again: what was ended meanwhile is live then, and who has a second
// factor there has none. The ring asks HeartbeatFn what is down; here that is asked about
// a server that is.
func staysPut(o *redis.RingOptions) bool {
	gone := redis.NewClient(&redis.Options{
		Dialer:     func(context.Context, string, string) (net.Conn, error) { return nil, errGone },
		MaxRetries: -1, DialerRetries: 1,
	})
	defer func() { _ = gone.Close() }() // it has no connection
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return o.HeartbeatFn(ctx, gone)
}

var errGone = errors.New("redisstore: nothing listens there")
