package authtest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/account"
)

// A Mailbox is an account.Mailer that keeps all mail, for the test to read:
//
//	var mail authtest.Mailbox
//	outbox, err := account.NewOutbox(&mail, account.OutboxConfig{})
//	...
//	b.PostJSON("/forgot-password", map[string]string{"email": "alice@example.com"}).Want(http.StatusAccepted)
//	token := mail.Next(t, "alice@example.com").Token
//
// The zero value is ready. It is safe for concurrent use, and must not be copied.
type Mailbox struct {
	mu      sync.Mutex
	unread  []account.Message // the oldest first
	arrived chan struct{}     // closed by the next Send; nil if nobody waits
}

// Send implements account.Mailer.
func (m *Mailbox) Send(ctx context.Context, msg account.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unread = append(m.unread, msg)
	if m.arrived != nil {
		close(m.arrived)
		m.arrived = nil
	}
	return nil
}

// patience is how long Next waits.
const patience = 10 * time.Second

// Next returns the oldest mail to that address, in any case, that it has not
// returned before. An account.Outbox sends mail after the response, so Next waits
// for it, and ends the test if none comes within 10 seconds. A goroutine other than
// the test's does not call it.
func (m *Mailbox) Next(t testing.TB, to string) account.Message {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		msg, ok, arrived := m.take(to)
		if ok {
			return msg
		}
		select {
		case <-arrived:
		case <-late.C:
			t.Fatalf("no mail to %s within %v; unread: %v", to, patience, m.envelopes())
		}
	}
}

// take removes the oldest mail to that address, or tells when more has arrived.
func (m *Mailbox) take(to string) (msg account.Message, ok bool, arrived <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.unread, func(msg account.Message) bool { return strings.EqualFold(msg.To, to) })
	if i < 0 {
		if m.arrived == nil {
			m.arrived = make(chan struct{})
		}
		return account.Message{}, false, m.arrived
	}
	msg = m.unread[i]
	m.unread = slices.Delete(m.unread, i, i+1)
	return msg, true, nil
}

// Unread returns the mail that Next has not, the oldest first. It does not wait:
// to prove that there is none, close the Outbox first, which sends what it has.
func (m *Mailbox) Unread() []account.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.unread)
}

// envelopes describes the unread mail, without secrets.
func (m *Mailbox) envelopes() []string {
	var list []string
	for _, msg := range m.Unread() {
		list = append(list, string(msg.Kind)+" to "+msg.To)
	}
	return list
}
