package passwordsql_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/sqlstore"
)

// doors are two stores on one database, as of two services; the second pool is as
// strict as the server can be.
func doors(t *testing.T, d *sqltest.Database) [2]*sqlstore.Store {
	t.Helper()
	return [2]*sqlstore.Store{open(t, d), on(t, d, d.OpenStrict(t), sqlstore.Config{})}
}

func TestRaces(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := doors(t, d)
		ctx := t.Context()
		t.Run("XCT-03 LNK-08 of 200 creates of one address one wins", func(t *testing.T) {
			for range 3 {
				canonical := newUser().Canonical
				var won atomic.Int64
				var winner sync.Map
				sqltest.Together(200, func(i int) {
					u := newUser()
					u.Canonical = canonical
					switch _, err := s[i%2].Create(ctx, u); {
					case err == nil:
						won.Add(1)
						winner.Store(u.ID, true)
					case !errors.Is(err, account.ErrExists):
						t.Error(err)
					}
				})
				got, err := s[0].FindByEmail(ctx, canonical)
				must(t, err)
				if _, found := winner.Load(got.ID); won.Load() != 1 || !found {
					t.Errorf("%d won", won.Load())
				}
			}
		})
		t.Run("F13 PWD-10 of changes of one password that collide one wins, and all are told the truth", func(t *testing.T) {
			u := create(t, s[0], newUser())
			for round := range 5 {
				var won, lost atomic.Int64
				sqltest.Together(60, func(i int) {
					switch err := s[i%2].SetPassword(ctx, u.ID, u.Hash, fmt.Sprint("h", round, "-", i), time.Time{}); {
					case err == nil:
						won.Add(1)
					case errors.Is(err, account.ErrConflict):
						lost.Add(1)
					default:
						t.Error(err)
					}
				})
				got, err := s[0].Find(ctx, u.ID)
				must(t, err)
				if won.Load() != 1 || lost.Load() != 59 || got.Hash == u.Hash {
					t.Errorf("%d won, %d lost", won.Load(), lost.Load())
				}
				u = got
			}
		})
		t.Run("PWD-10 a rehash never undoes a change, whatever comes first", func(t *testing.T) {
			for range 20 {
				u := create(t, s[0], newUser())
				later := u.ValidAfter.Add(time.Hour)
				errs := [2]error{}
				sqltest.Together(2, func(i int) {
					if i == 0 {
						errs[0] = s[0].SetPassword(ctx, u.ID, u.Hash, "rehashed", time.Time{})
						return
					}
					// A change reads again and repeats, as its user has proved the password.
					for hash := u.Hash; ; {
						errs[1] = s[1].SetPassword(ctx, u.ID, hash, "changed", later)
						if !errors.Is(errs[1], account.ErrConflict) {
							return
						}
						now, err := s[1].Find(ctx, u.ID)
						if err != nil {
							t.Error(err)
							return
						}
						hash = now.Hash
					}
				})
				got, err := s[0].Find(ctx, u.ID)
				must(t, err)
				if errs[1] != nil || got.Hash != "changed" || !got.ValidAfter.Equal(later) || errs[0] != nil && !errors.Is(errs[0], account.ErrConflict) {
					t.Errorf("%v, %+v", errs, got)
				}
			}
		})
		t.Run("F13 tokens that are put, consumed and voided all at once: no deadlock is anybody's error", func(t *testing.T) {
			const subjects = 3
			tokens := [2]*password.Tokens{newTokens(t, s[0]), newTokens(t, s[1])}
			var issued, used atomic.Int64
			var spent sync.Map
			sqltest.Together(24, func(i int) {
				for j := range 12 {
					subject, purpose := fmt.Sprint("u-", (i+j)%subjects), []password.Purpose{password.PurposeReset, password.PurposeVerifyEmail}[j%2]
					token, err := tokens[i%2].Issue(ctx, subject, purpose, "")
					if err != nil {
						t.Error(err)
						return
					}
					issued.Add(1)
					for k := range 2 {
						switch got, err := tokens[(i+k)%2].Consume(ctx, purpose, token); {
						case err == nil:
							used.Add(1)
							if _, twice := spent.LoadOrStore(token, true); twice || got.Subject != subject {
								t.Errorf("a token was taken twice, or for %s", got.Subject)
							}
						case !errors.Is(err, password.ErrToken):
							t.Error(err)
						}
					}
					if j%4 == 3 {
						if err := tokens[(i+1)%2].Void(ctx, subject); err != nil {
							t.Error(err)
						}
						if err := tokens[i%2].Void(ctx, subject, password.PurposeReset, password.PurposeVerifyEmail); err != nil {
							t.Error(err)
						}
					}
				}
			})
			t.Logf("%d issued, %d used", issued.Load(), used.Load())
			if used.Load() == 0 {
				t.Error("nothing was tested")
			}
		})
	})
}

// consumeAll is a process that wants every token, and tells which it got.
func consumeAll(c *sqltest.Child) error {
	_, tokens, err := child(c)
	if err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	var mu sync.Mutex
	var failed error
	sqltest.Together(8, func(i int) {
		for j := range c.Args {
			token := c.Args[(i+j)%len(c.Args)]
			_, err := tokens.Consume(context.Background(), password.PurposeReset, token)
			mu.Lock()
			if err == nil {
				fmt.Fprintln(c.Out, token)
			} else if !errors.Is(err, password.ErrToken) {
				failed = err
			}
			mu.Unlock()
		}
	})
	return failed
}

func TestTwoProcesses(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		t.Run("RST-03 P12 each token is consumed by one process, once", func(t *testing.T) {
			issuer := newTokens(t, open(t, d))
			var all []string
			for i := range 30 {
				token, err := issuer.Issue(t.Context(), fmt.Sprint("u-", i), password.PurposeReset, "")
				must(t, err)
				all = append(all, token)
			}
			a, b := d.Start(t, "consume", all...), d.Start(t, "consume", all...)
			a.AwaitReady()
			b.AwaitReady()
			a.Go()
			b.Go()
			got := map[string]int{}
			first, second := strings.Fields(a.Wait()), strings.Fields(b.Wait())
			for _, token := range append(first, second...) {
				got[token]++
			}
			t.Logf("%d and %d", len(first), len(second))
			for _, token := range all {
				if got[token] != 1 {
					t.Errorf("a token was consumed %d times", got[token])
				}
			}
		})
	})
}
