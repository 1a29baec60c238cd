package faults

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// fill writes to Redis until it refuses to take more.
func fill(t *testing.T, c redis.UniversalClient) {
	t.Helper()
	for size := 1 << 16; size > 0; size /= 4 { // the last gap is smaller than any record
		for i := range 1000 {
			if err := c.Set(t.Context(), "filler:"+strconv.Itoa(size)+":"+strconv.Itoa(i), strings.Repeat("x", size), time.Hour).Err(); err != nil {
				break
			}
		}
	}
}

// memory is what Redis uses now, in bytes.
func memory(t *testing.T, c redis.UniversalClient) int {
	t.Helper()
	text, err := c.Info(t.Context(), "memory").Result()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(text, "used_memory:")
	value, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRedisFull(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	alice := srv.Member(t, "alice@example.com", words)
	phone := srv.Login(t, "alice@example.com", words)
	tokens, _ := srv.TokenFor(t, "alice@example.com", words)

	corpus.Case(t, "F06", "Redis is full and evicts nothing", "login and refresh are 503, reads work, and what ends a credential works", func(t *testing.T) {
		c := s.Redis.Client()
		s.Redis.Config("maxmemory-policy", "noeviction")
		s.Redis.Config("maxmemory", strconv.Itoa(memory(t, c)+1<<20))
		fill(t, c)
		// Buffers of connections count too, and what they give back would be room for a record.
		s.Redis.Config("maxmemory", strconv.Itoa(memory(t, c)-1<<19))
		if err := c.Set(t.Context(), "one more", "x", time.Hour).Err(); !redisRefuses(err, "OOM") {
			t.Fatalf("Redis is not full: %v", err)
		}
		for _, path := range []string{"login", "token"} {
			a := within(t, budget, srv.Client(), "POST", "/api/v1/auth/"+path, running.Credentials("alice@example.com", words))
			unavailable(t, a)
		}
		unavailable(t, within(t, budget, copyOf(t, tokens), "POST", "/api/v1/auth/token/refresh", nil))
		alice.Want(t, within(t, budget, alice, "GET", "/api/v1/profile", nil), 200)
		alice.Want(t, within(t, budget, alice, "GET", "/api/v1/sessions", nil), 200)

		ended := map[string]*running.Client{"logged out": copyOf(t, phone), "revoked": copyOf(t, alice)}
		old := copyOf(t, tokens)
		phone.Want(t, within(t, budget, phone, "POST", "/api/v1/auth/logout", nil), 204)
		tokens.Want(t, within(t, budget, tokens, "POST", "/api/v1/auth/token/revoke", nil), 204)
		alice.Want(t, within(t, budget, alice, "POST", "/api/v1/auth/logout", nil), 204)
		check := func() {
			for name, c := range ended {
				if a := c.Call(t, "GET", "/api/v1/profile", nil); a.StatusCode != 401 {
					t.Errorf("I2 a session that was %s: %d", name, a.StatusCode)
				}
			}
		}
		check()
		s.Redis.Config("maxmemory", "0")
		eventually(t, srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words), 200)
		check()
		if a := old.Call(t, "POST", "/api/v1/auth/token/refresh", nil); a.StatusCode != 401 {
			t.Errorf("I2 a refresh token that was revoked: %d", a.StatusCode)
		}
	})
}

func TestEviction(t *testing.T) {
	s := newStage(t)
	c := s.Redis.Client()
	s.Redis.Config("maxmemory", "100mb")
	s.Redis.Config("maxmemory-policy", "allkeys-lru")
	srv := s.start(t, running.Options{})
	corpus.Case(t, "F07", "a Redis that may evict, at the start of the server", "the log has a warning", func(t *testing.T) {
		if !strings.Contains(srv.Log(), "level=WARN") || !strings.Contains(srv.Log(), "maxmemory-policy") {
			t.Errorf("the log says nothing of eviction:\n%s", srv.Log())
		}
	})
	corpus.Case(t, "F07", "each key is evicted in turn", "nothing that was ended is revived", func(t *testing.T) {
		dead := s.ended(t, srv, func() {})
		s.stillEnded(t, srv, dead)
		keys := s.Redis.Keys()
		for key := range keys {
			// DUMP and RESTORE: one key is away at a time.
			value, err := c.Dump(t.Context(), key).Result()
			if err != nil {
				t.Fatal(err)
			}
			c.Del(t.Context(), key)
			s.stillEnded(t, srv, dead)
			c.RestoreReplace(t.Context(), key, time.Hour, value)
		}
		if len(keys) < 3 {
			t.Errorf("Redis has %d keys", len(keys))
		}
		s.Redis.FlushAll()
		s.stillEnded(t, srv, dead)
		srv.Login(t, "alice@example.com", words)
	})
}

