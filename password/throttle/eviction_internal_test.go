package throttle

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit"
)

func TestEviction(t *testing.T) {
	t.Run("F24 a locked key outlives any flood", func(t *testing.T) {
		m, _ := memory(t, 64)
		for range 5 {
			take(t, m, "victim")
		}
		for i := range testkit.Volume(100_000) {
			take(t, m, strconv.Itoa(i%20_000))
		}
		if n := take(t, m, "victim"); n.Admitted {
			t.Error("the lock is forgotten")
		}
	})
	t.Run("F24 a key that is exhausted outlives any flood", func(t *testing.T) {
		m, now := memory(t, 8)
		for range 20 {
			for range 5 {
				take(t, m, "victim")
			}
			*now = now.Add(25 * time.Hour)
		}
		for i := range 10_000 {
			take(t, m, strconv.Itoa(i))
		}
		if n := take(t, m, "victim"); n.Admitted || !n.Exhausted {
			t.Errorf("%+v", n)
		}
	})
	t.Run("F24 one that is exhausted stays among locked ones", func(t *testing.T) {
		m, now := memory(t, 8)
		for range 20 {
			for range 5 {
				take(t, m, "victim")
			}
			*now = now.Add(25 * time.Hour)
		}
		for i := range ways - 1 {
			for range 5 {
				take(t, m, strconv.Itoa(i))
			}
		}
		take(t, m, "newcomer")
		if n := take(t, m, "victim"); n.Admitted || !n.Exhausted {
			t.Errorf("%+v", n)
		}
	})
	t.Run("F24 a lock after a single attempt stays as well", func(t *testing.T) {
		m, _ := memory(t, 8)
		strict := guess
		strict.Max = 1
		if _, err := m.Take(ctx, NewKey("", "victim"), strict); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			take(t, m, strconv.Itoa(i))
		}
		if n, err := m.Take(ctx, NewKey("", "victim"), strict); err != nil || n.Admitted {
			t.Errorf("%+v, %v", n, err)
		}
	})
	t.Run("a lock that was taken back does not stay", func(t *testing.T) {
		m, _ := memory(t, 8)
		strict := guess
		strict.MaxInARow = 2
		key := NewKey("", "alice")
		var n Count
		for range 2 {
			var err error
			if n, err = m.Take(ctx, key, strict); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Cancel(ctx, key, n.Ticket); err != nil {
			t.Fatal(err)
		}
		if e := m.makeAttempts().sets[0].slots[m.makeAttempts().sets[0].find(key.hash(m.seed))]; e.spent || e.rank() != 1 {
			t.Errorf("%+v", e)
		}
	})
	t.Run("F24 more failures outlive fewer", func(t *testing.T) {
		m, _ := memory(t, 8)
		for range 3 {
			take(t, m, "victim")
		}
		for i := range 10_000 {
			take(t, m, strconv.Itoa(i))
		}
		take(t, m, "victim")
		if n := take(t, m, "victim"); n.Wait == 0 {
			t.Error("single attempts at other keys have pushed out three")
		}
	})
	t.Run("what is forgotten goes before what counts, of equals the oldest", func(t *testing.T) {
		m, now := memory(t, 8)
		for range 4 {
			take(t, m, "old")
		}
		*now = now.Add(8 * day) // from here on it is forgotten
		for i := range 7 {
			take(t, m, strconv.Itoa(i))
			take(t, m, strconv.Itoa(i))
			*now = now.Add(time.Second)
		}
		here := func(text string) bool { return m.makeAttempts().sets[0].find(NewKey("", text).hash(m.seed)) >= 0 }
		take(t, m, "new")
		if here("old") || !here("0") {
			t.Error("a key that counts has gone before one that does not")
		}
		take(t, m, "new")
		take(t, m, "newer")
		take(t, m, "newer")
		if here("0") || !here("1") || !here("new") {
			t.Error("the oldest has not gone")
		}
		take(t, m, "newest")
		take(t, m, "single")
		if here("newest") || !here("2") {
			t.Error("two attempts have gone before one")
		}
	})
	t.Run("F24 newcomers to a set of locked keys share one strict count", func(t *testing.T) {
		m, now := memory(t, 8)
		for i := range ways {
			for range 5 {
				take(t, m, strconv.Itoa(i))
			}
		}
		admitted := 0
		for i := range 100 {
			if take(t, m, fmt.Sprint("newcomer", i)).Admitted {
				admitted++
			}
		}
		if admitted != 5 {
			t.Errorf("%d of 100 newcomers are admitted", admitted)
		}
		*now = now.Add(time.Hour)
		for i := range 4 {
			if !take(t, m, strconv.Itoa(i)).Admitted {
				t.Error("a lock is too long")
			}
		}
		if !take(t, m, "newcomer").Admitted {
			t.Error("a newcomer is refused although there is room")
		}
	})
	t.Run("P07 a success in the crowd forgives itself and nobody else", func(t *testing.T) {
		m, _ := memory(t, 8)
		for i := range ways {
			for range 5 {
				take(t, m, strconv.Itoa(i))
			}
		}
		for range 4 {
			take(t, m, "victim")
		}
		for range 3 {
			n := take(t, m, "mallory")
			if !n.Admitted {
				t.Fatal("refused")
			}
			for range 2 {
				if err := m.Forgive(ctx, NewKey("", "mallory"), n.Ticket); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := take(t, m, "victim"); !n.Admitted || n.Wait == 0 {
			t.Errorf("%+v, want the fifth attempt", n)
		}
	})
	t.Run("a ticket of a key that was forgotten does nothing to its successor", func(t *testing.T) {
		m, now := memory(t, 8)
		old := take(t, m, "alice")
		*now = now.Add(2 * day)
		for range 4 {
			take(t, m, "alice")
		}
		if err := m.Forgive(ctx, NewKey("", "alice"), old.Ticket); err != nil {
			t.Fatal(err)
		}
		if err := m.Cancel(ctx, NewKey("", "alice"), old.Ticket); err != nil {
			t.Fatal(err)
		}
		if n := take(t, m, "alice"); n.Wait == 0 {
			t.Error("an old ticket has forgiven new attempts")
		}
	})
	t.Run("the numbers of tickets run over without harm", func(t *testing.T) {
		m, _ := memory(t, 8)
		m.makeAttempts().sets[0].last = 1<<32 - 3
		for range 10 {
			n := take(t, m, "alice")
			if n.Ticket == 0 {
				continue // it stays counted, see below
			}
			if err := m.Cancel(ctx, NewKey("", "alice"), n.Ticket); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			take(t, m, "alice")
		}
		if n := take(t, m, "alice"); n.Wait == 0 {
			t.Error("not the fifth attempt")
		}
	})
}
