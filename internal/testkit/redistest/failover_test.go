package redistest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestFailover(t *testing.T) {
	t.Parallel()
	t.Run("F08 who stays connected to the old primary cannot write, who comes anew can", func(t *testing.T) {
		p := redistest.Failover(t)
		ctx := t.Context()
		c := p.Client()
		p.Link.Latency(400 * time.Millisecond) // or there would be nothing to wait for
		must(t, c.Set(ctx, "k", "before", time.Minute).Err())
		p.Sync()
		if got, err := p.Replica.Client().Get(ctx, "k").Result(); got != "before" || err != nil {
			t.Errorf("the replica has %q, %v", got, err)
		}
		p.Link.Pass()
		stays := p.Primary.Client().(*redis.Client).Conn()
		defer stays.Close()
		must(t, stays.Ping(ctx).Err())

		p.Promote()
		if err := stays.Set(ctx, "k", "lost", time.Minute).Err(); err == nil || !strings.Contains(err.Error(), "READONLY") {
			t.Errorf("the old primary says %v", err)
		}
		must(t, c.Set(ctx, "k", "after", time.Minute).Err())
		if got, err := p.Replica.Client().Get(ctx, "k").Result(); got != "after" || err != nil {
			t.Errorf("the new primary has %q, %v", got, err)
		}
	})
	t.Run("F09 writes that did not reach the replica are lost", func(t *testing.T) {
		p := redistest.Failover(t)
		ctx := t.Context()
		c := p.Client()
		must(t, c.Set(ctx, "k", "kept", time.Minute).Err())
		p.Sync()
		p.Link.BlackHole(faultproxy.Down)
		must(t, c.Set(ctx, "k", "lost", time.Minute).Err())
		p.Primary.Stop()
		p.Promote()
		if got, err := c.Get(ctx, "k").Result(); got != "kept" || err != nil {
			t.Errorf("after the failover %q, %v", got, err)
		}
		must(t, c.Set(ctx, "k", "new", time.Minute).Err())
	})
}
