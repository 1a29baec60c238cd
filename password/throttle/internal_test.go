package throttle

import (
	"context"
	"strconv"
	"testing"
	"time"
)

func TestMemoryBound(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rule := Rule{MaxFailures: 5, Window: time.Hour, Lockout: time.Hour}
	count := func(m *memoryStore, key string) int {
		n, _, err := m.Increment(context.Background(), key, rule)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Run("RLT-06 200,000 keys take the room of 1,000", func(t *testing.T) {
		m := newMemoryStore(1000, func() time.Time { return now })
		for i := range 200_000 {
			count(m, strconv.Itoa(i))
			if len(m.entries) > 1000 {
				t.Fatalf("%d keys are kept", len(m.entries))
			}
		}
	})
	t.Run("a locked key outlives a flood of single attempts", func(t *testing.T) {
		m := newMemoryStore(1000, func() time.Time { return now })
		for range 6 {
			count(m, "victim")
		}
		for i := range 50_000 {
			count(m, strconv.Itoa(i))
		}
		if n := count(m, "victim"); n != 6 {
			t.Errorf("the locked key stands at %d after the flood, want 6", n)
		}
	})
	t.Run("what is over goes first", func(t *testing.T) {
		at := now
		m := newMemoryStore(2, func() time.Time { return at })
		count(m, "old")
		count(m, "old")
		at = at.Add(59 * time.Minute)
		count(m, "young")
		at = at.Add(time.Minute)
		count(m, "new")
		if _, ok := m.entries["young"]; !ok || len(m.entries) != 2 {
			t.Errorf("kept %v", m.entries)
		}
	})
}

func BenchmarkMemory(b *testing.B) {
	b.ReportAllocs()
	l, err := New(nil, Config{MaxFailures: 100})
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	for b.Loop() {
		a, err := l.Begin(ctx, "alice")
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Succeed(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