// An endedThing is a credential that was answered as ended, and the request that must not
// succeed with it.
type endedThing struct {
	name         string
	durable      bool // that it was ended is in the database
	c            *running.Client
	method, path string
	in           any
}

// ended makes one of each, of alice, bob and dave, calls between, and ends them.
func (s *stage) ended(t *testing.T, srv *running.Server, between func()) []endedThing {
	t.Helper()
	alice := srv.Member(t, "alice@example.com", words)
	tablet := srv.Login(t, "alice@example.com", words)
	phone := srv.Member(t, "dave@example.com", words) // nothing else ends what is his
	revoked, _ := srv.TokenFor(t, "dave@example.com", words)
	key := s.watch(alice.Want(t, alice.Call(t, "POST", "/api/v1/api-keys", map[string]any{"name": "k", "scopes": []string{"orders:read"}}), 201))
	kept, _ := srv.TokenFor(t, "alice@example.com", words)
	bob := srv.Member(t, "bob@example.com", words)
	reset, token := srv.TokenFor(t, "bob@example.com", words)

	dead := []endedThing{
		{"logged out", false, copyOf(t, phone), "GET", "/api/v1/profile", nil},
		{"one of all others", false, copyOf(t, tablet), "GET", "/api/v1/profile", nil},
		{"a refresh token revoked", false, copyOf(t, revoked), "POST", "/api/v1/auth/token/refresh", nil},
		{"a family of all others", false, copyOf(t, kept), "POST", "/api/v1/auth/token/refresh", nil},
		{"a key revoked", true, srv.Key(key.String("key")), "GET", "/api/v1/orders", nil},
		{"signed in before a reset", false, copyOf(t, bob), "GET", "/api/v1/profile", nil},
		{"refreshed before a reset", false, copyOf(t, reset), "POST", "/api/v1/auth/token/refresh", nil},
		{"an access token before a reset", true, srv.Bearer(token), "GET", "/api/v1/profile", nil},
	}
	between()
	phone.Want(t, phone.Call(t, "POST", "/api/v1/auth/logout", nil), 204)
	revoked.Want(t, revoked.Call(t, "POST", "/api/v1/auth/token/revoke", nil), 204)
	alice.Want(t, alice.Call(t, "DELETE", "/api/v1/api-keys/"+key.String("id"), nil), 204)
	alice.Want(t, alice.Call(t, "DELETE", "/api/v1/sessions", nil), 204)

	bob.Want(t, bob.Call(t, "POST", "/api/v1/auth/forgot-password", map[string]string{"email": "bob@example.com"}), 202)
	link := map[string]string{"token": srv.Token(t, "bob@example.com", "password"), "password": other}
	s.canary.Watch("a reset token", link["token"])
	bob.Want(t, bob.Call(t, "POST", "/api/v1/auth/reset-password", link), 204)
	dead = append(dead, endedThing{"a reset token", true, srv.Client(), "POST", "/api/v1/auth/reset-password", link})
	srv.Login(t, "bob@example.com", other)
	return dead
}

// stillEnded wants a refusal for everything that was ended (I2). A 503 is one.
func (s *stage) stillEnded(t *testing.T, srv *running.Server, dead []endedThing) {
	t.Helper()
	for _, d := range dead {
		a := d.c.At(srv).Call(t, d.method, d.path, d.in)
		if a.StatusCode < 400 || a.StatusCode == http.StatusInternalServerError {
			t.Errorf("I2 I3 %s: %d %s", d.name, a.StatusCode, a.Text)
		}
	}
}
