package redisstore_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/redisstore"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// many is a limit that no test runs into.
const many = 1000

func newStore(t testing.TB, c redis.UniversalClient, cfg redisstore.Config) *redisstore.Store {
	t.Helper()
	s, err := redisstore.New(c, cfg)
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// now is the time as a Manager gives it to a store.
func now() time.Time { return time.UnixMicro(time.Now().UnixMicro()).UTC() }

// newKey is one as a Manager issues it, for an hour.
func newKey(subject string) *apikey.Key {
	k := &apikey.Key{
		ID: apikey.ShardOf(subject) + rand.Text()[:16], Subject: subject, Prefix: "sk_live", Environment: "live",
		Scopes: []string{"orders:read"}, CreatedAt: now(), ExpiresAt: now().Add(time.Hour),
	}
	_, _ = rand.Read(k.Hash[:])
	return k
}

func create(t testing.TB, s apikey.Store, subject string) *apikey.Key {
	t.Helper()
	k := newKey(subject)
	must(t, s.Create(t.Context(), k, many))
	return k
}

// rotation is one of k that happens now and leaves it another minute.
func rotation(k *apikey.Key) apikey.Rotation {
	next := newKey(k.Subject)
	next.Predecessor = k.ID
	return apikey.Rotation{Next: next, Ends: next.CreatedAt.Add(time.Minute), Limit: many}
}

func find(t testing.TB, s apikey.Store, id string) *apikey.Key {
	t.Helper()
	k, err := s.Find(t.Context(), id)
	must(t, err)
	return k
}

func gone(t testing.TB, s apikey.Store, id string) {
	t.Helper()
	if _, err := s.Find(t.Context(), id); !errors.Is(err, apikey.ErrNotFound) {
		t.Errorf("Find: %v, want ErrNotFound", err)
	}
}

// revoked holds a key to being so.
func revoked(t testing.TB, s apikey.Store, id string) {
	t.Helper()
	if k := find(t, s, id); k.RevokedAt.IsZero() {
		t.Error("the key is not revoked")
	}
}

// storeFailed holds an error to that of a store, which says nothing of a key.
func storeFailed(t testing.TB, doing string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want the store's failure", doing)
	}
	for _, own := range []error{apikey.ErrNotFound, apikey.ErrExists, apikey.ErrTooMany, apikey.ErrRevoked, apikey.ErrExpired, apikey.ErrRotated} {
		if errors.Is(err, own) {
			t.Errorf("%s: %v, want the store's failure", doing, err)
		}
	}
}

// behindProxy is a store whose client is warm, so that the proxy counts the replies of
// the store only.
func behindProxy(t *testing.T, timeout time.Duration) (*redisstore.Store, *faultproxy.Proxy, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	proxy := faultproxy.New(t, server.Addr())
	c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true, PoolSize: 1})
	t.Cleanup(func() { _ = c.Close() })
	s := newStore(t, c, redisstore.Config{Timeout: timeout})
	// The scripts are known to the server from here on.
	k := create(t, s, "u-warm")
	must(t, s.Rotate(t.Context(), k.ID, rotation(k)))
	must(t, s.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: now()}}))
	must(t, s.Expire(t.Context(), k.ID, now()))
	must(t, s.Revoke(t.Context(), k.ID, now()))
	must(t, s.RevokeAll(t.Context(), k.Subject, "", now()))
	revoked(t, s, k.ID)
	return s, proxy, server
}
