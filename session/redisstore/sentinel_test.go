package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
	"github.com/go-sallyport/auth/session/storetest"
)

// failure reports whether err is the store's own, and tells nothing of a session.
func failure(err error) bool {
	return err != nil && !errors.Is(err, session.ErrNoSession) && !errors.Is(err, session.ErrExists)
}

// await asks for a session that is there until it is found: with a short timeout
// that may take a few calls on a busy machine.
func await(t *testing.T, s *redisstore.Store, id session.ID) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		_, err := s.Find(t.Context(), id)
		if err == nil {
			return
		}
		if !failure(err) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	w := redistest.Sentinel(t)
	t.Run("conformance", func(t *testing.T) {
		client := w.Client()
		storetest.Run(t, func(t *testing.T) session.Store {
			return newStore(t, client, redisstore.Config{})
		})
	})
	t.Run("F08 F09 I1 I2 I8 the primary dies and Sentinel promotes the replica", func(t *testing.T) {
		o := w.Options()
		o.PoolSize = 1 // see redistest.Replicated
		client := redis.NewFailoverClient(o)
		defer client.Close()
		store := newStore(t, client, redisstore.Config{})
		c := newCrowd(t, store, 3, 4)
		hasty := newStore(t, w.Client(), redisstore.Config{Timeout: 200 * time.Millisecond})
		live := c.ids["u-2"][0]
		await(t, hasty, live)
		c.revoke("u-0")
		if err := redistest.Replicated(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		w.Hold()
		c.revoke("u-1")
		w.Primary.Stop()

		// There is none, for a second and a half at least.
		if _, err := hasty.Find(t.Context(), live); !failure(err) {
			t.Errorf("Find without a primary: %v, want a failure", err)
		}
		if err := hasty.Revoke(t.Context(), "u-2", "anything"); !failure(err) {
			t.Errorf("Revoke without a primary: %v, want a failure", err)
		}
		if _, err := hasty.List(t.Context(), "u-2"); !failure(err) {
			t.Errorf("List without a primary: %v, want a failure", err)
		}
		w.AwaitPromotion()
		promoted := time.Now()
		await(t, hasty, live)
		t.Logf("the client found the new primary %v after the promotion", time.Since(promoted))
		if n := c.alive("u-0"); n != 0 {
			t.Errorf("%d sessions whose end was replicated are back", n)
		}
		switch n := c.alive("u-1"); n {
		case 0, 4: // the documented window: lost, and then whole
			t.Logf("of a revocation that was not replicated %d of 4 sessions are back", n)
		default:
			t.Errorf("%d of 4 sessions are back: half a revocation", n)
		}
		c.revoke("u-1")
		if n := c.alive("u-2"); n != 4 {
			t.Errorf("%d of 4 sessions of somebody else", n)
		}

		// The old primary comes back, empty, and is made a replica.
		w.Primary.Start()
		id := randomID("u-3")
		if err := store.Create(t.Context(), id, subjectRecord("u-3"), time.Now().Add(time.Hour), 1); err != nil {
			t.Error(err)
		}
		await(t, hasty, id)
		w.Replica.AssertTTL(t)
	})
}

func TestMinReplicas(t *testing.T) {
	t.Parallel()
	t.Run("F09 with min-replicas-to-write a primary that has lost its replica refuses, and no revocation is told as done", func(t *testing.T) {
		p := redistest.Failover(t)
		p.Primary.Config("min-replicas-max-lag", "1")
		c := newCrowd(t, newStore(t, p.Client(), redisstore.Config{}), 1, 4)
		p.Sync()
		p.Link.Stall()
		p.Primary.Config("min-replicas-to-write", "1")
		for end := time.Now().Add(30 * time.Second); ; {
			err := c.store.Touch(t.Context(), c.ids["u-0"][0], time.Now(), time.Now().Add(time.Hour))
			if err != nil {
				if !failure(err) || !strings.Contains(err.Error(), "NOREPLICAS") {
					t.Fatal(err)
				}
				break
			}
			if time.Now().After(end) {
				t.Fatal("a primary without a replica takes writes")
			}
		}
		if err := c.store.RevokeSubject(t.Context(), "u-0", ""); !failure(err) {
			t.Errorf("RevokeSubject: %v, want a failure", err)
		}
		p.Primary.Stop()
		p.Promote()
		if n := c.alive("u-0"); n != 4 {
			t.Errorf("%d of 4 sessions", n)
		}
	})
}
