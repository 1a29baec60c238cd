package oauthsql_test

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/sqlstore"
)

// Whichever answer of the database is lost, a call does its work once and says so.
func TestF03LostReplies(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		calm := open(t, d)
		pool := d.OpenLossy(t)
		s, err := sqlstore.New(pool.DB, d.Dialect, sqlstore.Config{Timeout: sqltest.Patient})
		must(t, err)
		ctx := t.Context()
		old, sealed := []byte("old"), []byte("new")
		for doing, c := range map[string]struct {
			call func(a oauth.Link) error
			left int // links of the user, of two
			kept string
		}{
			"Create":            {func(a oauth.Link) error { a.Subject += "-3"; return s.Create(ctx, a, 3) }, 3, "old"},
			"Delete":            {func(a oauth.Link) error { return s.Delete(ctx, a.User, a.Issuer, a.Subject, 1) }, 1, "old"},
			"Delete all":        {func(a oauth.Link) error { return s.DeleteAll(ctx, a.User) }, 0, "old"},
			"Put":               {func(a oauth.Link) error { return s.Tokens().Put(ctx, a.Issuer, a.Subject, sealed) }, 2, "new"},
			"Swap":              {func(a oauth.Link) error { return s.Tokens().Swap(ctx, a.Issuer, a.Subject, old, sealed) }, 2, "new"},
			"Delete of a token": {func(a oauth.Link) error { return s.Tokens().Delete(ctx, a.Issuer, a.Subject) }, 2, ""},
			"Consume": {func(a oauth.Link) error {
				id, expires := sha256.Sum256([]byte(a.Subject)), time.Now().Add(time.Minute)
				if err := s.Consumer().Consume(ctx, id, oauth.CallID{1}, expires); err != nil {
					return err
				}
				if err := calm.Consumer().Consume(ctx, id, oauth.CallID{2}, expires); !errors.Is(err, oauth.ErrConsumed) {
					return errors.New("I3 it is consumed twice")
				}
				return nil
			}, 2, "old"},
		} {
			for k, more := 0, true; more; k++ {
				user := "u-" + rand.Text()
				a, b := link(user, "s-"+rand.Text()), link(user, "s-"+rand.Text())
				must(t, calm.Create(ctx, a, 3))
				must(t, calm.Create(ctx, b, 3))
				must(t, calm.Tokens().Put(ctx, a.Issuer, a.Subject, old))
				var err error
				if more, err = pool.Losing(k, func() error { return c.call(a) }); err != nil {
					t.Errorf("%s, answer %d lost: %v", doing, k, err)
				}
				list, err := calm.List(ctx, user)
				if err != nil || len(list) != c.left {
					t.Errorf("%s, answer %d lost: %d links, %v; want %d", doing, k, len(list), err, c.left)
				}
				kept, err := calm.Tokens().Get(ctx, a.Issuer, a.Subject)
				if string(kept) != c.kept || (err != nil) != (c.kept == "") {
					t.Errorf("%s, answer %d lost: %q is kept, %v; want %q", doing, k, kept, err, c.kept)
				}
				if k > 20 {
					t.Fatalf("%s never ends", doing)
				}
			}
		}
	})
}
