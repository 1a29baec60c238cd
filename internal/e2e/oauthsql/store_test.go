package oauthsql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/sqlstore"
	"github.com/go-sallyport/auth/oauth/storetest"
)

func TestConformance(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) { conformance(t, d, d.Open(t)) })
}

func TestConformanceMySQLSettings(t *testing.T) { sqltest.RunMySQLSettings(t, conformance) }

func conformance(t *testing.T, d *sqltest.Database, pool *sql.DB) {
	s := on(t, d, pool, sqlstore.Config{})
	t.Run("links", func(t *testing.T) { storetest.RunLinks(t, func(*testing.T) oauth.LinkStore { return s }) })
	t.Run("tokens", func(t *testing.T) { storetest.RunTokens(t, func(*testing.T) oauth.TokenStore { return s.Tokens() }) })
	t.Run("consumer", func(t *testing.T) { storetest.RunConsumer(t, func(*testing.T) oauth.Consumer { return s.Consumer() }) })
}

// TestProcesses: what two processes do at once is decided in the database.
func TestProcesses(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		t.Run("LNK-01 of 100 users who link one account from two processes one has it", func(t *testing.T) {
			got := both(t, d, "take", 50, "alice-7")
			if got["ok"] != 1 || got["linked"] != 99 {
				t.Fatal(got)
			}
			l, err := s.Find(t.Context(), issuer, "alice-7")
			must(t, err)
			if list, err := s.List(t.Context(), l.User); err != nil || len(list) != 1 {
				t.Error(list, err)
			}
		})
		t.Run("LNK-05 100 links of one user from two processes do not get past the limit", func(t *testing.T) {
			if got := both(t, d, "gather", 50, "u-alice"); got["ok"] != 3 || got["many"] != 97 {
				t.Fatal(got)
			}
			if list, err := s.List(t.Context(), "u-alice"); err != nil || len(list) != 3 {
				t.Error(list, err)
			}
		})
		t.Run("LNK-05 when two processes remove all links, one stays", func(t *testing.T) {
			for i := range 12 {
				must(t, s.Create(t.Context(), link("u-bob", fmt.Sprint("s-", i)), 20))
			}
			got := both(t, d, "remove", 12, "u-bob")
			list, err := s.List(t.Context(), "u-bob")
			if err != nil || len(list) != 1 || got["last"] == 0 || got["ok"]+got["last"] != 24 {
				t.Error(got, list, err)
			}
		})
		t.Run("OAU-05 O11 of 100 callbacks with one state in two processes one goes on", func(t *testing.T) {
			if got := both(t, d, "consume", 50, "state"); got["ok"] != 1 || got["consumed"] != 99 {
				t.Fatal(got)
			}
		})
		t.Run("F14 a process that is killed leaves whole links behind", func(t *testing.T) {
			for round := range 4 {
				user := fmt.Sprint("u-killed-", round)
				must(t, s.Create(t.Context(), link(user, fmt.Sprint("keep-", round)), 5))
				p := d.Start(t, "child", "live", fmt.Sprint(round), "200", user)
				p.AwaitReady()
				p.Go()
				time.Sleep(time.Duration(10+20*round) * time.Millisecond)
				p.Kill()
				list, err := s.List(t.Context(), user)
				if err != nil || len(list) < 1 || len(list) > 5 {
					t.Fatal(list, err)
				}
				must(t, s.DeleteAll(t.Context(), user)) // no lock is left
				for i := range 5 {
					must(t, s.Create(t.Context(), link(user, fmt.Sprint("after-", round, "-", i)), 5))
				}
			}
		})
	})
}

