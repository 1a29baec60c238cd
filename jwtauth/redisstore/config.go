package redisstore

import (
	"fmt"
	"strings"
	"time"
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
	// ContextTimeoutEnabled and must not read from replicas. One of a
	// cluster needs a ClusterStateReloadInterval of ten seconds at most: go-redis has a
	// minute, in which requests fail after a failover.
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
