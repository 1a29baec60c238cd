package throttle

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/go-sallyport/auth/internal/testkit"
)

var (
	ctx   = context.Background()
	guess = Rule{Max: 5, Window: time.Hour, Lockout: time.Hour, MaxLockout: 24 * time.Hour, MaxInARow: 100, Memory: 90 * day}
)

// memory is a store with a clock that the test moves.
func memory(t testing.TB, maxKeys int) (*MemoryStore, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m, err := NewMemoryStore(MemoryConfig{MaxKeys: maxKeys, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return m, &now
}

func take(t testing.TB, m *MemoryStore, text string) Count {
	t.Helper()
	n, err := m.Take(ctx, NewKey("", text), guess)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMemoryBound(t *testing.T) {
	t.Run("RLT-06 F24 one million keys of an attacker take 4 MiB and no more", func(t *testing.T) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m, err := NewMemoryStore(MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := New(m, Config{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range testkit.Volume(1_000_000) {
			if _, err := l.Begin(ctx, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
			t.Errorf("the heap has grown by %d bytes", grown)
		}
		if table := unsafe.Sizeof(set{}) * uintptr(len(m.attempts.Load().sets)); table > 4<<20 || len(m.attempts.Load().sets)*ways != DefaultMaxKeys {
			t.Errorf("the table has %d bytes, %d keys", table, len(m.attempts.Load().sets)*ways)
		}
		runtime.KeepAlive(l)
	})
	t.Run("RLT-06 what only counts requests has no table of attempts", func(t *testing.T) {
		m, _ := memory(t, 0)
		allow(t, m, "alice", 1)
		key := NewKey("", "alice")
		if err := errors.Join(m.Forgive(ctx, key, 1), m.Cancel(ctx, key, 1), m.Reset(ctx, key)); err != nil || m.attempts.Load() != nil {
			t.Errorf("%v, table %v", err, m.attempts.Load())
		}
		if n := allow(t, m, "alice", 1); !n.Admitted {
			t.Errorf("Reset has left the request: %+v", n)
		}
	})
	t.Run("XCT-05 MaxKeys", func(t *testing.T) {
		for keys, sets := range map[int]int{1: 1, 8: 1, 9: 2, 16: 2, 17: 4, 0: 8192} {
			m, err := NewMemoryStore(MemoryConfig{MaxKeys: keys})
			if err != nil || len(m.makeAttempts().sets) != sets {
				t.Errorf("MaxKeys %d: %v, want %d sets", keys, err, sets)
			}
		}
		for _, keys := range []int{-1, 1<<27 + 1} {
			if _, err := NewMemoryStore(MemoryConfig{MaxKeys: keys}); err == nil {
				t.Errorf("MaxKeys %d", keys)
			}
		}
	})
}

func TestMemoryClock(t *testing.T) {
	t.Run("F17 a clock that jumps locks nobody in for ever and breaks nothing", func(t *testing.T) {
		m, now := memory(t, 8)
		start := *now
		for _, jump := range []time.Duration{-time.Hour, time.Hour, -1000 * day, 0} {
			*now = start.Add(jump)
			for i := range 20 {
				take(t, m, strconv.Itoa(i))
			}
		}
		*now = start.Add(100 * day)
		for i := range 20 {
			if !take(t, m, strconv.Itoa(i)).Admitted {
				t.Fatal("still locked")
			}
		}
	})
	t.Run("F17 a new key in the past is counted as any other", func(t *testing.T) {
		m, now := memory(t, 8)
		*now = now.Add(-time.Hour)
		for rule, name := range map[Rule]string{guess: "a guess", {Max: 5, Window: time.Minute}: "a request"} {
			for i := range 6 {
				if n, err := m.Take(ctx, NewKey("", name), rule); err != nil || n.Admitted != (i < 5) {
					t.Errorf("%s %d: %+v, %v", name, i, n, err)
				}
			}
		}
	})
	t.Run("F17 without a Now the wall clock does not matter", func(t *testing.T) {
		m, err := NewMemoryStore(MemoryConfig{})
		if err != nil || m.now != nil || m.since() <= 0 || m.since() > int64(time.Minute) {
			t.Errorf("%v, %d", err, m.since())
		}
	})
}

func TestAllocs(t *testing.T) {
	l, err := New(nil, Config{Max: MaxRequests})
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"Begin and Succeed": func() {
			if a, err := l.Begin(ctx, "alice"); err != nil || a.Succeed(ctx) != nil {
				t.Fatal(err)
			}
		},
		"Begin and Cancel": func() {
			if a, err := l.Begin(ctx, "alice"); err != nil || a.Cancel(ctx) != nil {
				t.Fatal(err)
			}
		},
		"Allow": func() { _ = l.Allow(ctx, "alice") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestUntil(t *testing.T) {
	for n, want := range map[int]time.Duration{-1: day, 0: day, 1: day, 2: 2 * day, 3: 4 * day, 7: 64 * day, 8: 90 * day, 100: 90 * day, 1 << 30: 90 * day} {
		if got := guess.Until(n); got != want {
			t.Errorf("Until(%d) = %s, want %s", n, got, want)
		}
	}
	if got := (Rule{}).Until(5); got != 0 {
		t.Errorf("without Memory %s", got)
	}
	longest := Rule{Memory: maxDuration}
	if got := longest.Until(1000); got != maxDuration {
		t.Errorf("%s", got)
	}
}
