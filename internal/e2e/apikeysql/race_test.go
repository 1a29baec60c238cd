package apikeysql_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/sqlstore"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
)

func TestRaces(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		stores := []*sqlstore.Store{open(t, d), open(t, d)}
		t.Run("I3 of rotations by two pools one makes a successor", func(t *testing.T) {
			for range 5 {
				k := create(t, stores[0], "u-alice")
				var won atomic.Int64
				sqltest.Together(100, func(i int) {
					switch err := stores[i%2].Rotate(t.Context(), k.ID, rotation(k)); {
					case err == nil:
						won.Add(1)
					case !errors.Is(err, apikey.ErrRotated):
						t.Error(err)
					}
				})
				if won.Load() != 1 {
					t.Errorf("%d rotations of one key", won.Load())
				}
			}
		})
		t.Run("creations by two pools keep to the limit, with the first of a slot too", func(t *testing.T) {
			for round := range 5 {
				subject := fmt.Sprint("u-", round)
				var made atomic.Int64
				sqltest.Together(40, func(i int) {
					switch err := stores[i%2].Create(t.Context(), newKey(subject), 3); {
					case err == nil:
						made.Add(1)
					case !errors.Is(err, apikey.ErrTooMany):
						t.Error(err)
					}
				})
				if made.Load() != 3 {
					t.Errorf("%d keys, want 3", made.Load())
				}
			}
		})
		t.Run("I2 no rotation sets a later end than an Expire beside it", func(t *testing.T) {
			for range 40 {
				k := create(t, stores[0], "u-expire")
				end := now().Add(10 * time.Second)
				sqltest.Together(8, func(i int) {
					if i%2 == 0 {
						if err := stores[0].Expire(t.Context(), k.ID, end); err != nil {
							t.Error(err)
						}
						return
					}
					if err := stores[1].Rotate(t.Context(), k.ID, rotation(k)); err != nil && !errors.Is(err, apikey.ErrRotated) {
						t.Error(err)
					}
				})
				if got := find(t, stores[0], k.ID); got.ExpiresAt.After(end) || got.Successor == "" {
					t.Fatalf("it ends %v after what Expire has set", got.ExpiresAt.Sub(end))
				}
			}
		})
		t.Run("I2 whoever rotates while all are revoked is left with nothing that was there", func(t *testing.T) {
			beside, rounds := 0, 30
			for round := range rounds {
				subject := fmt.Sprint("u-all-", round)
				k := create(t, stores[0], subject)
				var mu sync.Mutex
				var early []string // successors whose rotation had returned before RevokeAll began
				began := false
				sqltest.Together(2, func(i int) {
					if i == 1 {
						time.Sleep(time.Duration(round%10) * 300 * time.Microsecond)
						mu.Lock()
						began = true
						mu.Unlock()
						if err := stores[1].RevokeAll(t.Context(), subject, "", now()); err != nil {
							t.Error(err)
						}
						return
					}
					at := k
					// Not for ever: SQLite has no queue, and who waits for its lock may starve.
					for range 200 {
						r := rotation(at)
						err := stores[0].Rotate(t.Context(), at.ID, r)
						if errors.Is(err, apikey.ErrRevoked) {
							return // nobody can rotate any more
						}
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						if !began {
							early = append(early, r.Next.ID)
						}
						mu.Unlock()
						at = r.Next
					}
				})
				list, err := stores[0].List(t.Context(), subject)
				must(t, err)
				for _, key := range list {
					if key.RevokedAt.IsZero() {
						t.Fatalf("one of %d keys outlived the revocation of all", len(list))
					}
				}
				if len(list) > len(early)+1 {
					beside++
				}
			}
			t.Logf("in %d of %d rounds they met", beside, rounds)
		})
	})
}

// While everything happens to a few keys at once, in all orders, no call is told of a
// conflict, and no use is lost to a change.
func TestF23Everything(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		var keys []*apikey.Key
		for i := range 40 {
			keys = append(keys, create(t, s, fmt.Sprint("u-", i%4)))
		}
		at := now()
		sqltest.Together(12, func(i int) {
			for round := range 10 {
				k := keys[(i*7+round*3)%len(keys)]
				var err error
				switch (i + round) % 6 {
				case 0, 1:
					var uses []apikey.Use
					for n := range keys {
						// In another order each time.
						uses = append(uses, apikey.Use{ID: keys[(n*(2*i+1)+round)%len(keys)].ID, At: at.Add(time.Duration(i*10+round) * time.Second)})
					}
					err = s.Touch(t.Context(), uses)
				case 2:
					err = s.RevokeAll(t.Context(), k.Subject, "", at)
				case 3:
					err = s.Expire(t.Context(), k.ID, at.Add(time.Minute))
				case 4:
					err = s.Rotate(t.Context(), k.ID, rotation(k))
				case 5:
					err = s.Create(t.Context(), newKey(k.Subject), many)
				}
				if err != nil && !errors.Is(err, apikey.ErrRevoked) && !errors.Is(err, apikey.ErrRotated) {
					t.Error(err)
				}
			}
		})
		last := at.Add(117 * time.Second) // that of i 11, round 7: (11+7)%6 = 0
		for _, k := range keys {
			if got := find(t, s, k.ID); got.LastUsedAt.After(last.Add(2*time.Second)) || got.LastUsedAt.Before(at.Add(100*time.Second)) {
				t.Errorf("the last use was %v after", got.LastUsedAt.Sub(at))
			}
		}
	})
}

// Whatever is answered while connections are killed all the time is true: what is told
// as done is there, and no key has two successors.
func TestF13KilledAllTheTime(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		stop := d.KillAllTheTime(t)
		until := time.Now().Add(sqltest.KillTime())
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				subject := fmt.Sprint("u-", i)
				k := newKey(subject)
				for s.Create(t.Context(), k, many) != nil {
					if t.Context().Err() != nil {
						return
					}
				}
				for time.Now().Before(until) {
					// Whoever got an error asks again, with the same call.
					r := rotation(k)
					r.Limit = 1 << 30
					err := s.Rotate(t.Context(), k.ID, r)
					for err != nil && !saysSomething(err) {
						err = s.Rotate(t.Context(), k.ID, r)
					}
					if err != nil {
						t.Errorf("an honest client is told %v", err)
						return
					}
					k = r.Next
				}
				for {
					list, err := s.List(t.Context(), subject)
					if err != nil {
						continue
					}
					ends := 0
					for _, key := range list {
						if key.Successor == "" {
							ends++
						}
					}
					if ends != 1 {
						t.Errorf("%d of %d keys have no successor", ends, len(list))
					}
					return
				}
			})
		}
		wg.Wait()
		kills := stop()
		t.Logf("%d connections killed", kills)
		if kills == 0 {
			t.Error("nothing was tested")
		}
	})
}
