package redistest

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Client returns a client of the server, or the faultproxy, at addr. It obeys the
// deadlines of contexts, and its handshake is one command, HELLO, so that replies
// can be counted; all else, retries included, is go-redis's default. Pipelines
// and transactions have connections of their own there. It is closed when the
// test ends.
func Client(t testing.TB, addr string) redis.UniversalClient {
	t.Helper()
	return client(t, options(addr))
}

func options(addr string) *redis.Options {
	return &redis.Options{
		Addr:                     addr,
		ContextTimeoutEnabled:    true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func client(t testing.TB, o *redis.Options) *redis.Client {
	t.Helper()
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}
