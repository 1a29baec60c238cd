package apikey_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

// together calls f from n goroutines that begin at the same moment.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// processes are two Managers on one store.
func processes(t *testing.T, change func(cfg *apikey.Config)) (*rig, [2]*apikey.Manager) {
	r := newRig(t, change)
	return r, [2]*apikey.Manager{r.Manager, r.another(change)}
}

func TestRaces(t *testing.T) {
	t.Run("F23 hundreds rotate one key in two processes: one successor", func(t *testing.T) {
		r, ms := processes(t, nil)
		text, k := r.issue(nil)
		var won atomic.Int64
		var next atomic.Pointer[string]
		together(400, func(i int) {
			text, _, err := ms[i%2].Rotate(t.Context(), k.ID, apikey.RotateOptions{})
			switch {
			case err == nil:
				won.Add(1)
				next.Store(&text)
			case !errors.Is(err, apikey.ErrRotated):
				t.Errorf("%v", err)
			}
		})
		list, err := r.List(t.Context(), "alice")
		if won.Load() != 1 || err != nil || len(list) != 2 {
			t.Fatalf("%d successors, %d keys, %v", won.Load(), len(list), err)
		}
		r.good(text)
		r.good(*next.Load())
	})
	t.Run("F23 I2 rotations beside a revocation of everything: nothing lives on", func(t *testing.T) {
		for range 20 {
			r, ms := processes(t, nil)
			_, k := r.issue(nil)
			var mu sync.Mutex
			var texts []string
			together(100, func(i int) {
				if i == 50 {
					if err := ms[1].RevokeSubject(t.Context(), "alice", ""); err != nil {
						t.Errorf("%v", err)
					}
					return
				}
				id := k.ID
				for {
					text, next, err := ms[i%2].Rotate(t.Context(), id, apikey.RotateOptions{})
					if err != nil {
						return
					}
					mu.Lock()
					texts = append(texts, text)
					mu.Unlock()
					id = next.ID
				}
			})
			for _, text := range texts {
				r.bad(text, apikey.ErrRevoked)
			}
		}
	})
	t.Run("F23 I2 no request that begins after a revocation has returned is let in", func(t *testing.T) {
		for name, change := range map[string]func(cfg *apikey.Config){"two processes without a cache": nil, "one process with a cache": withCache} {
			t.Run(name, func(t *testing.T) {
				r, ms := processes(t, change)
				if change != nil {
					ms[1] = ms[0]
				}
				for range 20 {
					text, k := r.issue(nil)
					var revoked atomic.Bool
					together(40, func(i int) {
						if i == 20 {
							if err := ms[0].Revoke(t.Context(), k.ID); err != nil {
								t.Errorf("%v", err)
							}
							revoked.Store(true)
							return
						}
						for range 20 {
							before := revoked.Load()
							_, err := ms[i%2].Verify(t.Context(), text, home)
							if before && !errors.Is(err, apikey.ErrRevoked) {
								t.Errorf("after the revocation: %v", err)
							}
							if err != nil && !errors.Is(err, apikey.ErrRevoked) {
								t.Errorf("%v", err)
							}
						}
					})
				}
			})
		}
	})
	t.Run("F23 an account has no more keys than it may, whatever is made at once", func(t *testing.T) {
		r, ms := processes(t, func(cfg *apikey.Config) { cfg.MaxKeys = 5 })
		var made atomic.Int64
		together(200, func(i int) {
			_, _, err := ms[i%2].Issue(t.Context(), apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}})
			switch {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, apikey.ErrTooMany):
				t.Errorf("%v", err)
			}
		})
		if list, err := r.List(t.Context(), "alice"); made.Load() != 5 || err != nil || len(list) != 5 {
			t.Errorf("%d made, %d there, %v", made.Load(), len(list), err)
		}
	})
	t.Run("F23 I2 everything at once, in two processes", func(t *testing.T) {
		r, ms := processes(t, func(cfg *apikey.Config) {
			cfg.MaxKeys, cfg.TouchEvery, cfg.Now = 1000, time.Second, time.Now
		})
		type known struct {
			text, id string
			dead     atomic.Bool // set when its end was reported
		}
		var mu sync.Mutex
		var keys []*known
		add := func(text, id string) {
			mu.Lock()
			defer mu.Unlock()
			keys = append(keys, &known{text: text, id: id})
		}
		pick := func(rnd *rand.Rand) *known {
			mu.Lock()
			defer mu.Unlock()
			return keys[rnd.IntN(len(keys))]
		}
		for range 20 {
			text, k := r.issue(nil)
			add(text, k.ID)
		}
		together(64, func(i int) {
			rnd := rand.New(rand.NewPCG(uint64(i), 7))
			m := ms[i%2]
			for range 60 {
				switch k := pick(rnd); rnd.IntN(12) {
				case 0:
					if err := m.Revoke(t.Context(), k.id); err == nil {
						k.dead.Store(true)
					} else {
						t.Errorf("Revoke: %v", err)
					}
				case 1:
					if text, next, err := m.Rotate(t.Context(), k.id, apikey.RotateOptions{Overlap: -1}); err == nil {
						k.dead.Store(true)
						add(text, next.ID)
					} else if !errors.Is(err, apikey.ErrRotated) && !errors.Is(err, apikey.ErrRevoked) && !errors.Is(err, apikey.ErrExpired) {
						t.Errorf("Rotate: %v", err)
					}
				case 2:
					if text, next, err := m.Issue(t.Context(), apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}}); err == nil {
						add(text, next.ID)
					} else {
						t.Errorf("Issue: %v", err)
					}
				case 3:
					if _, err := m.List(t.Context(), "alice"); err != nil {
						t.Errorf("List: %v", err)
					}
				default:
					dead := k.dead.Load()
					if p, err := m.Verify(t.Context(), k.text, home); dead && err == nil {
						t.Errorf("a dead key is good: %+v", p)
					}
				}
			}
		})
		for _, k := range keys {
			if _, err := r.Verify(t.Context(), k.text, home); k.dead.Load() != (err != nil) {
				t.Errorf("%s, dead %v: %v", k.id, k.dead.Load(), err)
			}
		}
	})
}

