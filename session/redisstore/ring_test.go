package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
)

// TestRing is about a shard that is down for longer than a ring is patient. A ring that
// gave its keys to the other shard would revoke there, where nothing is.
func TestRing(t *testing.T) {
	t.Parallel()
	servers := []*redistest.Server{redistest.Start(t), redistest.Start(t)}
	if !servers[0].Real() {
		testkit.Skip(t, "a stand-in cannot be stopped for a while")
	}
	beats := make(chan struct{})
	ring := redis.NewRing(&redis.RingOptions{
		Addrs:                 map[string]string{"one": servers[0].Addr(), "two": servers[1].Addr()},
		ContextTimeoutEnabled: true, ReadTimeout: 50 * time.Millisecond, MaxRetries: -1,
		HeartbeatFrequency: 10 * time.Millisecond,
		HeartbeatFn: func(ctx context.Context, c *redis.Client) bool {
			_ = c.Ping(ctx) // as long as the default takes
			select {
			case beats <- struct{}{}:
			default:
			}
			return true
		},
	})
	t.Cleanup(func() { _ = ring.Close() })
	s, err := redisstore.New(ring, redisstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Create(t.Context(), id(1), record(), time.Now().Add(time.Hour), 0); err != nil {
		t.Fatal(err)
	}
	its := servers[0]
	if len(its.Keys()) == 0 {
		its = servers[1]
	}
	its.Pause()
	for range 20 { // three are what a ring waits for before it moves keys
		<-beats
	}
	if _, err := s.Find(t.Context(), id(1)); err == nil || errors.Is(err, session.ErrNoSession) {
		t.Errorf("F02 I1 a shard that is down says %v", err)
	}
	if err := s.RevokeSubject(t.Context(), "u-alice", ""); err == nil {
		t.Error("F02 I2 a revocation that has reached nobody is told as done")
	}
	its.Resume()
	if err := s.RevokeSubject(t.Context(), "u-alice", ""); err != nil {
		t.Error(err)
	}
	if _, err := s.Find(t.Context(), id(1)); !errors.Is(err, session.ErrNoSession) {
		t.Errorf("I8 %v, want ErrNoSession", err)
	}
}