// Whatever is answered while connections are killed all the time is true.
func TestF13KilledAllTheTime(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		stop := d.KillAllTheTime(t)
		until := time.Now().Add(sqltest.KillTime())
		var answered atomic.Int64
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				ctx := context.Background()
				for i := 0; time.Now().Before(until); i++ {
					l := link(fmt.Sprint("u-", worker), fmt.Sprint("s-", worker, "-", i))
					// Who got an error asks again; an answer must then be the truth.
					if s.Create(ctx, l, 1) != nil && !eventually(until, func() bool { return s.Create(ctx, l, 1) == nil }) {
						return
					}
					if got, err := s.Find(ctx, l.Issuer, l.Subject); errors.Is(err, oauth.ErrNoLink) || err == nil && got.User != l.User {
						t.Errorf("F13 a link that was made: %+v, %v", got, err)
						return
					}
					thief := l
					thief.User = "u-thief"
					if err := s.Create(ctx, thief, 20); err == nil {
						t.Error("F13 the link is somebody else's too")
						return
					}
					if !eventually(until, func() bool { return s.Delete(ctx, l.User, l.Issuer, l.Subject, 0) == nil }) {
						return
					}
					if _, err := s.Find(ctx, l.Issuer, l.Subject); err == nil {
						t.Error("F13 I2 a link that was removed is there")
						return
					}
					answered.Add(1)
				}
			})
		}
		wg.Wait()
		kills := stop()
		t.Logf("%d connections killed, %d lives of links", kills, answered.Load())
		if kills == 0 || answered.Load() == 0 {
			t.Error("nothing was tested")
		}
	})
}

func eventually(until time.Time, try func() bool) bool {
	for time.Now().Before(until) {
		if try() {
			return true
		}
	}
	return false
}

func TestNew(t *testing.T) {
	sqltest.Refusals(t, func(pool *sql.DB, d sqlstore.Dialect, timeout time.Duration, prefix, schema string) error {
		_, err := sqlstore.New(pool, d, sqlstore.Config{Timeout: timeout, Prefix: prefix, Schema: schema})
		return err
	})
}

func TestPrefixAndMigrate(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s, err := sqlstore.New(pool, d.Dialect, sqlstore.Config{})
		must(t, err)
		if _, err := s.Find(t.Context(), issuer, "x"); err == nil || errors.Is(err, oauth.ErrNoLink) || !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("without a table: %v, want the store's failure and what to do", err)
		}
		a, b := on(t, d, pool, sqlstore.Config{Prefix: "a_"}), on(t, d, pool, sqlstore.Config{Prefix: "b_"})
		must(t, a.Migrate(t.Context()))
		must(t, a.Create(t.Context(), link("u", "s"), 1))
		if _, err := b.Find(t.Context(), issuer, "s"); !errors.Is(err, oauth.ErrNoLink) {
			t.Errorf("the other prefix: %v", err)
		}
	})
}

// TestValues: what one database would refuse or change, all refuse.
func TestValues(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		long := strings.Repeat("x", 256)
		for name, change := range map[string]func(*oauth.Link){
			"no issuer": func(l *oauth.Link) { l.Issuer = "" }, "no subject": func(l *oauth.Link) { l.Subject = "" },
			"no user": func(l *oauth.Link) { l.User = "" }, "no provider": func(l *oauth.Link) { l.Provider = "" },
			"a long issuer": func(l *oauth.Link) { l.Issuer = long }, "a long subject": func(l *oauth.Link) { l.Subject = long },
			"a long user": func(l *oauth.Link) { l.User = long }, "a long provider": func(l *oauth.Link) { l.Provider = long[:33] },
			"a long label": func(l *oauth.Link) { l.Label = long }, "a NUL": func(l *oauth.Link) { l.User = "a\x00b" },
			"broken UTF-8": func(l *oauth.Link) { l.Label = "\xff" },
		} {
			l := link("u", "s")
			change(&l)
			err := s.Create(t.Context(), l, 5)
			if err == nil || errors.Is(err, oauth.ErrLinked) || errors.Is(err, oauth.ErrTooManyLinks) {
				t.Errorf("%s: %v", name, err)
			}
		}
		l := link(strings.Repeat("ü", 127), strings.Repeat("s", 255))
		l.Issuer, l.Provider, l.Label = strings.Repeat("i", 255), strings.Repeat("p", 32), "名前 "+strings.Repeat("l", 200)
		must(t, s.Create(t.Context(), l, 1))
		if got, err := s.Find(t.Context(), l.Issuer, l.Subject); err != nil || got.User != l.User || got.Label != l.Label {
			t.Errorf("%+v, %v", got, err)
		}
		for name, err := range map[string]error{
			"an empty token": s.Tokens().Put(t.Context(), issuer, "s", nil), "a huge token": s.Tokens().Put(t.Context(), issuer, "s", make([]byte, oauth.MaxKeptToken+1)),
			"a swap for nothing": s.Tokens().Swap(t.Context(), issuer, "s", []byte("x"), nil),
			"no user":            s.DeleteAll(t.Context(), ""),
		} {
			if err == nil {
				t.Errorf("%s is taken", name)
			}
		}
	})
}

