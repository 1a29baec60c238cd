package apikeysql_test

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/sqlstore"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
)

// A call is one of a method that writes, and what is so then.
type call struct {
	name string
	do   func() error
	so   func() bool
}

// calls is one call of each method that writes, in an order in which each does
// something.
func calls(t *testing.T, s, calm apikey.Store, subject string) []call {
	t.Helper()
	ctx := t.Context()
	first, other := newKey(subject), newKey(subject)
	turn := rotation(first)
	at := now()
	find := func(id string) *apikey.Key {
		k, err := calm.Find(ctx, id)
		must(t, err)
		return k
	}
	return []call{
		{"Create", func() error { return s.Create(ctx, first, many) }, func() bool { return find(first.ID).Hash == first.Hash }},
		{"Create another", func() error { return s.Create(ctx, other, many) }, func() bool { return find(other.ID).Hash == other.Hash }},
		{"Touch", func() error { return s.Touch(ctx, []apikey.Use{{ID: first.ID, At: at}}) }, func() bool { return find(first.ID).LastUsedAt.Equal(at) }},
		{"Rotate", func() error { return s.Rotate(ctx, first.ID, turn) }, func() bool {
			return find(first.ID).Successor == turn.Next.ID && find(turn.Next.ID).Predecessor == first.ID
		}},
		{"Expire", func() error { return s.Expire(ctx, other.ID, at.Add(time.Minute)) }, func() bool { return find(other.ID).ExpiresAt.Equal(at.Add(time.Minute)) }},
		{"Revoke", func() error { return s.Revoke(ctx, other.ID, at) }, func() bool { return find(other.ID).RevokedAt.Equal(at) }},
		{"RevokeAll", func() error { return s.RevokeAll(ctx, subject, "", at) }, func() bool { return find(turn.Next.ID).RevokedAt.Equal(at) }},
	}
}

// Whichever answer of the database is lost, a call says what is so.
func TestF03LostReplies(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		t.Run("F03 I3", func(t *testing.T) {
			calm, pool := open(t, d), d.OpenLossy(t)
			s, err := sqlstore.New(pool.DB, d.Dialect, sqlstore.Config{Timeout: sqltest.Patient})
			must(t, err)
			lost := map[string]int{}
			for k := range 6 {
				for _, c := range calls(t, s, calm, "u-lost") {
					gone, err := pool.Losing(k, c.do)
					if gone {
						lost[c.name]++
					}
					if err != nil {
						t.Errorf("%s, answer %d lost: %v", c.name, k, err)
					}
					if !c.so() {
						t.Errorf("%s, answer %d lost: it is not so", c.name, k)
					}
				}
			}
			for _, c := range calls(t, s, calm, "u-calm") {
				if lost[c.name] == 0 {
					t.Errorf("%s has no answer that was lost", c.name)
				}
				must(t, c.do())
			}
		})
	})
}
