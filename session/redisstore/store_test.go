package redisstore_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
	"github.com/go-sallyport/auth/session/storetest"
)

// newStore returns a store that is patient unless told otherwise: on a busy machine
// a hundred callers at once may wait for more than a second.
func newStore(t testing.TB, c redis.UniversalClient, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	s, err := redisstore.New(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("one server", func(t *testing.T) {
		server := redistest.Start(t)
		c := server.Client()
		storetest.Run(t, func(t *testing.T) session.Store { return newStore(t, c, redisstore.Config{}) })
		wantTTLs(t, server)
	})
	t.Run("F12 cluster of three", func(t *testing.T) {
		c, nodes := redistest.Cluster(t, 3)
		storetest.Run(t, func(t *testing.T) session.Store { return newStore(t, c, redisstore.Config{}) })
		wantTTLs(t, nodes...)
	})
	t.Run("a shared server, under a prefix", func(t *testing.T) {
		c, prefix := redistest.Shared(t)
		storetest.Run(t, func(t *testing.T) session.Store { return newStore(t, c, redisstore.Config{Prefix: prefix}) })
	})
}

// wantTTLs is SES-10: after everything that the suite did, no key lives for ever.
func wantTTLs(t *testing.T, servers ...*redistest.Server) {
	t.Helper()
	for _, s := range servers {
		s.AssertTTL(t)
		for key := range s.Keys() {
			if !strings.HasPrefix(key, redisstore.DefaultPrefix) {
				t.Errorf("key %q is not under the prefix", key)
			}
		}
	}
}

func TestNew(t *testing.T) {
	options := func(o redis.Options) redis.UniversalClient { return redis.NewClient(&o) }
	cluster := func(o redis.ClusterOptions) redis.UniversalClient {
		o.Addrs, o.ClusterStateReloadInterval = []string{"127.0.0.1:1"}, time.Second
		return redis.NewClusterClient(&o)
	}
	type wrapper struct{ redis.UniversalClient }
	good := options(redis.Options{ContextTimeoutEnabled: true})
	for name, c := range map[string]struct {
		client redis.UniversalClient
		cfg    redisstore.Config
		wrong  string // empty: no error
	}{
		"good":                 {client: good},
		"nil":                  {wrong: "nil"},
		"nil pointer":          {client: (*redis.Client)(nil), wrong: "nil"},
		"ignores deadlines":    {client: options(redis.Options{}), wrong: "ContextTimeoutEnabled"},
		"cluster":              {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true})},
		"cluster, deadlines":   {client: cluster(redis.ClusterOptions{}), wrong: "ContextTimeoutEnabled"},
		"cluster, replicas":    {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, ReadOnly: true}), wrong: "replicas"},
		"cluster, latency":     {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, RouteByLatency: true}), wrong: "replicas"},
		"cluster, random":      {client: cluster(redis.ClusterOptions{ContextTimeoutEnabled: true, RouteRandomly: true}), wrong: "replicas"},
		"ring":                 {client: redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true, HeartbeatFn: func(context.Context, *redis.Client) bool { return true }})},
		"ring, moves keys":     {client: redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true}), wrong: "HeartbeatFn"},
		"ring, deadlines":      {client: redis.NewRing(&redis.RingOptions{}), wrong: "ContextTimeoutEnabled"},
		"wrapper":              {client: wrapper{good}, wrong: "cannot be checked"},
		"wrapper, unchecked":   {client: wrapper{good}, cfg: redisstore.Config{SkipClientCheck: true}},
		"prefix with a tag":    {client: good, cfg: redisstore.Config{Prefix: "{shop}:"}, wrong: "Prefix"},
		"negative timeout":     {client: good, cfg: redisstore.Config{Timeout: -1}, wrong: "Timeout"},
		"prefix of one's own":  {client: good, cfg: redisstore.Config{Prefix: "shop:session:"}},
		"timeout of one's own": {client: good, cfg: redisstore.Config{Timeout: time.Minute}},
	} {
		_, err := redisstore.New(c.client, c.cfg)
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.wrong)
		}
		if c.client != nil && name != "nil pointer" {
			_ = c.client.Close()
		}
	}
}

