package passwordsql_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/sqlstore"
)

// Whichever answer of the database is lost, a call says what is so.
func TestF03LostReplies(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		calm := open(t, d)
		pool := d.OpenLossy(t)
		s, err := sqlstore.New(pool.DB, d.Dialect, sqlstore.Config{Timeout: sqltest.Patient})
		must(t, err)
		ctx := t.Context()
		for doing, c := range map[string]struct {
			call func(u account.User) error
			want func(u *account.User)
		}{
			"SetPassword": {
				func(u account.User) error { return s.SetPassword(ctx, u.ID, u.Hash, "new", time.Time{}) },
				func(u *account.User) { u.Hash = "new" },
			},
			"SetEmail": {
				func(u account.User) error { return s.SetEmail(ctx, u.ID, u.Canonical, "X"+u.Email, "x"+u.Canonical) },
				func(u *account.User) { u.Email, u.Canonical = "X"+u.Email, "x"+u.Canonical },
			},
			"SetRoles":    {func(u account.User) error { return s.SetRoles(ctx, u.ID, nil) }, func(u *account.User) { u.Roles = nil }},
			"SetDisabled": {func(u account.User) error { return s.SetDisabled(ctx, u.ID, false) }, func(*account.User) {}},
			"Void":        {func(u account.User) error { return s.Tokens().Void(ctx, u.ID) }, func(*account.User) {}},
			"Void of one": {func(u account.User) error { return s.Tokens().Void(ctx, u.ID, password.PurposeReset) }, func(*account.User) {}},
			"Delete":      {func(u account.User) error { return s.Delete(ctx, u.ID) }, nil},
		} {
			for k, more := 0, true; more; k++ {
				u := create(t, calm, newUser())
				token, err := newTokens(t, calm).Issue(ctx, u.ID, password.PurposeReset, "")
				must(t, err)
				more, err = pool.Losing(k, func() error { return c.call(u) })
				if err != nil {
					t.Errorf("%s, answer %d lost: %v", doing, k, err)
				}
				if c.want == nil {
					_, err := calm.Find(ctx, u.ID)
					want(t, doing, err, account.ErrNotFound)
				} else {
					c.want(&u)
					same(t, calm, u)
				}
				if strings.HasPrefix(doing, "Void") || doing == "Delete" {
					_, err := newTokens(t, calm).Consume(ctx, password.PurposeReset, token)
					want(t, doing, err, password.ErrToken)
				}
				if k == 0 && !more || k > 9 {
					t.Fatalf("%s has %d writes", doing, k)
				}
			}
		}
		t.Run("Create finds its own user, and no other", func(t *testing.T) {
			u := newUser()
			if lost, err := pool.Losing(0, func() error { _, err := s.Create(ctx, u); return err }); !lost || err != nil {
				t.Errorf("%v, %v", lost, err)
			}
			same(t, calm, u)
			other := newUser()
			other.Canonical = u.Canonical
			_, err := pool.Losing(0, func() error { _, err := s.Create(ctx, other); return err })
			if err == nil {
				t.Error("an address was given twice")
			}
			_, err = calm.Find(ctx, other.ID)
			want(t, "the other", err, account.ErrNotFound)
		})
		t.Run("I3 Put is repeated; Consume is not, and nobody has the token", func(t *testing.T) {
			tokens := newTokens(t, s)
			var token string
			lost, err := pool.Losing(0, func() (err error) {
				token, err = tokens.Issue(ctx, "u", password.PurposeReset, "")
				return err
			})
			if !lost || err != nil {
				t.Fatalf("%v, %v", lost, err)
			}
			lost, err = pool.Losing(0, func() error { _, err := tokens.Consume(ctx, password.PurposeReset, token); return err })
			if !lost || err == nil || errors.Is(err, password.ErrToken) {
				t.Errorf("%v, %v; want the store's failure", lost, err)
			}
			_, err = newTokens(t, calm).Consume(ctx, password.PurposeReset, token)
			want(t, "Consume again", err, password.ErrToken)
		})
	})
}
