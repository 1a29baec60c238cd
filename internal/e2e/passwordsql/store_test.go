package passwordsql_test

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	userstest "github.com/go-sallyport/auth/password/account/storetest"
	"github.com/go-sallyport/auth/password/sqlstore"
	"github.com/go-sallyport/auth/password/storetest"
)

func TestConformance(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) { conformance(t, d, d.Open(t)) })
}

func TestConformanceMySQLSettings(t *testing.T) { sqltest.RunMySQLSettings(t, conformance) }

func conformance(t *testing.T, d *sqltest.Database, pool *sql.DB) {
	s := on(t, d, pool, sqlstore.Config{})
	userstest.Run(t, func(*testing.T) account.Store { return s })
	storetest.RunTokens(t, func(*testing.T) password.TokenStore { return s.Tokens() })
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
		if _, err := s.Find(t.Context(), "x"); err == nil || errors.Is(err, account.ErrNotFound) || !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("without tables: %v, want the store's failure and what to do", err)
		}
		a, b := on(t, d, pool, sqlstore.Config{Prefix: "a_"}), on(t, d, pool, sqlstore.Config{Prefix: "b_"})
		must(t, a.Migrate(t.Context()))
		u := create(t, a, newUser())
		_, err = b.Find(t.Context(), u.ID)
		want(t, "the other prefix", err, account.ErrNotFound)
	})
}

func TestAdmin(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		now := time.Date(2030, 1, 2, 3, 4, 5, 6_789_000, time.UTC)
		s := on(t, d, d.Open(t), sqlstore.Config{Now: func() time.Time { return now }})
		ctx := t.Context()
		var users []account.User
		for i := range 25 {
			u := newUser()
			u.Canonical = fmt.Sprintf("user-%02d@example.com", 24-i)
			u.Disabled, u.Verified = i%2 == 0, i%3 == 0
			users = append(users, create(t, s, u))
		}
		slices.Reverse(users)
		t.Run("every user is on one page", func(t *testing.T) {
			var got []account.User
			for after := ""; ; {
				page, err := s.List(ctx, after, 7)
				must(t, err)
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				after = page[len(page)-1].Canonical
			}
			if len(got) != len(users) {
				t.Fatalf("%d users, want %d", len(got), len(users))
			}
			for i, u := range users {
				u.Hash = "" // PWD-15: no page needs it
				if !equal(got[i], u) {
					t.Errorf("%d: %+v, want %+v", i, got[i], u)
				}
			}
			for _, limit := range []int{-1, 0} {
				if page, err := s.List(ctx, "", limit); err != nil || len(page) != 0 {
					t.Error(limit, len(page), err)
				}
			}
			if _, err := s.List(ctx, "\xff", 1); err == nil {
				t.Error("broken UTF-8 was taken")
			}
		})
		t.Run("RBC-06 roles are replaced", func(t *testing.T) {
			u := users[3]
			for _, roles := range [][]string{{"admin", "Ümlaut \"quoted\" \\ '"}, nil, {"manager"}} {
				for range 2 { // MySQL counts no row that stays as it is
					must(t, s.SetRoles(ctx, u.ID, roles))
				}
				u.Roles = roles
				same(t, s, u)
			}
			same(t, s, users[4])
			want(t, "SetRoles of nobody", s.SetRoles(ctx, "nobody", nil), account.ErrNotFound)
			for _, bad := range [][]string{{"a\x00"}, {"\xff"}, {strings.Repeat("x", 256)}, make([]string, 1001)} {
				if err := s.SetRoles(ctx, u.ID, bad); err == nil {
					t.Errorf("%.20q was taken", bad)
				}
			}
			same(t, s, u)
		})
		t.Run("SES-17 disabling ends credentials, and enabling brings none back", func(t *testing.T) {
			u := users[5]
			for range 2 {
				must(t, s.SetDisabled(ctx, u.ID, true))
			}
			u.Disabled, u.ValidAfter = true, now.Truncate(time.Millisecond)
			same(t, s, u)
			now = now.Add(-time.Hour)
			must(t, s.SetDisabled(ctx, u.ID, true))
			same(t, s, u)
			must(t, s.SetDisabled(ctx, u.ID, false))
			u.Disabled = false
			same(t, s, u)
			same(t, s, users[6])
			want(t, "SetDisabled of nobody", s.SetDisabled(ctx, "nobody", true), account.ErrNotFound)
		})
	})
}

