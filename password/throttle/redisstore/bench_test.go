package redisstore

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/password/throttle"
)

// BenchmarkTake is an attempt, three at each of many keys, beside its own script
// without anything around it, and beside the least that counts at all: a script
// of INCR and PTTL, which knows neither locks nor repeats and takes nothing back.
func BenchmarkTake(b *testing.B) {
	c := redistest.Start(b).Client()
	store, err := New(c, Config{Timeout: 10 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	least := redis.NewScript(`
local n = redis.call('INCR', KEYS[1])
if n == 1 then
	redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return {n, redis.call('PTTL', KEYS[1])}`)
	for _, script := range []*redis.Script{least, take} {
		if err := script.Load(b.Context(), c).Err(); err != nil {
			b.Fatal(err)
		}
	}
	rule := throttle.Rule{Max: 5, Window: time.Hour, Lockout: time.Hour, MaxLockout: 24 * time.Hour, MaxInARow: 100, Memory: 90 * 24 * time.Hour}
	for _, bm := range []struct {
		name string
		call func(key throttle.Key) error
	}{
		{"INCR and PTTL", func(key throttle.Key) error {
			return c.EvalSha(b.Context(), least.Hash(), []string{"least:" + key.String()}, 3600000).Err()
		}},
		{"bare EVALSHA", func(key throttle.Key) error {
			return c.EvalSha(b.Context(), take.Hash(), []string{"bare:" + key.String()}, encode(newTicket()), 5, 3600000, 3600000, 86400000, 100, 7776000000).Err()
		}},
		{"store", func(key throttle.Key) error {
			_, err := store.Take(b.Context(), key, rule)
			return err
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			var n atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := bm.call(throttle.NewKey(bm.name+strconv.Itoa(b.N), strconv.FormatInt(n.Add(1)/3, 10))); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
