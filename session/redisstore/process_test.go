package redisstore_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/internal/testkit/sessionsite"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
	"github.com/go-sallyport/auth/session/storetest"
)

// In a process of its own a test binary serves sessions from the Redis at args[0].
func TestMain(m *testing.M) {
	sessionsite.Main(m, func(args []string) (session.Store, error) {
		return redisstore.New(redis.NewClient(&redis.Options{Addr: args[0], ContextTimeoutEnabled: true}), redisstore.Config{Timeout: 5 * time.Second})
	})
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	t.Run("F23 I2 I3 two processes, 64 clients who sign in and out, renew and revoke", func(t *testing.T) {
		a, b := sessionsite.Start(t, server.Addr()), sessionsite.Start(t, server.Addr())
		storetest.HistoryAt(t, 1500*time.Millisecond, a, b)
		a.Kill()
		b.Kill()
	})
	store := newStore(t, server.Client(), redisstore.Config{})
	sessionsite.Crash(t, store, func(t *testing.T) (http.Handler, func()) {
		p := sessionsite.Start(t, server.Addr())
		return p, p.Kill
	})
	wantTTLs(t, server)
}
