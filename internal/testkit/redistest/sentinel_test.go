package redistest_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestSentinel(t *testing.T) {
	t.Parallel()
	t.Run("F08 a primary that dies is replaced, and clients find the new one by themselves", func(t *testing.T) {
		w := redistest.Sentinel(t)
		ctx := t.Context()
		o := w.Options()
		o.PoolSize = 1
		one := redis.NewFailoverClient(o)
		defer one.Close()
		must(t, one.Set(ctx, "k", "kept", time.Minute).Err())
		must(t, redistest.Replicated(ctx, one))
		w.Hold()
		must(t, one.Set(ctx, "lost", "x", time.Minute).Err())
		w.Primary.Stop()
		w.AwaitPromotion()
		c := w.Client()
		must(t, c.Set(ctx, "new", "y", time.Minute).Err())
		if got, err := c.Get(ctx, "k").Result(); got != "kept" || err != nil {
			t.Errorf("after the failover %q, %v", got, err)
		}
	})
}