func TestHostileValues(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		ctx := t.Context()
		bystander := create(t, s, newUser())
		t.Run("P16 what not every server keeps as it is is refused, and found nowhere", func(t *testing.T) {
			for _, evil := range []string{"\x00", "a\x00@example.com", "\xff", strings.Repeat("x", 256), strings.Repeat("x", 10<<10)} {
				for name, change := range map[string]func(*account.User){
					"id": func(u *account.User) { u.ID = evil }, "email": func(u *account.User) { u.Email = evil },
					"canonical": func(u *account.User) { u.Canonical = evil }, "hash": func(u *account.User) { u.Hash = evil },
					"roles": func(u *account.User) { u.Roles = []string{evil} },
				} {
					u := newUser()
					change(&u)
					if _, err := s.Create(ctx, u); err == nil || errors.Is(err, account.ErrExists) {
						t.Errorf("%s %.20q: %v", name, evil, err)
					}
				}
				_, err := s.Find(ctx, evil)
				want(t, "Find", err, account.ErrNotFound)
				_, err = s.FindByEmail(ctx, evil)
				want(t, "FindByEmail", err, account.ErrNotFound)
				want(t, "SetPassword", s.SetPassword(ctx, evil, "", "h", time.Time{}), account.ErrNotFound)
				want(t, "SetPassword from it", s.SetPassword(ctx, bystander.ID, evil, "h", time.Time{}), account.ErrConflict)
				want(t, "SetEmail from it", s.SetEmail(ctx, bystander.ID, evil, "a@example.com", "a@example.com"), account.ErrConflict)
				if s.SetPassword(ctx, bystander.ID, bystander.Hash, evil, time.Time{}) == nil || s.SetEmail(ctx, bystander.ID, bystander.Canonical, evil, evil) == nil {
					t.Errorf("%.20q was taken", evil)
				}
				must(t, s.Delete(ctx, evil))
				must(t, s.Tokens().Void(ctx, evil))
				must(t, s.Tokens().Void(ctx, bystander.ID, password.Purpose(evil)))
				if s.Tokens().Put(ctx, password.Token{Subject: evil, Purpose: "reset", ExpiresAt: time.Now().Add(time.Hour)}) == nil {
					t.Error("a token of it was taken")
				}
				_, err = s.Tokens().Find(ctx, [32]byte{}, password.Purpose(evil), time.Now())
				want(t, "Find a token", err, password.ErrToken)
			}
			for _, u := range []account.User{{}, {ID: "x"}, {Canonical: "x"}} {
				if _, err := s.Create(ctx, u); err == nil {
					t.Errorf("%+v was created", u)
				}
			}
			same(t, s, bystander)
		})
		t.Run("LNK-08 what a collation takes for one is two", func(t *testing.T) {
			var made []account.User
			for _, local := range []string{"strasse", "straße", "STRASSE", "strasse ", "straſſe", "strásse", "stra\u0301sse", "ｓtrasse", "strasse\u200b", "str_sse", "str%sse", "strasse\\", "i", "ı", "I", "İ"} {
				u := newUser()
				u.Canonical = local
				made = append(made, create(t, s, u))
			}
			for _, u := range made {
				got, err := s.FindByEmail(ctx, u.Canonical)
				if err != nil || got.ID != u.ID {
					t.Errorf("%q: %s, %v", u.Canonical, got.ID, err)
				}
			}
		})
		t.Run("long and odd values come back as they were", func(t *testing.T) {
			u := newUser()
			u.ID, u.Email, u.Hash = strings.Repeat("i", 255), strings.Repeat("ä", 127), strings.Repeat("$", 255)
			u.Canonical = strings.Repeat("c", 251) + "🔑"
			u.Roles = []string{"", " ", "ünïcödé 🔑", `"\'%_`, strings.Repeat("r", 255)}
			u.CreatedAt, u.ValidAfter = time.Date(1969, 12, 31, 23, 59, 59, 999000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
			same(t, s, create(t, s, u))
		})
	})
}

