package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Defaults of Config.
const (
	DefaultPrefix  = "refresh:"
	DefaultTimeout = time.Second
)

// Config configures a Store. The zero value is the recommended setting.
type Config struct {
	// Prefix is what all keys begin with. Empty: "refresh:". Braces, which would
	// move every family to one node of a cluster, are refused.
	Prefix string
	// Timeout bounds every call, retries of the client included. Zero: one
	// second.
	Timeout time.Duration
	// SkipClientCheck accepts a client of a type that New does not know, such as
	// a wrapper, whose options it therefore cannot check: it must have
	// ContextTimeoutEnabled and must not read from replicas.
	SkipClientCheck bool
}

func (c Config) complete() (Config, error) {
	if c.Prefix == "" {
		c.Prefix = DefaultPrefix
	}
	if strings.ContainsAny(c.Prefix, "{}") {
		return c, fmt.Errorf("redisstore: Prefix %q has braces, which name hash slots: leave them out", c.Prefix)
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Timeout < 0 {
		return c, fmt.Errorf("redisstore: Timeout %s: use a positive duration", c.Timeout)
	}
	return c, nil
}

var (
	errNilClient = errors.New("redisstore: the client is nil")
	errDeadlines = errors.New("redisstore: the client ignores deadlines, so a stalled Redis would stall requests: set ContextTimeoutEnabled in its options")
	errReplicas  = errors.New("redisstore: the client may read from replicas, where a family lives on for a while after its end: unset ReadOnly, RouteByLatency and RouteRandomly")
)

// checkClient looks into the options of the clients of go-redis.
func checkClient(client redis.UniversalClient, skip bool) error {
	var obeys bool
	switch c := client.(type) {
	case nil:
		return errNilClient
	case *redis.Client:
		if c == nil {
			return errNilClient
		}
		obeys = c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		if c == nil {
			return errNilClient
		}
		// RouteByLatency and RouteRandomly set ReadOnly too.
		if c.Options().ReadOnly {
			return errReplicas
		}
		obeys = c.Options().ContextTimeoutEnabled
	case *redis.Ring:
		if c == nil {
			return errNilClient
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
