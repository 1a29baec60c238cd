package redistest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestShared(t *testing.T) {
	s := redistest.Start(t)
	t.Setenv("REDIS_URL", s.URL())
	ctx := t.Context()
	must(t, s.Client().Set(ctx, "theirs", "v", 0).Err())
	var first string
	r := faketb.Run("TestX", func(t testing.TB) {
		c, prefix := redistest.Shared(t)
		first = prefix
		if !c.(*redis.Client).Options().ContextTimeoutEnabled {
			t.Error("the client ignores deadlines")
		}
		for i := range 2500 {
			must(t, c.Set(ctx, fmt.Sprint(prefix, i), "v", time.Minute).Err())
		}
		if keys := s.Keys(); len(keys) != 2501 {
			t.Errorf("%d keys: not the server of REDIS_URL", len(keys))
		}
		_, other := redistest.Shared(t)
		if other == prefix {
			t.Error("one prefix twice")
		}
	})
	if r.Failed {
		t.Error(r.Log)
	}
	keys := s.Keys()
	if _, ok := keys["theirs"]; !ok || len(keys) != 1 {
		t.Errorf("left: %d keys, theirs %v", len(keys), ok)
	}
	if strings.ContainsAny(first, `*?[]\{}`) {
		t.Errorf("prefix %q has characters with a meaning", first)
	}
}

func TestSharedWithoutURL(t *testing.T) {
	t.Setenv("REDIS_URL", "")
	c, prefix := redistest.Shared(t)
	must(t, c.Set(t.Context(), prefix+"k", "v", time.Minute).Err())
}

func TestSharedFails(t *testing.T) {
	for _, url := range []string{"redis://127.0.0.1:1/0", "http://alice:hunter22@127.0.0.1"} {
		t.Setenv("REDIS_URL", url)
		r := faketb.Run("TestX", func(t testing.TB) { redistest.Shared(t); t.Log("went on") })
		if !r.Failed || len(r.Log) != 1 || strings.Contains(r.Log[0], "hunter22") {
			t.Errorf("%+v", r)
		}
	}
}