func record() *session.Record {
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	return &session.Record{
		ID: "public", Principal: &auth.Principal{Subject: "u-alice", Method: auth.MethodSession, CredentialID: "public"},
		Created: now, Seen: now, Deadline: now.Add(time.Hour),
	}
}

func id(b byte) session.ID {
	var id session.ID
	bucket := session.BucketOf("u-alice")
	copy(id[:], bucket[:])
	id[31] = b
	return id
}

// behindProxy is a store whose client is warm, so that the proxy counts the
// replies of the store only.
func behindProxy(t *testing.T, cfg redisstore.Config) (*redisstore.Store, *faultproxy.Proxy, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	proxy := faultproxy.New(t, server.Addr())
	c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true, PoolSize: 1})
	t.Cleanup(func() { _ = c.Close() })
	store := newStore(t, c, cfg)
	// The scripts are known to the server from here on.
	ctx := t.Context()
	for _, err := range []error{
		store.Create(ctx, id(100), record(), time.Now().Add(time.Hour), 1),
		store.Touch(ctx, id(100), time.Now(), time.Now().Add(time.Hour)),
		store.Rename(ctx, id(100), id(101), record(), time.Now().Add(time.Hour)),
		store.Update(ctx, id(101), record(), time.Now().Add(time.Hour)),
		store.RevokeSubject(ctx, "u-alice", "nobody"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return store, proxy, server
}

func TestLostReplies(t *testing.T) {
	store, proxy, _ := behindProxy(t, redisstore.Config{})
	ctx, soon := t.Context(), time.Now().Add(time.Hour)
	lose := func(t *testing.T, doing string, call func() error) {
		t.Helper()
		before := proxy.Faults()
		proxy.DropReply(1)
		if err := call(); err != nil {
			t.Errorf("%s whose reply was lost: %v", doing, err)
		}
		if proxy.Faults() != before+1 {
			t.Errorf("%s: no reply was lost", doing)
		}
		proxy.Pass()
	}
	t.Run("F03 a command that is sent again gets the answer that was lost", func(t *testing.T) {
		rec := record()
		lose(t, "Create", func() error { return store.Create(ctx, id(1), rec, soon, 1) })
		lose(t, "Update", func() error { return store.Update(ctx, id(1), rec, soon) })
		lose(t, "Touch", func() error { return store.Touch(ctx, id(1), rec.Seen, soon) })
		lose(t, "Rename", func() error { return store.Rename(ctx, id(1), id(2), rec, soon) })
		if _, err := store.Find(ctx, id(1)); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("the old id: %v", err)
		}
		lose(t, "List", func() error { _, err := store.List(ctx, "u-alice"); return err })
		lose(t, "Revoke", func() error { return store.Revoke(ctx, "u-alice", "nobody") })
		lose(t, "RevokeSubject but one", func() error { return store.RevokeSubject(ctx, "u-alice", rec.ID) })
		lose(t, "Find", func() error { _, err := store.Find(ctx, id(2)); return err })
		lose(t, "Delete", func() error { return store.Delete(ctx, id(2)) })
		if _, err := store.Find(ctx, id(2)); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("after Delete: %v", err)
		}
		lose(t, "Create", func() error { return store.Create(ctx, id(3), rec, soon, 1) })
		lose(t, "RevokeSubject", func() error { return store.RevokeSubject(ctx, "u-alice", "") })
		if _, err := store.Find(ctx, id(3)); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("after RevokeSubject: %v", err)
		}
	})
}

