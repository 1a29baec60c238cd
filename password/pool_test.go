package password_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

func TestNewPool(t *testing.T) {
	for _, cfg := range []password.PoolConfig{{Memory: -1}, {Parallel: -1}, {Queue: -1}} {
		if _, err := password.NewPool(cfg); err == nil {
			t.Errorf("XCT-05 NewPool accepts %+v", cfg)
		}
	}
	p := newPool(t, password.PoolConfig{Memory: 8})
	for _, mib := range []int{-1, 0, 9} {
		if _, err := p.Acquire(t.Context(), mib); err == nil {
			t.Errorf("a share of %d MiB of 8 is granted", mib)
		}
	}
}

func TestPoolOrder(t *testing.T) {
	t.Run("PWD-12 first come, first served: a heavy hash is not starved", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPool(t, password.PoolConfig{Memory: 10, Parallel: 100})
			first := must[func()](t)(p.Acquire(t.Context(), 4))
			var order []string
			var mu sync.Mutex
			enter := func(name string, mib int) {
				go func() {
					release, err := p.Acquire(t.Context(), mib)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					order = append(order, name)
					mu.Unlock()
					release()
				}()
				synctest.Wait()
			}
			enter("heavy", 10)
			enter("light 1", 6)
			enter("light 2", 6)
			if len(order) > 0 {
				t.Fatalf("%v did not wait for the heavy one in front, though there was room", order)
			}
			first()
			synctest.Wait()
			if want := []string{"heavy", "light 1", "light 2"}; !slices.Equal(order, want) {
				t.Errorf("order %v, want %v", order, want)
			}
		})
	})
	t.Run("PWD-12 who leaves makes room for those behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPool(t, password.PoolConfig{Memory: 10, Parallel: 100})
			first := must[func()](t)(p.Acquire(t.Context(), 4))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var heavy error
			var light atomic.Bool
			go func() { _, heavy = p.Acquire(ctx, 10) }()
			synctest.Wait()
			go func() {
				release, err := p.Acquire(t.Context(), 1)
				light.Store(err == nil)
				release()
			}()
			synctest.Wait()
			if light.Load() {
				t.Fatal("the light one overtook")
			}
			<-ctx.Done()
			synctest.Wait()
			if !errors.Is(heavy, context.DeadlineExceeded) {
				t.Errorf("the heavy one got %v", heavy)
			}
			if !light.Load() {
				t.Error("the light one waits for somebody who has left")
			}
			first()
			idle(t, p)
		})
	})
	t.Run("PWD-12 the processors are shared out as well", func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Memory: 10, Parallel: 2, Queue: 1})
		for range 2 {
			must[func()](t)(p.Acquire(t.Context(), 1))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := p.Acquire(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third one gets %v", err)
		}
	})
}

// idle wants nothing given out and nobody waiting.
func idle(t *testing.T, p *password.Pool) {
	t.Helper()
	if mib, processors, waiting := p.InUse(); mib != 0 || processors != 0 || waiting != 0 {
		t.Errorf("left behind: %d MiB, %d processors, %d waiting", mib, processors, waiting)
	}
}

func TestPoolFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Memory: 4, Parallel: 1, Queue: 3})
		release := must[func()](t)(p.Acquire(t.Context(), 4))
		var served atomic.Int32
		for range 3 {
			go func() {
				release, err := p.Acquire(t.Context(), 4)
				if err != nil {
					t.Error(err)
					return
				}
				served.Add(1)
				release()
			}()
		}
		synctest.Wait()
		_, err := p.Acquire(t.Context(), 1)
		if !errors.Is(err, password.ErrBusy) {
			t.Errorf("PWD-12 the fourth in a queue of three gets %v", err)
		}
		w := httptest.NewRecorder()
		problem.WriteError(w, httptest.NewRequest("POST", "/login", nil), err)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("PWD-12 answered with %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		release()
		synctest.Wait()
		if served.Load() != 3 {
			t.Errorf("%d of three in the queue are served", served.Load())
		}
		idle(t, p)
	})
	t.Run("a context that is done gets nothing, though there is room", func(t *testing.T) {
		p := newPool(t, password.PoolConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Acquire(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		idle(t, p)
	})
}

// TestPoolStress mixes weights, cancellations at every moment and a queue that
// overflows; run it with -race.
func TestPoolStress(t *testing.T) {
	const memory, parallel, queue = 64, 7, 100
	p := newPool(t, password.PoolConfig{Memory: memory, Parallel: parallel, Queue: queue})
	var inUse, running, served, left, busy atomic.Int64
	var wg sync.WaitGroup
	all := must[func()](t)(p.Acquire(t.Context(), memory))
	for range 400 {
		wg.Go(func() {
			for range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				mib := 1 + rand.IntN(memory)
				if rand.IntN(3) == 0 {
					go cancel()
				}
				release, err := p.Acquire(ctx, mib)
				switch {
				case err == nil:
					if n, r := inUse.Add(int64(mib)), running.Add(1); n > memory || r > parallel {
						t.Errorf("%d MiB and %d at once, of %d and %d", n, r, memory, parallel)
					}
					served.Add(1)
					inUse.Add(-int64(mib))
					running.Add(-1)
					release()
				case errors.Is(err, password.ErrBusy):
					busy.Add(1)
				case errors.Is(err, context.Canceled):
					left.Add(1)
				default:
					t.Error(err)
				}
				cancel()
			}
		})
	}
	for waiting := 0; waiting < queue; _, _, waiting = p.InUse() {
		runtime.Gosched()
	}
	all()
	wg.Wait()
	idle(t, p)
	t.Logf("%d served, %d left, %d turned away", served.Load(), left.Load(), busy.Load())
	if served.Load() == 0 || left.Load() == 0 || busy.Load() == 0 {
		t.Error("the stress did not reach every outcome")
	}
	// Cancelled waiters have left no debt: the whole budget can be had.
	release, err := p.Acquire(t.Context(), memory)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestPoolHoldsHashers(t *testing.T) {
	t.Run("PWD-12 F31 200 verifications at once stay in the budget", func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Memory: 8, Parallel: 3})
		var now, peak atomic.Int64
		h := password.CheapArgon2id(p, 2<<10, 1, 1, nil)
		h = password.Watched(h, func(delta int64) {
			if n := now.Add(delta); n > peak.Load() {
				peak.Store(n)
			}
		})
		stored := hash(t, h, alice)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if ok, _, err := h.Verify(context.Background(), stored, alice); !ok || err != nil {
					t.Errorf("ok %t, %v", ok, err)
				}
			})
		}
		wg.Wait()
		if peak.Load() > 3 {
			t.Errorf("%d at once, of 3", peak.Load())
		}
		idle(t, p)
	})
	t.Run("PWD-12 a hash of several lanes takes as many processors", func(t *testing.T) {
		for lanes, want := range map[uint32]int64{1: 5, 2: 2, 4: 1, 5: 1, 9: 1} {
			p := newPool(t, password.PoolConfig{Parallel: 5})
			var now, peak atomic.Int64
			var mu sync.Mutex
			gate := sync.NewCond(&mu)
			h := password.Watched(password.CheapArgon2id(p, 128, 1, lanes, nil), func(delta int64) {
				mu.Lock()
				defer mu.Unlock()
				if n := now.Add(delta); n > peak.Load() {
					peak.Store(n)
				}
				// As many as may run at once wait for each other.
				gate.Broadcast()
				for delta > 0 && peak.Load() < want {
					gate.Wait()
				}
			})
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					if _, err := h.Hash(context.Background(), alice); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if peak.Load() != want {
				t.Errorf("%d hashes of %d lanes at once on 5 processors, want %d", peak.Load(), lanes, want)
			}
			idle(t, p)
		}
	})
	t.Run("a stored hash weighs what it asks for, not what Hash would", func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Memory: 8, Parallel: 3})
		light := password.CheapArgon2id(p, 64, 1, 1, nil)
		heavy := password.CheapArgon2id(p, 5<<10, 1, 1, nil)
		stored := hash(t, heavy, alice)
		taken := must[func()](t)(p.Acquire(t.Context(), 4))
		defer taken()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, _, err := light.Verify(ctx, stored, alice); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("5 MiB are taken from 4 that are left: %v", err)
		}
	})
	t.Run("every scheme takes its share", func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Memory: 8, Parallel: 1, Queue: 1})
		hashers := []password.Hasher{
			password.CheapArgon2id(p, 64, 1, 1, nil), password.CheapBcrypt(p, 4, nil), password.CheapScrypt(p, 4, 1, 1, nil),
		}
		stored := make([]string, len(hashers))
		for i, h := range hashers {
			stored[i] = hash(t, h, alice)
		}
		must[func()](t)(p.Acquire(t.Context(), 8))
		for i, h := range hashers {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := h.Hash(ctx, alice); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%T hashes beside the Pool: %v", h, err)
			}
			if _, _, err := h.Verify(ctx, stored[i], alice); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%T verifies beside the Pool: %v", h, err)
			}
			cancel()
		}
	})
	t.Run("F16 a panic gives the share back", func(t *testing.T) {
		p := newPool(t, password.PoolConfig{Parallel: 1})
		h := password.Watched(password.CheapArgon2id(p, 64, 1, 1, nil), func(int64) { panic("no") })
		func() {
			defer func() { _ = recover() }()
			_, _ = h.Hash(t.Context(), alice)
		}()
		idle(t, p)
	})
}
