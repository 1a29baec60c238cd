package passwordsql_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/sqlstore"
)

// Whatever is answered while connections are killed all the time is true.
func TestF13KilledAllTheTime(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		tokens := newTokens(t, s)
		stop := d.KillAllTheTime(t)
		until := time.Now().Add(sqltest.KillTime())
		var done, failed atomic.Int64
		calm := func(id string) (account.User, error) {
			for {
				u, err := s.Find(context.Background(), id)
				if err == nil || errors.Is(err, account.ErrNotFound) {
					return u, err
				}
			}
		}
		sqltest.Together(6, func(i int) {
			for n := 0; time.Now().Before(until); n++ {
				u := newUser()
				switch _, err := s.Create(t.Context(), u); {
				case errors.Is(err, account.ErrExists):
					t.Error("a new address was told to be taken")
				case err != nil:
					failed.Add(1)
					continue
				}
				if got, err := calm(u.ID); err != nil || !equal(got, u) {
					t.Errorf("a user who was created: %+v, %v", got, err)
				}
				switch err := s.SetPassword(t.Context(), u.ID, u.Hash, "new", u.ValidAfter); {
				case err == nil:
					if got, _ := calm(u.ID); got.Hash != "new" {
						t.Errorf("a password that was changed is %s", got.Hash)
					}
				case errors.Is(err, account.ErrConflict), errors.Is(err, account.ErrNotFound):
					t.Errorf("nobody else is there: %v", err)
				default:
					failed.Add(1)
				}
				if token, err := tokens.Issue(t.Context(), u.ID, password.PurposeReset, ""); err == nil {
					won := 0
					for range 3 {
						if _, err := tokens.Consume(t.Context(), password.PurposeReset, token); err == nil {
							won++
						}
					}
					if won > 1 {
						t.Errorf("I3 a token was consumed %d times", won)
					}
				}
				if s.Delete(t.Context(), u.ID) == nil {
					if _, err := calm(u.ID); err == nil {
						t.Error("I2 a user who was deleted is there")
					}
				}
				done.Add(1)
			}
		})
		kills := stop()
		t.Logf("%d done, %d failed, %d connections killed", done.Load(), failed.Load(), kills)
		if done.Load() == 0 || kills == 0 {
			t.Error("nothing was tested")
		}
	})
}

// A write that waits for a row is broken off with its connection, and done.
func TestF13KilledWhileItWaits(t *testing.T) {
	sqltest.RunKillable(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		ctx := t.Context()
		u := create(t, s, newUser())
		for doing, call := range map[string]func() error{
			"SetPassword": func() error { return s.SetPassword(ctx, u.ID, u.Hash, "new", time.Time{}) },
			"SetRoles":    func() error { return s.SetRoles(ctx, u.ID, []string{"admin"}) },
		} {
			if err := d.KillWaiting(t, "UPDATE auth_users SET writes = writes + 1", call); err != nil {
				t.Errorf("%s: %v", doing, err)
			}
		}
		u.Hash, u.Roles = "new", []string{"admin"}
		same(t, s, u)
	})
}

func TestF13ReadOnly(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		setup := open(t, d)
		u := create(t, setup, newUser())
		token, err := newTokens(t, setup).Issue(t.Context(), u.ID, password.PurposeReset, "")
		must(t, err)
		s, err := sqlstore.New(d.OpenReadOnly(t), d.Dialect, sqlstore.Config{Timeout: time.Second})
		must(t, err)
		ctx := t.Context()
		same(t, s, u)
		_, createErr := s.Create(ctx, newUser())
		_, consumeErr := newTokens(t, s).Consume(ctx, password.PurposeReset, token)
		for doing, err := range map[string]error{
			"Create":      createErr,
			"SetPassword": s.SetPassword(ctx, u.ID, u.Hash, "new", time.Time{}),
			"SetEmail":    s.SetEmail(ctx, u.ID, u.Canonical, "a@example.com", "a@example.com"),
			"SetRoles":    s.SetRoles(ctx, u.ID, nil),
			"SetDisabled": s.SetDisabled(ctx, u.ID, true),
			"Delete":      s.Delete(ctx, u.ID),
			"Consume":     consumeErr,
			"Void":        s.Tokens().Void(ctx, u.ID),
			"Void of one": s.Tokens().Void(ctx, u.ID, password.PurposeReset),
			"Put":         s.Tokens().Put(ctx, password.Token{Subject: "x", Purpose: "reset"}),
		} {
			for _, answer := range []error{nil, account.ErrNotFound, account.ErrExists, account.ErrConflict, password.ErrToken} {
				if errors.Is(err, answer) {
					t.Errorf("I1 %s: %v, want the store's failure", doing, err)
				}
			}
		}
		same(t, setup, u)
		if _, err := newTokens(t, setup).Consume(ctx, password.PurposeReset, token); err != nil {
			t.Error(err)
		}
	})
}

// A client that goes away at any moment leaves a write done and told so, or not
// done and told so.
func TestF15Cancelled(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		n := testkit.Volume(60)
		begin := time.Now()
		for range 5 {
			must(t, s.SetRoles(t.Context(), create(t, s, newUser()).ID, nil))
		}
		took := time.Since(begin) / 10
		done := 0
		for i := range n {
			u, fresh := create(t, s, newUser()), newUser()
			tok := password.Token{Hash: [32]byte([]byte(fresh.ID + fresh.ID)[:32]), Subject: u.ID, Purpose: "reset", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
			must(t, s.Tokens().Put(t.Context(), tok))
			for doing, call := range map[string]struct {
				do    func(ctx context.Context) error
				isNow func() bool
			}{
				"Create": {
					func(ctx context.Context) error { _, err := s.Create(ctx, fresh); return err },
					func() bool { _, err := s.Find(t.Context(), fresh.ID); return err == nil },
				},
				"SetPassword": {
					func(ctx context.Context) error { return s.SetPassword(ctx, u.ID, u.Hash, "new", time.Time{}) },
					func() bool { got, _ := s.Find(t.Context(), u.ID); return got.Hash == "new" },
				},
				"Consume": {
					func(ctx context.Context) error {
						_, err := s.Tokens().Consume(ctx, tok.Hash, tok.Purpose, tok.CreatedAt)
						return err
					},
					func() bool {
						_, err := s.Tokens().Find(t.Context(), tok.Hash, tok.Purpose, tok.CreatedAt)
						return err != nil
					},
				},
			} {
				ctx, cancel := context.WithCancel(t.Context())
				timer := time.AfterFunc(took*time.Duration(i)/time.Duration(n), cancel)
				err := call.do(ctx)
				timer.Stop()
				cancel()
				if err == nil {
					done++
				}
				if (err == nil) != call.isNow() || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%s: told %v, and it is done: %v", doing, err, call.isNow())
				}
			}
		}
		t.Logf("%d of %d were done", done, 3*n)
	})
}