func TestFaults(t *testing.T) {
	t.Run("F02 a stalled server costs no more than the timeout", func(t *testing.T) {
		store, proxy, _ := behindProxy(t, redisstore.Config{Timeout: 300 * time.Millisecond})
		proxy.Stall()
		start := time.Now()
		_, err := store.Find(context.Background(), id(1))
		if err == nil || errors.Is(err, session.ErrNoSession) {
			t.Errorf("Find: %v, want the store's failure", err)
		}
		if took := time.Since(start); took > 2500*time.Millisecond { // go-redis alone: 3 s, four times
			t.Errorf("took %v", took)
		}
	})
	t.Run("F01 F11 what is no answer is a failure, what cannot be read is signed out", func(t *testing.T) {
		store, proxy, server := behindProxy(t, redisstore.Config{})
		direct, ctx := server.Client(), t.Context()
		if err := store.Create(ctx, id(1), record(), time.Now().Add(time.Hour), 1); err != nil {
			t.Fatal(err)
		}
		key := direct.Keys(ctx, "*").Val()[0]
		hash := direct.HGetAll(ctx, key).Val()
		field := slices.Collect(maps.Keys(hash))[0]
		value := hash[field]
		for _, bad := range []string{"", "x", value[:15], value[:31], value[:63], "sixteen letters!" + value[16:], value[:16] + "soon" + value[20:], value[:len(value)-1], value + "x", "\x00" + value, strings.Repeat("\xff", 70000)} {
			direct.HSet(ctx, key, field, bad)
			if _, err := store.Find(ctx, id(1)); !errors.Is(err, session.ErrNoSession) || !errors.Is(err, session.ErrCorrupt) {
				t.Errorf("SES-23: %.20q: %v, want ErrNoSession and ErrCorrupt", bad, err)
			}
			if list, err := store.List(ctx, "u-alice"); err != nil || len(list) != 0 {
				t.Errorf("SES-23: %.20q is listed: %v, %v", bad, list, err)
			}
			if err := store.Create(ctx, id(9), record(), time.Now().Add(time.Hour), 1); err != nil {
				t.Errorf("SES-23: %.20q keeps the user from signing in: %v", bad, err)
			}
			if err := store.Delete(ctx, id(9)); err != nil {
				t.Error(err)
			}
		}
		direct.Del(ctx, key)
		direct.LPush(ctx, key, "a list")
		direct.Expire(ctx, key, time.Hour)
		if _, err := store.Find(ctx, id(1)); err == nil || errors.Is(err, session.ErrNoSession) {
			t.Errorf("WRONGTYPE: %v, want the store's failure", err)
		}
		proxy.Refuse()
		if _, err := store.Find(ctx, id(1)); err == nil || errors.Is(err, session.ErrNoSession) {
			t.Errorf("refused: %v, want the store's failure", err)
		}
	})
	t.Run("F06 without memory reads and sign-outs go on, and a rename keeps the old session", func(t *testing.T) {
		store, _, server := behindProxy(t, redisstore.Config{})
		ctx, rec := t.Context(), record()
		soon := time.Now().Add(time.Hour)
		if err := store.Create(ctx, id(1), rec, soon, 1); err != nil {
			t.Fatal(err)
		}
		server.Config("maxmemory", "1")
		if err := store.Rename(ctx, id(1), id(2), rec, soon); err == nil || errors.Is(err, session.ErrNoSession) {
			t.Errorf("Rename: %v", err)
		}
		if err := store.Create(ctx, id(3), rec, soon, 1); err == nil {
			t.Error("Create: no error")
		}
		if _, err := store.Find(ctx, id(1)); err != nil {
			t.Errorf("Find: %v", err)
		}
		if err := store.RevokeSubject(ctx, "u-alice", record().ID); err != nil {
			t.Errorf("RevokeSubject: %v", err)
		}
		if err := store.Revoke(ctx, "u-alice", "nobody"); err != nil {
			t.Errorf("Revoke: %v", err)
		}
		if _, err := store.Find(ctx, id(1)); err != nil {
			t.Errorf("Find: %v", err)
		}
		if err := store.Revoke(ctx, "u-alice", record().ID); err != nil {
			t.Errorf("Revoke: %v", err)
		}
		if _, err := store.Find(ctx, id(1)); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("Find after Revoke: %v", err)
		}
		if err := store.Delete(ctx, id(1)); err != nil {
			t.Errorf("Delete: %v", err)
		}
	})
}

func request(cookie string) *http.Request {
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", cookie)
	return r
}

