package accounts

import (
	"encoding/json"
	"testing"
	"time"
)

// A letter is a message in the mailbox of development.
type letter struct{ Kind, To, Subject, Body, Token string }

// patience bounds what is waited for.
const patience = 60 * time.Second

// mailbox returns all mail of all processes, the newest first in each.
func (s *site) mailbox(t testing.TB) []letter {
	t.Helper()
	c := s.Client()
	defer c.HTTP.CloseIdleConnections()
	var all []letter
	for i := range 2 {
		if i == 1 && s.two == nil {
			break
		}
		a := c.Want(t, s.turn(c, i).Call(t, "GET", "/dev/mailbox", nil), 200)
		var list []letter
		if err := json.Unmarshal([]byte(a.Text), &list); err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	for _, m := range all {
		s.told.add(m.Token)
	}
	return all
}

// sent returns the mail of a kind to somebody that is there now.
func (s *site) sent(t testing.TB, to, kind string) (list []letter) {
	t.Helper()
	for _, m := range s.mailbox(t) {
		if m.To == to && m.Kind == kind {
			list = append(list, m)
		}
	}
	return list
}

// mail waits until there are n messages of a kind to somebody.
func (s *site) mail(t testing.TB, to, kind string, n int) []letter {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		if list := s.sent(t, to, kind); len(list) >= n {
			return list
		}
	}
	t.Fatalf("no %d messages of kind %s to %s", n, kind, to)
	return nil
}

// reset asks for a reset and returns the token of the n-th link of that address.
func (s *site) reset(t testing.TB, email string, n int) string {
	t.Helper()
	c := s.visitor()
	empty(t, c.Call(t, "POST", v1+"/auth/forgot-password", object{"email": email}), 202)
	return s.mail(t, email, "reset", n)[0].Token
}
