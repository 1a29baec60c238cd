package redistest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Keys returns every key with the time that it has left; zero is a key that
// never expires.
func (s *Server) Keys() map[string]time.Duration {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	keys := make(map[string]time.Duration)
	s.must(scan(ctx, s.admin, "*", func(key string) error {
		left, err := s.admin.PTTL(ctx, key).Result()
		switch left {
		case missing:
		case forever:
			keys[key] = 0
		default:
			keys[key] = max(left, time.Microsecond) // less than a millisecond is left, not none
		}
		return err
	}))
	return keys
}

// What go-redis returns for the -1 and -2 of PTTL.
const (
	forever time.Duration = -1
	missing time.Duration = -2
)

// AssertTTL fails the test if a key never expires, or if there is none at all
// and so nothing is asserted.
func (s *Server) AssertTTL(t testing.TB) {
	t.Helper()
	keys := s.Keys()
	if len(keys) == 0 {
		t.Error("redistest: there are no keys: call AssertTTL while the server holds some")
	}
	var eternal []string
	for key, left := range keys {
		if left == 0 {
			eternal = append(eternal, key)
		}
	}
	if len(eternal) > 0 {
		slices.Sort(eternal)
		t.Errorf("redistest: %d of %d keys never expire: %s", len(eternal), len(keys), strings.Join(eternal, " "))
	}
}

// scan calls do for every key that matches the pattern, for some perhaps twice.
func scan(ctx context.Context, c *redis.Client, pattern string, do func(key string) error) error {
	var cursor uint64
	for {
		page, next, err := c.Scan(ctx, cursor, pattern, 1000).Result()
		if err != nil {
			return err
		}
		for _, key := range page {
			if err := do(key); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}
