package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/password/account"
)

func send(t testing.TB, m *authtest.Mailbox, to, token string) {
	t.Helper()
	if err := m.Send(t.Context(), account.Message{Kind: account.MessageReset, To: to, Token: token}); err != nil {
		t.Error(err)
	}
}

func TestMailbox(t *testing.T) {
	var mail authtest.Mailbox
	send(t, &mail, "alice@example.com", "1")
	send(t, &mail, "bob@example.com", "2")
	send(t, &mail, "Alice@Example.com", "3")
	if got := mail.Unread(); len(got) != 3 || got[0].Token != "1" || got[2].Token != "3" {
		t.Errorf("%d unread", len(got))
	}
	for _, want := range []string{"1", "3"} {
		if got := mail.Next(t, "alice@example.com"); got.Token != want {
			t.Errorf("Next is %s, want %s", got.Token, want)
		}
	}
	if got := mail.Unread(); len(got) != 1 || got[0].To != "bob@example.com" {
		t.Errorf("%v unread", got)
	}
	mail.Unread()[0].To = "changed"
	if got := mail.Unread()[0].To; got != "bob@example.com" {
		t.Errorf("what it returned was its own: %s", got)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mail.Send(over, account.Message{To: "alice@example.com"}); !errors.Is(err, context.Canceled) || len(mail.Unread()) != 1 {
		t.Errorf("a cancelled Send: %v", err)
	}
}

func TestMailboxWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mail authtest.Mailbox
		go func() {
			time.Sleep(9 * time.Second)
			send(t, &mail, "bob@example.com", "1")
			send(t, &mail, "alice@example.com", "2")
		}()
		if got := mail.Next(t, "alice@example.com"); got.Token != "2" {
			t.Errorf("Next is %s", got.Token)
		}
	})
	t.Run("but not for ever, and says what else there is, without secrets", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			r := faketb.Run("TestX", func(t testing.TB) {
				var mail authtest.Mailbox
				send(t, &mail, "bob@example.com", "a-secret")
				mail.Next(t, "alice@example.com")
				t.Log("went on")
			})
			if !r.Failed || len(r.Log) != 1 || !strings.Contains(r.Log[0], "alice@example.com") || !strings.Contains(r.Log[0], "reset to bob@example.com") {
				t.Errorf("%+v", r)
			}
			if strings.Contains(fmt.Sprint(r.Log), "a-secret") {
				t.Error("a token is in the failure")
			}
			if waited := time.Since(began); waited != 10*time.Second {
				t.Errorf("waited %v", waited)
			}
		})
	})
}

// One mail goes to one reader, and nobody waits beside a mail that is there.
func TestMailboxConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mail authtest.Mailbox
		var wg sync.WaitGroup
		var mu sync.Mutex
		seen := make(map[string]int)
		for i := range 100 {
			wg.Go(func() {
				got := mail.Next(t, "alice@example.com").Token
				mu.Lock()
				defer mu.Unlock()
				seen[got]++
			})
			wg.Go(func() { send(t, &mail, "alice@example.com", strconv.Itoa(i)) })
		}
		wg.Wait()
		if len(seen) != 100 || len(mail.Unread()) != 0 {
			t.Errorf("100 mails became %d, and %d are unread", len(seen), len(mail.Unread()))
		}
	})
}
