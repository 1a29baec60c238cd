package apikeysql_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/sqlstore"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
)

func TestMain(m *testing.M) {
	sqltest.Main(m, map[string]sqltest.Role{"rotate": rotateMany, "chain": rotateChain})
}

func childStore(c *sqltest.Child) (*sqlstore.Store, error) {
	pool, err := c.Pool()
	if err != nil {
		return nil, err
	}
	return sqlstore.New(pool, c.Dialect, sqlstore.Config{Timeout: time.Minute})
}

// rotateMany is a process that rotates one key many times, 32 at once, and writes the
// id of each successor that it has made.
func rotateMany(c *sqltest.Child) error {
	s, err := childStore(c)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.Args[1])
	if err != nil {
		return err
	}
	ctx := context.Background()
	k, err := s.Find(ctx, c.Args[0])
	if err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failures []error
	slots := make(chan struct{}, 32)
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r := rotation(k)
			err := s.Rotate(ctx, k.ID, r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				_, err = fmt.Fprintln(c.Out, r.Next.ID)
				failures = append(failures, err)
			case !errors.Is(err, apikey.ErrRotated):
				failures = append(failures, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(failures...)
}

// rotateChain is a process that rotates a key, then its successor, and so on, and notes
// the successor in a file before and after each.
func rotateChain(c *sqltest.Child) error {
	s, err := childStore(c)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.Args[1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	ctx := context.Background()
	k, err := s.Find(ctx, c.Args[0])
	if err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	for {
		r := rotation(k)
		r.Limit = 1 << 30
		if _, err := fmt.Fprintln(file, "try", r.Next.ID); err != nil {
			return err
		}
		if err := s.Rotate(ctx, k.ID, r); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(file, "done", r.Next.ID); err != nil {
			return err
		}
		k = r.Next
	}
}

func TestProcesses(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		t.Run("I3 600 rotations of one key from two processes make one successor", func(t *testing.T) {
			k := create(t, s, "u-alice")
			made := strings.Fields(d.StartTwo(t, "rotate", k.ID, "300"))
			if len(made) != 1 || find(t, s, k.ID).Successor != made[0] {
				t.Fatalf("%d successors", len(made))
			}
			if list, err := s.List(t.Context(), "u-alice"); err != nil || len(list) != 2 {
				t.Errorf("%d keys, %v", len(list), err)
			}
		})
		t.Run("F14 a process that is killed while it rotates leaves a whole chain", func(t *testing.T) {
			killedBetween := 0
			for round := range 5 {
				subject := fmt.Sprint("u-killed-", round)
				k := create(t, s, subject)
				text := d.Crash(t, time.Duration(20+7*round)*time.Millisecond, "chain", k.ID)
				lines := strings.Split(strings.TrimSpace(text), "\n")
				if strings.HasPrefix(lines[len(lines)-1], "try") {
					killedBetween++
				}
				for {
					last, length := wholeChain(t, s, k.ID)
					if done := strings.Count(text, "done"); length-1 < done {
						t.Errorf("I2 %d rotations were answered, and %d are there", done, length-1)
					}
					err := s.Rotate(t.Context(), last.ID, rotation(last))
					if errors.Is(err, apikey.ErrRotated) {
						continue // the server had the last COMMIT of the process still before it
					}
					must(t, err)
					break
				}
			}
			t.Logf("%d of 5 were killed within a rotation", killedBetween)
		})
	})
}

// wholeChain holds the keys that began with the one of id to this: every one has a
// successor that is there, the last has none and is live, and there are no others.
func wholeChain(t *testing.T, s *sqlstore.Store, id string) (last *apikey.Key, length int) {
	t.Helper()
	last, length = find(t, s, id), 1
	for ; last.Successor != ""; length++ {
		if last.ExpiresAt.After(now().Add(2 * time.Minute)) {
			t.Errorf("a key that was rotated has no end: %+v", last)
		}
		next := find(t, s, last.Successor)
		if next.Predecessor != last.ID {
			t.Errorf("the successor is of another: %+v", next)
		}
		last = next
	}
	if !last.Live(now()) {
		t.Errorf("the last key is dead: %+v", last)
	}
	if list, err := s.List(t.Context(), last.Subject); err != nil || len(list) < length || len(list) > length+1 {
		t.Errorf("%d keys and a chain of %d, %v", len(list), length, err)
	}
	return last, length
}
