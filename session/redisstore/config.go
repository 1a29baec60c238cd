package redisstore

import (
	"fmt"
	"strings"
	"time"
)

// Defaults of Config.
const (
	DefaultPrefix  = "session:"
	DefaultTimeout = time.Second
)

// Config configures a Store. The zero value is the recommended setting.
type Config struct {
	// Prefix is what all keys begin with. Empty: "session:". Braces, which would
	// move every session to one node of a cluster, are refused.
	Prefix string
	// Timeout bounds every call, retries of the client included. Zero: one
	// second.
	Timeout time.Duration
	// SkipClientCheck accepts a client of a type that New does not know, such as
	// a wrapper, whose options it therefore cannot check: it must have
	// ContextTimeoutEnabled and must not read from replicas. One of a
	// cluster needs a ClusterStateReloadInterval of ten seconds at most: go-redis has a
	// minute, in which requests fail after a failover.
	SkipClientCheck bool
	// Now is the clock. Nil: time.Now. The clock of Redis may differ from it: keys
	// are given durations, and the expiry of a session is compared with Now. So
	// the clocks of the services that share sessions must agree, as they must for
	// Config.IdleTimeout of package session.
	Now func() time.Time
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
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}