func TestTokens(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		pool := d.Open(t)
		s := on(t, d, pool, sqlstore.Config{})
		ctx := t.Context()
		t.Run("RST-02 the table has a hash and not the token", func(t *testing.T) {
			u := create(t, s, newUser())
			token, err := newTokens(t, s).Issue(ctx, u.ID, password.PurposeReset, "b")
			must(t, err)
			var hash, binding []byte
			must(t, pool.QueryRowContext(ctx, "SELECT hash, binding FROM auth_user_tokens").Scan(&hash, &binding))
			if sum := sha256.Sum256([]byte(token)); string(hash) != string(sum[:]) || string(binding) != "b" {
				t.Errorf("%x %q", hash, binding)
			}
		})
		t.Run("the tokens of a user go with the user", func(t *testing.T) {
			u, other := create(t, s, newUser()), create(t, s, newUser())
			tokens := newTokens(t, s)
			for _, id := range []string{u.ID, other.ID} {
				_, err := tokens.Issue(ctx, id, password.PurposeReset, "")
				must(t, err)
			}
			before := sqltest.Count(t, pool, "auth_user_tokens")
			must(t, s.Delete(ctx, u.ID))
			if n := sqltest.Count(t, pool, "auth_user_tokens"); n != before-1 {
				t.Errorf("%d rows of %d", n, before)
			}
			same(t, s, other)
		})
		t.Run("F28 RST-04 expired tokens are swept as others are put, and live ones stay", func(t *testing.T) {
			s := on(t, d, pool, sqlstore.Config{Prefix: "swept_"})
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			token := func(i int, at time.Time, ttl time.Duration) password.Token {
				tok := password.Token{Subject: fmt.Sprint("u-", i), Purpose: password.PurposeReset, CreatedAt: at, ExpiresAt: at.Add(ttl)}
				tok.Hash[0], tok.Hash[1] = byte(i), byte(i>>8)
				return tok
			}
			put := func(i int, at time.Time, ttl time.Duration) password.Token {
				tok := token(i, at, ttl)
				must(t, s.Tokens().Put(ctx, tok))
				return tok
			}
			sqltest.Together(10, func(worker int) { // most of a Put is to wait for the disk
				for i := worker; i < 1100; i += 10 {
					if err := s.Tokens().Put(ctx, token(i, now, time.Minute)); err != nil {
						t.Error(err)
					}
				}
			})
			live := put(2000, now, 10*time.Hour)
			for i := range 2 { // two batches of 500, and what is left a minute later
				put(3000+i, now.Add(time.Hour), time.Hour)
			}
			if n := sqltest.Count(t, pool, "swept_user_tokens"); n != 103 {
				t.Errorf("%d rows, want 103", n)
			}
			put(3002, now.Add(time.Hour+time.Second), time.Hour)
			put(3003, now.Add(time.Hour+2*time.Minute), time.Hour)
			if n := sqltest.Count(t, pool, "swept_user_tokens"); n != 5 {
				t.Errorf("%d rows, want 5", n)
			}
			got, err := s.Tokens().Consume(ctx, live.Hash, live.Purpose, now.Add(2*time.Hour))
			if err != nil || got != live {
				t.Errorf("%+v, %v", got, err)
			}
		})
	})
}
