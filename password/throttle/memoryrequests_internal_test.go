package throttle

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/go-sallyport/auth/internal/testkit"
)

func allow(t testing.TB, m *MemoryStore, text string, limit int) Count {
	t.Helper()
	n, err := m.Allow(ctx, NewKey("", text), limit, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRequestTable(t *testing.T) {
	t.Run("a set is two cache lines, and the table 2 MiB", func(t *testing.T) {
		m, _ := memory(t, 0)
		if m.requests.Load() != nil {
			t.Error("there is a table before the first request")
		}
		allow(t, m, "alice", 5)
		if n, size := len(m.requests.Load().sets), unsafe.Sizeof(requestSet{}); size != 128 || n*requestWays < DefaultMaxKeys || n*128 > 2<<20 {
			t.Errorf("%d sets of %d bytes", n, size)
		}
	})
	t.Run("F24 a key that has used up its window outlives any flood", func(t *testing.T) {
		m, now := memory(t, 70)
		for range 5 {
			allow(t, m, "victim", 5)
		}
		for i := range testkit.Volume(100_000) {
			allow(t, m, strconv.Itoa(i), 5)
		}
		if n := allow(t, m, "victim", 5); n.Admitted {
			t.Error("the count is forgotten")
		}
		*now = now.Add(time.Hour)
		if n := allow(t, m, "victim", 5); !n.Admitted {
			t.Error("the window does not end")
		}
	})
	t.Run("F24 of many keys the one with the fewest requests makes room", func(t *testing.T) {
		m, _ := memory(t, 7)
		for i := range requestWays {
			for range 3 + i {
				allow(t, m, strconv.Itoa(i), 100)
			}
		}
		allow(t, m, "newcomer", 100)
		if n := count(m, "0"); n != 0 {
			t.Errorf("the key with the fewest has %d requests still", n)
		}
		for i := 1; i < requestWays; i++ {
			if n := count(m, strconv.Itoa(i)); n != 3+i {
				t.Errorf("key %d has %d requests, want %d", i, n, 3+i)
			}
		}
	})
	t.Run("F24 where all keys have used up their windows, a new one waits for the first of these to end", func(t *testing.T) {
		m, now := memory(t, 7)
		for i := range requestWays {
			allow(t, m, strconv.Itoa(i), 1)
			*now = now.Add(time.Minute)
		}
		if n := allow(t, m, "newcomer", 1); n.Admitted || n.Wait != 53*time.Minute {
			t.Errorf("%+v", n)
		}
		*now = now.Add(53 * time.Minute)
		if n := allow(t, m, "newcomer", 1); !n.Admitted {
			t.Errorf("%+v", n)
		}
		if n := allow(t, m, "1", 1); n.Admitted {
			t.Error("the wrong key has made room")
		}
	})
	t.Run("a window whose end is a fraction of the unit is not shorter", func(t *testing.T) {
		m, now := memory(t, 7)
		key, window := NewKey("", "alice"), time.Millisecond+time.Nanosecond
		if _, err := m.Allow(ctx, key, 1, window); err != nil {
			t.Fatal(err)
		}
		*now = now.Add(time.Millisecond)
		if n, err := m.Allow(ctx, key, 1, window); err != nil || n.Admitted {
			t.Errorf("%+v, %v", n, err)
		}
	})
	t.Run("the largest count fits its bits", func(t *testing.T) {
		m, _ := memory(t, 7)
		for range MaxRequests {
			if n := allow(t, m, "alice", MaxRequests); !n.Admitted {
				t.Fatalf("%+v", n)
			}
		}
		if n := allow(t, m, "alice", MaxRequests); n.Admitted || n.Wait != time.Hour {
			t.Errorf("%+v", n)
		}
	})
}

// TestRequestRace lets keys be counted, forgotten and pushed out at once: no key
// that stays is ever counted too few times.
func TestRequestRace(t *testing.T) {
	m, err := NewMemoryStore(MemoryConfig{MaxKeys: 7})
	if err != nil {
		t.Fatal(err)
	}
	const goroutines, each, limit = 200, 50, 1000
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				if g%2 == 0 {
					allow(t, m, strconv.Itoa(g*each+i), limit)
					if i%10 == 0 {
						if err := m.Reset(ctx, NewKey("", strconv.Itoa(g*each+i))); err != nil {
							t.Error(err)
						}
					}
				} else if allow(t, m, "busy", limit).Admitted {
					admitted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	// The busy key may lose its place before it has more requests than the others.
	if n := int64(count(m, "busy")); n > limit || admitted.Load() < limit || admitted.Load() > limit+goroutines {
		t.Errorf("%d requests are counted and %d admitted, want about %d", n, admitted.Load(), limit)
	}
}

// count is how many requests of a key there are.
func count(m *MemoryStore, text string) int {
	h := NewKey("", text).hash(m.seed)
	s := m.requests.Load().set(h)
	if i := s.find(h); i >= 0 {
		return requests(s.states[i].Load()).count()
	}
	return 0
}