// TestSite drives a Manager over Redis and looks at what is in there.
func TestSite(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := server.Client()
	m, err := session.New(newStore(t, c, redisstore.Config{}), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := m.SignIn(w, r, &auth.Principal{Subject: "u-alice"}); err != nil {
			t.Error(err)
		}
	})
	mux.Handle("GET /me", auth.Require(m)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.SCS().Put(r.Context(), "seen", m.SCS().GetInt(r.Context(), "seen")+1)
	})))
	mux.HandleFunc("GET /public", func(http.ResponseWriter, *http.Request) {})
	site := m.Handler(mux)
	send := func(method, path, cookie string) *http.Response {
		r := httptest.NewRequest(method, "https://shop.example"+path, nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w.Result()
	}
	cookie, _, _ := strings.Cut(send("POST", "/login", "").Header.Get("Set-Cookie"), ";")
	for range 3 {
		if res := send("GET", "/me", cookie); res.StatusCode != http.StatusOK {
			t.Fatalf("status %d", res.StatusCode)
		}
	}
	_, token, _ := strings.Cut(cookie, "=")
	keys := c.Keys(t.Context(), "*").Val()
	if len(keys) != 1 {
		t.Fatalf("keys %q", keys)
	}
	t.Run("SES-03 S08 what Redis holds opens nothing", func(t *testing.T) {
		hash := c.HGetAll(t.Context(), keys[0]).Val()
		field := slices.Collect(maps.Keys(hash))[0]
		dump := keys[0] + field + hash[field]
		if strings.Contains(dump, token) || strings.Contains(dump, token[:16]) || strings.Contains(dump, token[16:]) {
			t.Fatal("the token is in Redis")
		}
		bucket := strings.TrimPrefix(keys[0], redisstore.DefaultPrefix)
		text := base64.RawURLEncoding.EncodeToString([]byte(field))
		for _, replay := range []string{keys[0], bucket, bucket + text, (bucket + text + text)[:59], bucket + token[16:], token[:16] + (text + text)[:43]} {
			if res := send("GET", "/me", "__Host-session="+replay); res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%q as a cookie: status %d", replay, res.StatusCode)
			}
		}
	})
	t.Run("SES-10 fact 2 the key has a TTL within the idle timeout", func(t *testing.T) {
		if ttl := c.PTTL(t.Context(), keys[0]).Val(); ttl <= 0 || ttl > session.DefaultIdleTimeout {
			t.Fatalf("TTL %v", ttl)
		}
	})
	t.Run("SES-09 a key that lost its TTL does not make the session immortal", func(t *testing.T) {
		c.Persist(t.Context(), keys[0])
		old, err := session.New(newStore(t, c, redisstore.Config{}), session.Config{Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.Authenticate(request(cookie)); !errors.Is(err, auth.ErrNoCredentials) {
			t.Fatalf("Authenticate: %v", err)
		}
	})
	t.Run("a read is one command, whatever the session holds", func(t *testing.T) {
		calls := func() (n int) {
			for line := range strings.Lines(c.Info(t.Context(), "commandstats").Val()) {
				name, stats, _ := strings.Cut(line, ":")
				if name == "cmdstat_get" || name == "cmdstat_hget" || name == "cmdstat_evalsha" || name == "cmdstat_eval" || name == "cmdstat_set" {
					var k int
					if _, err := fmt.Sscanf(stats, "calls=%d", &k); err != nil {
						t.Fatal(err)
					}
					n += k
				}
			}
			return n
		}
		if !server.Real() {
			return // miniredis keeps no such statistics
		}
		before := calls()
		if _, err := m.Authenticate(request(cookie)); err != nil {
			t.Fatal(err)
		}
		if n := calls() - before; n != 1 {
			t.Fatalf("%d commands", n)
		}
	})
	t.Run("F10 after FLUSHALL everybody is signed out", func(t *testing.T) {
		c.FlushAll(t.Context())
		if res := send("GET", "/me", cookie); res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("status %d", res.StatusCode)
		}
		if n := c.DBSize(t.Context()).Val(); n != 0 {
			t.Fatalf("%d keys came back", n)
		}
	})
	t.Run("F01 with Redis down public pages work and the rest is 503", func(t *testing.T) {
		server.Stop()
		site = m.Handler(auth.Require(m)(mux))
		if res := send("GET", "/me", cookie); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("/me: status %d", res.StatusCode)
		}
		site = m.Handler(mux)
		if res := send("GET", "/public", cookie); res.StatusCode != http.StatusOK {
			t.Errorf("/public: status %d", res.StatusCode)
		}
	})
}
