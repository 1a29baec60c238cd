package jwtsql_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/jwtauth/sqlstore"
	"github.com/go-sallyport/auth/problem"
)

func TestMain(m *testing.M) { sqltest.Main(m, map[string]sqltest.Role{"refresh": refresh}) }

// refresh is a process that refreshes one token many times, 32 at once, when its
// parent says so, and writes each successor that it was given.
func refresh(c *sqltest.Child) error {
	pool, err := c.Pool()
	if err != nil {
		return err
	}
	store, err := sqlstore.New(pool, c.Dialect, sqlstore.Config{Timeout: time.Minute})
	if err != nil {
		return err
	}
	issuer, err := newIssuer(store)
	if err != nil {
		return err
	}
	var n int
	if _, err := fmt.Sscan(c.Args[1], &n); err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	var mu sync.Mutex
	answers := make(map[string]int)
	var wg sync.WaitGroup
	// More would wait for the pool, and on a slow machine longer than the grace.
	slots := make(chan struct{}, 32)
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			t, err := issuer.Refresh(context.Background(), c.Args[0])
			for problem.From(err).Status == http.StatusServiceUnavailable { // the machine is busy
				t, err = issuer.Refresh(context.Background(), c.Args[0])
			}
			answer := "refused"
			if err == nil {
				answer = t.Refresh
			}
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

func key(b byte) []byte { h := sha256.Sum256([]byte{b}); return h[:] }

func newIssuer(store jwtauth.FamilyStore) (*jwtauth.Issuer, error) {
	k, err := jwtauth.HMACKey("k1", jwtauth.HS256, key(1))
	if err != nil {
		return nil, err
	}
	keys, err := jwtauth.NewKeySet(k)
	if err != nil {
		return nil, err
	}
	return jwtauth.NewIssuer(keys, store, jwtauth.IssuerConfig{
		Issuer: "https://auth.example.com", Audience: []string{"https://api.example.com"}, RefreshKeys: [][]byte{key(2)}, SkipCurrent: true, Grace: time.Minute,
	})
}

func TestProcesses(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		issuer, err := newIssuer(open(t, d))
		must(t, err)
		t.Run("RFT-04 R03 1000 refreshes of one token from two processes get one successor", func(t *testing.T) {
			tokens, err := issuer.Issue(t.Context(), &auth.Principal{Subject: "u-alice"}, jwtauth.Device{})
			must(t, err)
			all := make(map[string]int)
			for line := range strings.Lines(d.StartTwo(t, "refresh", tokens.Refresh, "500")) {
				var answer string
				var n int
				if _, err := fmt.Sscan(line, &answer, &n); err != nil {
					t.Fatal(err)
				}
				all[answer] += n
			}
			if len(all) != 1 || all["refused"] != 0 {
				t.Fatalf("%d different answers, %d refused", len(all), all["refused"])
			}
			for token, n := range all {
				if _, err := issuer.Refresh(t.Context(), token); err != nil || n != 1000 {
					t.Errorf("%d answers, and the successor: %v", n, err)
				}
			}
		})
		t.Run("F14 a process that is killed while it refreshes leaves one good token", func(t *testing.T) {
			for round := range 4 {
				tokens, err := issuer.Issue(t.Context(), &auth.Principal{Subject: "u-alice"}, jwtauth.Device{})
				must(t, err)
				p := d.Start(t, "refresh", tokens.Refresh, "200")
				p.AwaitReady()
				p.Go()
				time.Sleep(time.Duration(round*5) * time.Millisecond)
				p.Kill()
				next, err := issuer.Refresh(t.Context(), tokens.Refresh)
				must(t, err)
				again, err := issuer.Refresh(t.Context(), tokens.Refresh)
				must(t, err)
				if next.Refresh != again.Refresh {
					t.Error("two successors")
				}
				_, err = issuer.Refresh(t.Context(), next.Refresh)
				must(t, err)
			}
		})
	})
}