// TestCrashes is F14 and F03: a process ends, or an answer is lost, at each call of the
// store.
func TestCrashes(t *testing.T) {
	for _, method := range []string{"Create", "Rotate", "Revoke", "RevokeAll"} {
		t.Run(fmt.Sprintf("F03 F14 I2 the answer of %s is lost", method), func(t *testing.T) {
			r := newRig(t, nil)
			text, k := r.issue(nil)
			lost := &losing{faults: r.store, method: method}
			m, err := apikey.New(lost, apikey.Config{Owner: r.owners.current, Permits: permits, TouchEvery: -1, Now: r.clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			switch method {
			case "Create":
				if text, _, err := m.Issue(t.Context(), apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}}); err == nil || text != "" {
					t.Fatalf("%q, %v", text, err)
				}
				list, err := r.List(t.Context(), "alice")
				if err != nil || len(list) != 2 {
					t.Fatalf("%d keys, %v", len(list), err)
				}
				for _, k := range list { // it is there, nobody has it, and its owner can end it
					if err := r.Revoke(t.Context(), k.ID); err != nil {
						t.Fatal(err)
					}
				}
			case "Rotate":
				if text, _, err := m.Rotate(t.Context(), k.ID, apikey.RotateOptions{}); err == nil || text != "" {
					t.Fatalf("%q, %v", text, err)
				}
				r.good(text)
				old, err := r.Find(t.Context(), k.ID)
				if err != nil || old.Successor == "" {
					t.Fatalf("%+v, %v", old, err)
				}
				next, _, err := r.Rotate(t.Context(), old.Successor, apikey.RotateOptions{Overlap: -1})
				if err != nil {
					t.Fatal(err)
				}
				r.good(next)
			case "Revoke", "RevokeAll":
				revoke := func() error { return m.Revoke(t.Context(), k.ID) }
				if method == "RevokeAll" {
					revoke = func() error { return m.RevokeSubject(t.Context(), "alice", "") }
				}
				if err := revoke(); err == nil {
					t.Fatal("it is reported as done")
				}
				if err := revoke(); err != nil {
					t.Fatal(err)
				}
				r.bad(text, apikey.ErrRevoked)
			}
		})
	}
}
