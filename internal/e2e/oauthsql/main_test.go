// Package oauthsql holds oauth/sqlstore to its promises on real servers.
package oauthsql_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/sqlstore"
)

func TestMain(m *testing.M) { sqltest.Main(m, map[string]sqltest.Role{"child": child}) }

// on returns a Store on pool, with the tables in place.
func on(t testing.TB, d *sqltest.Database, pool *sql.DB, cfg sqlstore.Config) *sqlstore.Store {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = sqltest.Patient
	}
	s, err := sqlstore.New(pool, d.Dialect, cfg)
	must(t, err)
	must(t, s.Migrate(t.Context()))
	return s
}

// open returns a Store on a pool of its own.
func open(t testing.TB, d *sqltest.Database) *sqlstore.Store {
	t.Helper()
	return on(t, d, d.Open(t), sqlstore.Config{})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const issuer = "https://login.example.com"

func link(user, subject string) oauth.Link {
	return oauth.Link{Issuer: issuer, Subject: subject, User: user, Provider: "oidc", Label: "alice@example.com", CreatedAt: time.Now()}
}

// calls are what a child does many times at once, by name: with a number of its own and
// its further arguments.
var calls = map[string]func(ctx context.Context, s *sqlstore.Store, who, i int, args []string) error{
	"take": func(ctx context.Context, s *sqlstore.Store, who, i int, args []string) error {
		return s.Create(ctx, link(fmt.Sprint("u-", who, "-", i), args[0]), 20)
	},
	"gather": func(ctx context.Context, s *sqlstore.Store, who, i int, args []string) error {
		return s.Create(ctx, link(args[0], fmt.Sprint("s-", who, "-", i)), 3)
	},
	"remove": func(ctx context.Context, s *sqlstore.Store, _, i int, args []string) error {
		return s.Delete(ctx, args[0], issuer, fmt.Sprint("s-", i), 1)
	},
	"consume": func(ctx context.Context, s *sqlstore.Store, _, _ int, args []string) error {
		var call oauth.CallID
		_, _ = rand.Read(call[:])
		return s.Consumer().Consume(ctx, sha256.Sum256([]byte(args[0])), call, time.Now().Add(5*time.Minute))
	},
	"live": func(ctx context.Context, s *sqlstore.Store, who, i int, args []string) error {
		l := link(args[0], fmt.Sprint("s-", who, "-", i))
		return errors.Join(s.Create(ctx, l, 5), s.Delete(ctx, l.User, l.Issuer, l.Subject, 1))
	},
}

// child is a process that makes a call many times at once, when its parent says so, and
// writes how often each answer came.
func child(c *sqltest.Child) error {
	pool, err := c.Pool()
	if err != nil {
		return err
	}
	s, err := sqlstore.New(pool, c.Dialect, sqlstore.Config{Timeout: time.Minute})
	if err != nil {
		return err
	}
	call := calls[c.Args[0]]
	var who, n int
	if _, err := fmt.Sscan(c.Args[1]+" "+c.Args[2], &who, &n); err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	var mu sync.Mutex
	answers := make(map[string]int)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			answer := name(call(context.Background(), s, who, i, c.Args[3:]))
			mu.Lock()
			defer mu.Unlock()
			answers[answer]++
		})
	}
	wg.Wait()
	for answer, count := range answers {
		if _, err := fmt.Fprintln(c.Out, answer, count); err != nil {
			return err
		}
	}
	return nil
}

// name is the answer that an error is.
func name(err error) string {
	for text, answer := range map[string]error{
		"linked": oauth.ErrLinked, "many": oauth.ErrTooManyLinks, "last": oauth.ErrLastMethod, "consumed": oauth.ErrConsumed,
	} {
		if errors.Is(err, answer) {
			return text
		}
	}
	if err != nil {
		return strings.ReplaceAll(err.Error(), " ", "_")
	}
	return "ok"
}

// both runs a call in two processes at once, n times in each, and counts the answers.
func both(t *testing.T, d *sqltest.Database, call string, n int, args ...string) map[string]int {
	t.Helper()
	var list []*sqltest.Process
	for who := range 2 {
		p := d.Start(t, "child", append([]string{call, fmt.Sprint(who), fmt.Sprint(n)}, args...)...)
		p.AwaitReady()
		list = append(list, p)
	}
	for _, p := range list {
		p.Go()
	}
	all := make(map[string]int)
	for _, p := range list {
		for line := range strings.Lines(p.Wait()) {
			var answer string
			var count int
			if _, err := fmt.Sscan(line, &answer, &count); err != nil {
				t.Fatal(err)
			}
			all[answer] += count
		}
	}
	return all
}
