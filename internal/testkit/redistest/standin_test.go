package redistest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// withoutRedis hides redis-server.
func withoutRedis(t *testing.T) (report string) {
	t.Helper()
	report = filepath.Join(t.TempDir(), "report")
	t.Setenv("PATH", t.TempDir())
	t.Setenv("SALLYPORT_NO_SKIP", "")
	t.Setenv("SALLYPORT_REPORT", report)
	return report
}

func TestStandIn(t *testing.T) {
	report := withoutRedis(t)
	s := redistest.Start(t)
	c := s.Client()
	ctx := t.Context()
	if s.Real() {
		t.Fatal("claims to be real")
	}
	if got, err := os.ReadFile(report); !strings.HasPrefix(string(got), "redis-server: not on PATH, miniredis stood in\t") || err != nil {
		t.Errorf("report is %q, %v", got, err)
	}
	must(t, c.Set(ctx, "eternal", "v", 0).Err())
	must(t, c.Set(ctx, "k", "v", time.Minute).Err())
	if keys := s.Keys(); len(keys) != 2 || keys["eternal"] != 0 || keys["k"] <= 0 || keys["k"] > time.Minute {
		t.Errorf("keys %v", keys)
	}
	if r := faketb.Run("TestX", s.AssertTTL); !r.Failed {
		t.Error("AssertTTL overlooks a key")
	}
	t.Run("its keys expire by the real clock", func(t *testing.T) {
		must(t, c.PExpire(ctx, "k", 50*time.Millisecond).Err())
		deadline := time.After(20 * time.Second)
		for c.Exists(ctx, "k").Val() != 0 {
			select {
			case <-deadline:
				t.Fatal("the key does not expire")
			default:
			}
		}
	})
	t.Run("F01 stops and starts empty", func(t *testing.T) {
		s.Stop()
		s.Stop()
		if err := c.Ping(ctx).Err(); err == nil {
			t.Error("answers when stopped")
		}
		s.Start()
		s.Start()
		if n, err := c.DBSize(ctx).Result(); n != 0 || err != nil {
			t.Errorf("%d keys, %v", n, err)
		}
	})
	s.FlushAll()
}

func TestNothingStandsIn(t *testing.T) {
	report := withoutRedis(t)
	for name, use := range map[string]func(testing.TB){
		"Pause":    func(t testing.TB) { redistest.Start(t).Pause() },
		"Resume":   func(t testing.TB) { redistest.Start(t).Resume() },
		"Config":   func(t testing.TB) { redistest.Start(t).Config("maxmemory", "1") },
		"Cluster":  func(t testing.TB) { redistest.Cluster(t, 3) },
		"Failover": func(t testing.TB) { redistest.Failover(t) },
	} {
		if r := faketb.Run("Test"+name, use); !r.Skipped || r.Failed {
			t.Errorf("%s: %+v", name, r)
		}
		got, err := os.ReadFile(report)
		if !strings.HasSuffix(string(got), "\tTest"+name+"\n") || err != nil {
			t.Errorf("%s: report is %q, %v", name, got, err)
		}
	}
	t.Setenv("SALLYPORT_NO_SKIP", "1")
	for name, use := range map[string]func(testing.TB){
		"Start":    func(t testing.TB) { redistest.Start(t) },
		"Shared":   func(t testing.TB) { redistest.Shared(t) },
		"Cluster":  func(t testing.TB) { redistest.Cluster(t, 3) },
		"Failover": func(t testing.TB) { redistest.Failover(t) },
	} {
		t.Setenv("REDIS_URL", "")
		if r := faketb.Run("Test"+name, use); r.Skipped || !r.Failed {
			t.Errorf("SALLYPORT_NO_SKIP %s: %+v", name, r)
		}
	}
}
