package passwordsql_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/sqlstore"
)

// A cheapHasher is a Hasher without the work, so that most of a reset is steps of
// the store.
type cheapHasher struct{}

func (cheapHasher) Hash(context.Context, string) (string, error) { return "new " + rand.Text(), nil }
func (cheapHasher) Verify(context.Context, string, string) (ok, outdated bool, err error) {
	return false, false, password.ErrUnknownScheme
}

// resetAll is a process that resets one password after the other, by the link in
// the mail. It notes what it has answered in a file.
func resetAll(c *sqltest.Child) error {
	s, tokens, err := child(c)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.Args[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	links := make(chan string, 1)
	outbox, err := account.NewOutbox(account.MailerFunc(func(_ context.Context, m account.Message) error {
		if m.Kind == account.MessageReset {
			links <- m.Token
		}
		return nil
	}), account.OutboxConfig{})
	if err != nil {
		return err
	}
	accounts, err := account.New(s, account.Config{BaseURL: "https://shop.example", Key: []byte("0123456789abcdef0123456789ABCDEF"), Outbox: outbox, Tokens: tokens, Hasher: cheapHasher{}})
	if err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	ctx := context.Background()
	for i := 0; ; i++ {
		u, err := s.Find(ctx, strconv.Itoa(i))
		if errors.Is(err, account.ErrNotFound) {
			return nil // all are done
		}
		if err != nil {
			return err
		}
		if _, err := tokens.Issue(ctx, u.ID, password.PurposeChangeEmail, ""); err != nil {
			return err
		}
		if err := accounts.RequestReset(ctx, account.Client{}, u.Email); err != nil {
			return err
		}
		if err := accounts.ResetPassword(ctx, account.Client{}, <-links, "seven purple ducks at dawn"); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(file, u.ID); err != nil {
			return err
		}
	}
}

func TestF14KilledDuringResets(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		states := map[string]int{}
		for round := range 6 {
			own := d.Fresh(t)
			pool := own.Open(t)
			s := on(t, own, pool, sqlstore.Config{})
			users := make([]account.User, 300)
			sqltest.Together(10, func(worker int) { // most of a Create is to wait for the disk
				for i := worker; i < len(users); i += 10 {
					users[i] = newUser()
					users[i].ID = strconv.Itoa(i)
					if _, err := s.Create(t.Context(), users[i]); err != nil {
						t.Error(err)
					}
				}
			})
			text := own.Crash(t, time.Duration(20+17*round)*time.Millisecond, "reset")
			told := map[string]bool{}
			for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
				told[lines.Text()] = true
			}
			resetsOf, othersOf := tokensOf(t, pool)
			for _, before := range users {
				resets, others := resetsOf[before.ID], othersOf[before.ID]
				got, err := s.Find(t.Context(), before.ID)
				must(t, err)
				changed, ended := strings.HasPrefix(got.Hash, "new "), !got.ValidAfter.Equal(before.ValidAfter)
				state := fmt.Sprintf("changed %v, ended %v, reset tokens %d, other tokens %d, answered %v", changed, ended, resets, others, told[before.ID])
				states[state]++
				switch {
				case changed != ended:
					t.Errorf("RST-05 a changed password with live sessions: %s", state)
				case changed && resets > 0:
					t.Errorf("RST-05 a changed password with a live token: %s", state)
				case told[before.ID] && (!changed || others > 0):
					t.Errorf("I2 answered and not done: %s", state)
				}
			}
		}
		for state, n := range states {
			t.Logf("%4d: %s", n, state)
		}
		if len(states) < 2 {
			t.Error("nothing was tested")
		}
	})
}

// tokensOf counts the tokens of each subject: those of a reset, and all others.
func tokensOf(t *testing.T, pool *sql.DB) (resets, others map[string]int) {
	t.Helper()
	resets, others = make(map[string]int), make(map[string]int)
	rows, err := pool.QueryContext(t.Context(), "SELECT subject, purpose FROM auth_user_tokens")
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var subject, purpose string
		must(t, rows.Scan(&subject, &purpose))
		if purpose == "reset" {
			resets[subject]++
		} else {
			others[subject]++
		}
	}
	must(t, rows.Err())
	return resets, others
}
