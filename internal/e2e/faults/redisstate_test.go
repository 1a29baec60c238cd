package faults

import (
	"os"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestRedisState(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	c := s.Redis.Client()
	alice := srv.Member(t, "alice@example.com", words)
	tokens, _ := srv.TokenFor(t, "alice@example.com", words)

	corpus.Case(t, "F11", "Redis is busy with a script", "503, and all works when it is over", func(t *testing.T) {
		s.Redis.Config("busy-reply-threshold", "50")
		busy := redistest.Client(t, s.Redis.Addr())
		go busy.Eval(t.Context(), "while true do end", nil)
		for end := time.Now().Add(recovery); c.Ping(t.Context()).Err() == nil; <-time.After(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("Redis is not busy")
			}
		}
		unavailable(t, within(t, budget, alice, "GET", "/api/v1/profile", nil))
		unavailable(t, within(t, budget, copyOf(t, tokens), "POST", "/api/v1/auth/token/refresh", nil))
		unavailable(t, within(t, budget, srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words)))
		if err := c.ScriptKill(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, alice, "GET", "/api/v1/profile", nil, 200)
		eventually(t, tokens, "POST", "/api/v1/auth/token/refresh", nil, 200)
	})
	for name, spoil := range map[string]func(key string){
		"every key has another type": func(key string) {
			c.Del(t.Context(), key)
			c.RPush(t.Context(), key, "x")
			c.Expire(t.Context(), key, time.Hour)
		},
		"every value is garbage": func(key string) {
			for field := range c.HGetAll(t.Context(), key).Val() {
				c.HSet(t.Context(), key, field, "\x00garbage\xff")
			}
		},
		"every value is cut short": func(key string) {
			for field, value := range c.HGetAll(t.Context(), key).Val() {
				c.HSet(t.Context(), key, field, value[:len(value)/2])
			}
		},
	} {
		corpus.Case(t, "F11", name, "503 or signed out, no panic", func(t *testing.T) {
			s.Redis.FlushAll()
			alice := srv.Login(t, "alice@example.com", words)
			tokens, _ := srv.TokenFor(t, "alice@example.com", words)
			keys := s.Redis.Keys()
			for key := range keys {
				spoil(key)
			}
			for _, a := range []*running.Answer{
				within(t, budget, copyOf(t, alice), "GET", "/api/v1/profile", nil),
				within(t, budget, copyOf(t, tokens), "POST", "/api/v1/auth/token/refresh", nil),
				within(t, budget, copyOf(t, alice), "DELETE", "/api/v1/sessions", nil),
			} {
				if a.StatusCode != 401 && a.StatusCode != 503 {
					t.Errorf("I1 %s: %d %s", a.Request.URL.Path, a.StatusCode, a.Text)
				}
			}
			if a := srv.Client().Call(t, "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words)); a.StatusCode != 200 && a.StatusCode != 503 {
				t.Errorf("login: %d %s", a.StatusCode, a.Text)
			}
		})
	}
}

// TestRedisDiskFull takes away the folder that Redis saves to. What a full disk does is
// the same: the snapshot fails, and Redis refuses every write (MISCONF).
func TestRedisDiskFull(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	c := s.Redis.Client()
	alice := srv.Member(t, "alice@example.com", words)
	tokens, _ := srv.TokenFor(t, "alice@example.com", words)
	corpus.Case(t, "F32", "Redis cannot write to its disk", "writes are 503, a sign-out too; reads work; all works when there is room", func(t *testing.T) {
		dir, err := c.ConfigGet(t.Context(), "dir").Result()
		if err != nil || dir["dir"] == "" {
			testkit.Skip(t, "redis-server: not on PATH, and nothing stands in for its disk")
		}
		s.Redis.Config("stop-writes-on-bgsave-error", "yes")
		s.Redis.Config("save", "3600 1")
		if err := os.RemoveAll(dir["dir"]); err != nil {
			t.Fatal(err)
		}
		c.BgSave(t.Context())
		for end := time.Now().Add(recovery); ; <-time.After(10 * time.Millisecond) {
			if redisRefuses(c.Set(t.Context(), "probe", "x", time.Minute).Err(), "MISCONF") {
				break
			}
			if time.Now().After(end) {
				t.Fatal("Redis still writes")
			}
		}
		left := copyOf(t, alice)
		for path, c := range map[string]*running.Client{
			"/api/v1/auth/logout": copyOf(t, alice), "/api/v1/auth/token/refresh": copyOf(t, tokens), "/api/v1/auth/token/revoke": copyOf(t, tokens),
		} {
			unavailable(t, within(t, budget, c, "POST", path, nil))
		}
		unavailable(t, within(t, budget, left, "DELETE", "/api/v1/sessions", nil))
		unavailable(t, within(t, budget, srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words)))
		left.Want(t, within(t, budget, left, "GET", "/api/v1/profile", nil), 200)

		s.Redis.Config("save", "") // no snapshots, no snapshot that fails
		eventually(t, tokens, "POST", "/api/v1/auth/token/refresh", nil, 200)
		eventually(t, srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words), 200)
		alice.Want(t, alice.Call(t, "POST", "/api/v1/auth/logout", nil), 204)
		left.Want(t, left.Call(t, "GET", "/api/v1/profile", nil), 401)
	})
}
