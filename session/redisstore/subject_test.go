package redisstore_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
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

func TestHistory(t *testing.T) {
	t.Parallel()
	t.Run("F23 I2 two clients of one server", func(t *testing.T) {
		server := redistest.Start(t)
		storetest.History(t, 1200*time.Millisecond, newStore(t, server.Client(), redisstore.Config{}), newStore(t, redistest.Client(t, server.Addr()), redisstore.Config{}))
		server.AssertTTL(t)
	})
}

// A crowd is users with sessions in a store.
type crowd struct {
	t     testing.TB
	store *redisstore.Store
	ids   map[string][]session.ID // by subject
}

func subjectRecord(subject string) *session.Record {
	rec := record()
	rec.ID = rand.Text()
	rec.Principal = &auth.Principal{Subject: subject, Method: auth.MethodSession, CredentialID: rec.ID}
	return rec
}

func randomID(subject string) session.ID {
	var id session.ID
	_, _ = rand.Read(id[:])
	b := session.BucketOf(subject)
	copy(id[:], b[:])
	return id
}

func newCrowd(t testing.TB, store *redisstore.Store, users, sessions int) *crowd {
	t.Helper()
	c := &crowd{t: t, store: store, ids: make(map[string][]session.ID)}
	for i := range users {
		subject := fmt.Sprintf("u-%d", i)
		for range sessions {
			id := randomID(subject)
			if err := store.Create(t.Context(), id, subjectRecord(subject), time.Now().Add(time.Hour), 0); err != nil {
				t.Fatal(err)
			}
			c.ids[subject] = append(c.ids[subject], id)
		}
	}
	return c
}

// alive counts the sessions of subject that are found, and holds List to them:
// what is not listed could not be revoked by its user.
func (c *crowd) alive(subject string) int {
	c.t.Helper()
	found := 0
	for _, id := range c.ids[subject] {
		switch _, err := c.store.Find(c.t.Context(), id); {
		case err == nil:
			found++
		case !errors.Is(err, session.ErrNoSession):
			c.t.Fatal(err)
		}
	}
	list, err := c.store.List(c.t.Context(), subject)
	if err != nil || len(list) != found {
		c.t.Fatalf("%s: %d sessions are found and %d listed, %v", subject, found, len(list), err)
	}
	return found
}

func (c *crowd) revoke(subject string) {
	c.t.Helper()
	if err := c.store.RevokeSubject(c.t.Context(), subject, ""); err != nil {
		c.t.Fatal(err)
	}
	if n := c.alive(subject); n != 0 {
		c.t.Errorf("%s: %d sessions after the revocation", subject, n)
	}
}

func TestEviction(t *testing.T) {
	t.Parallel()
	t.Run("F07 I2 whichever key is evicted, nobody is revived and no session is hidden from a revocation", func(t *testing.T) {
		server := redistest.Start(t)
		client := server.Client()
		c := newCrowd(t, newStore(t, client, redisstore.Config{}), 5, 4)
		for range 2 { // the second key too, and so on
			for key := range server.Keys() {
				client.Del(t.Context(), key)
				out := 0
				for subject := range c.ids {
					switch n := c.alive(subject); n {
					case 0:
						out++
					case 4:
					default:
						t.Fatalf("%s has %d of 4 sessions", subject, n)
					}
				}
				if out == 0 {
					t.Fatal("nobody is out")
				}
				if out == 3 {
					break
				}
			}
		}
		for subject := range c.ids {
			c.revoke(subject)
		}
	})
	t.Run("F07 I2 a server that evicts", func(t *testing.T) {
		server := redistest.Start(t)
		server.Config("maxmemory-policy", "allkeys-random")
		server.Config("maxmemory", "2mb")
		c := newCrowd(t, newStore(t, server.Client(), redisstore.Config{}), 1500, 3)
		live, gone := 0, 0
		for subject := range c.ids {
			if n := c.alive(subject); n == 0 {
				gone++
			} else {
				live++
			}
		}
		if live == 0 || gone == 0 {
			t.Fatalf("%d users are in and %d out: nothing was tested", live, gone)
		}
		for subject := range c.ids {
			c.revoke(subject)
		}
	})
	t.Run("F10 I1 FLUSHALL signs everybody out, and writes that were running bring nobody back", func(t *testing.T) {
		server := redistest.Start(t)
		store := newStore(t, server.Client(), redisstore.Config{})
		c := newCrowd(t, store, 20, 2)
		var wg sync.WaitGroup
		begun := make(chan struct{}, 40)
		stop := make(chan struct{})
		for subject, ids := range c.ids {
			for _, id := range ids {
				wg.Go(func() {
					for first := true; ; first = false {
						_ = store.Update(t.Context(), id, subjectRecord(subject), time.Now().Add(time.Hour))
						_ = store.Touch(t.Context(), id, time.Now(), time.Now().Add(time.Hour))
						if first {
							begun <- struct{}{}
						}
						select {
						case <-stop:
							return
						default:
						}
					}
				})
			}
		}
		for range cap(begun) {
			<-begun
		}
		server.FlushAll()
		close(stop)
		wg.Wait()
		if n := len(server.Keys()); n != 0 {
			t.Fatalf("%d keys came back", n)
		}
	})
}