// TestNothingIsLeft: who leaves, leaves no row.
func TestNothingIsLeft(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		must(t, s.Create(t.Context(), link("u-1", "a"), 5))
		must(t, s.Create(t.Context(), link("u-2", "b"), 5))
		must(t, s.Create(t.Context(), link("u-2", "c"), 5))
		_ = s.Create(t.Context(), link("u-3", "a"), 5)        // linked
		must(t, s.Delete(t.Context(), "u-4", issuer, "a", 0)) // another's
		must(t, s.DeleteAll(t.Context(), "u-5"))              // nobody's
		if err := s.Create(t.Context(), link("u-6", "d"), 0); err == nil {
			t.Error("a limit of nothing")
		}
		if l, u := sqltest.Count(t, pool, "auth_oauth_links"), sqltest.Count(t, pool, "auth_oauth_users"); l != 3 || u != 2 {
			t.Errorf("%d links of %d users", l, u)
		}
		must(t, s.Delete(t.Context(), "u-1", issuer, "a", 0))
		must(t, s.DeleteAll(t.Context(), "u-2"))
		if l, u := sqltest.Count(t, pool, "auth_oauth_links"), sqltest.Count(t, pool, "auth_oauth_users"); l != 0 || u != 0 {
			t.Errorf("%d links of %d users are left", l, u)
		}
	})
}

// TestF18Clocks: notes are gone when nobody needs them, and not before, also if clocks
// differ.
func TestF18Clocks(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		start := time.Now()
		at := func(offset time.Duration) *sqlstore.Consumer {
			return on(t, d, pool, sqlstore.Config{Now: func() time.Time { return start.Add(offset) }}).Consumer()
		}
		id := func(b byte) oauth.AttemptID { return oauth.AttemptID{b} }
		expires := start.Add(10 * time.Minute)
		must(t, at(0).Consume(t.Context(), id(1), oauth.CallID{1}, expires))
		// One whose clock is 15 minutes ahead sweeps; the others must still find the note.
		must(t, at(25*time.Minute).Consume(t.Context(), id(2), oauth.CallID{1}, start.Add(30*time.Minute)))
		if err := at(9*time.Minute).Consume(t.Context(), id(1), oauth.CallID{2}, expires); !errors.Is(err, oauth.ErrConsumed) {
			t.Errorf("F18 an attempt opens again: %v", err)
		}
		must(t, at(2*time.Hour).Consume(t.Context(), id(3), oauth.CallID{1}, start.Add(130*time.Minute)))
		if n := sqltest.Count(t, pool, "auth_oauth_attempts"); n != 1 {
			t.Errorf("F25 %d notes are left, want that of the last", n)
		}
		if err := at(2*time.Hour).Consume(t.Context(), id(1), oauth.CallID{2}, expires); !errors.Is(err, oauth.ErrConsumed) {
			t.Errorf("an attempt that has expired: %v", err)
		}
	})
}
