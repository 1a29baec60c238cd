package redistest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Shared returns a client of the server at REDIS_URL and a prefix that is this
// test's own: every key with it is deleted when the test ends, and no other is
// touched. Without REDIS_URL it starts a server. A REDIS_URL that does not work
// fails the test.
func Shared(t testing.TB) (client redis.UniversalClient, prefix string) {
	t.Helper()
	prefix = "sallyport-test-" + strings.ToLower(rand.Text()) + ":"
	url := os.Getenv("REDIS_URL")
	if url == "" {
		return Start(t).Client(), prefix
	}
	return atURL(t, url, prefix), prefix
}

func atURL(t testing.TB, url, prefix string) redis.UniversalClient {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("redistest: REDIS_URL is not a URL of a Redis server") // it may hold a password
	}
	o.ContextTimeoutEnabled = true
	c := client(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Ping(ctx).Err(); err != nil {
		t.Fatalf("redistest: REDIS_URL is set, and its server does not answer: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := scan(ctx, c, prefix+"*", func(key string) error { return c.Del(ctx, key).Err() }); err != nil {
			t.Errorf("redistest: keys with the prefix %s are left behind: %v", prefix, err)
		}
	})
	return c
}