func TestFailover(t *testing.T) {
	t.Parallel()
	setUp := func(t *testing.T) (*redistest.Pair, *crowd) {
		t.Helper()
		p := redistest.Failover(t)
		c := newCrowd(t, newStore(t, p.Client(), redisstore.Config{}), 3, 4)
		p.Sync()
		return p, c
	}
	t.Run("F09 I2 a revocation that reached the replica survives the failover", func(t *testing.T) {
		p, c := setUp(t)
		c.revoke("u-0")
		p.Sync()
		p.Primary.Stop()
		p.Promote()
		if n := c.alive("u-0"); n != 0 {
			t.Fatalf("%d sessions are back", n)
		}
		if n := c.alive("u-1"); n != 4 {
			t.Fatalf("%d sessions of somebody else", n)
		}
	})
	t.Run("F09 documented: one that did not is lost whole, is visible in the list, and works when it is repeated", func(t *testing.T) {
		p, c := setUp(t)
		p.Link.BlackHole(faultproxy.Down)
		c.revoke("u-0")
		p.Primary.Stop()
		p.Promote()
		if n := c.alive("u-0"); n != 4 {
			t.Fatalf("%d sessions: half a revocation", n)
		}
		c.revoke("u-0")
	})
	t.Run("F08 a renewal is on one side of the failover or on the other, never on both", func(t *testing.T) {
		p, c := setUp(t)
		p.Link.BlackHole(faultproxy.Down)
		from := c.ids["u-0"][0]
		to := randomID("u-0")
		list, err := c.store.List(t.Context(), "u-0")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.store.Rename(t.Context(), from, to, list[0], time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		c.ids["u-0"] = append(c.ids["u-0"], to)
		if n := c.alive("u-0"); n != 4 {
			t.Fatalf("%d sessions", n)
		}
		p.Primary.Stop()
		p.Promote()
		if n := c.alive("u-0"); n != 4 {
			t.Fatalf("%d sessions", n)
		}
		c.revoke("u-0")
	})
}

func TestKeys(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client()
	store := newStore(t, client, redisstore.Config{})
	ctx, subject := t.Context(), "u-alice"
	create := func(ttl time.Duration) session.ID {
		t.Helper()
		id := randomID(subject)
		if err := store.Create(ctx, id, subjectRecord(subject), time.Now().Add(ttl), 0); err != nil {
			t.Fatal(err)
		}
		return id
	}
	left := func() time.Duration {
		t.Helper()
		keys := server.Keys()
		if len(keys) != 1 {
			t.Fatalf("keys %v", keys)
		}
		for _, ttl := range keys {
			return ttl
		}
		return 0
	}
	near := func(got, want time.Duration) bool { return got <= want && got > want-time.Minute }
	t.Run("SES-10 a user's key lives as long as the session that lasts longest", func(t *testing.T) {
		short := create(time.Hour)
		if !near(left(), time.Hour) {
			t.Errorf("TTL %v", left())
		}
		create(3 * time.Hour)
		create(2 * time.Hour)
		if !near(left(), 3*time.Hour) {
			t.Errorf("TTL %v", left())
		}
		if err := store.Touch(ctx, short, time.Now(), time.Now().Add(4*time.Hour)); err != nil || !near(left(), 4*time.Hour) {
			t.Errorf("TTL %v, %v", left(), err)
		}
		if err := store.RevokeSubject(ctx, subject, "nobody"); err != nil || len(server.Keys()) != 0 {
			t.Errorf("keys %v, %v", server.Keys(), err)
		}
	})
	t.Run("SES-10 the last session may shorten it, and a TTL that was lost comes back", func(t *testing.T) {
		id := create(3 * time.Hour)
		if err := store.Touch(ctx, id, time.Now(), time.Now().Add(time.Hour)); err != nil || !near(left(), time.Hour) {
			t.Errorf("TTL %v, %v", left(), err)
		}
		create(time.Hour)
		for key := range server.Keys() {
			client.Persist(ctx, key)
		}
		if err := store.Touch(ctx, id, time.Now(), time.Now().Add(time.Hour)); err != nil || !near(left(), time.Hour) {
			t.Errorf("TTL %v, %v", left(), err)
		}
	})
	t.Run("expired sessions go with the next sign-in, and never fill a user's key", func(t *testing.T) {
		old := redisstoreAt(t, client, -2*time.Hour)
		for range 50 {
			if err := old.Create(ctx, randomID(subject), subjectRecord(subject), time.Now().Add(-time.Hour), 0); err != nil {
				t.Fatal(err)
			}
		}
		create(time.Hour)
		for key := range server.Keys() {
			if n := client.HLen(ctx, key).Val(); n != 3 {
				t.Errorf("%d sessions are kept", n)
			}
		}
	})
	t.Run("a session cannot be moved to another user", func(t *testing.T) {
		id := create(time.Hour)
		if err := store.Rename(ctx, id, randomID("u-bob"), subjectRecord("u-bob"), time.Now().Add(time.Hour)); err == nil || errors.Is(err, session.ErrNoSession) {
			t.Fatal(err)
		}
		if _, err := store.Find(ctx, id); err != nil {
			t.Fatal(err)
		}
	})
}

// redisstoreAt is a store of a process whose clock is off.
func redisstoreAt(t testing.TB, c redis.UniversalClient, off time.Duration) *redisstore.Store {
	return newStore(t, c, redisstore.Config{Now: func() time.Time { return time.Now().Add(off) }})
}
