package running

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// A Mail is a message in the mailbox of development.
type Mail struct{ To, Subject, Body, Token string }

// Mailbox returns all mail, the newest first.
func (s *Server) Mailbox(t testing.TB) []Mail {
	t.Helper()
	c := s.Client()
	defer c.HTTP.CloseIdleConnections()
	a := c.Want(t, c.Call(t, "GET", "/dev/mailbox", nil), 200)
	var list []Mail
	if err := json.Unmarshal([]byte(a.Text), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// Token waits for mail to somebody whose subject has the words, and returns the
// token of its link. Mail is in the memory of the process that sent it.
func (s *Server) Token(t testing.TB, to, words string) string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		for _, m := range s.Mailbox(t) {
			if m.To == to && m.Token != "" && strings.Contains(strings.ToLower(m.Subject), strings.ToLower(words)) {
				return m.Token
			}
		}
	}
	t.Fatalf("no mail to %s about %q\n%s", to, words, tail(s.Log()))
	return ""
}

// Credentials are the body of a login.
func Credentials(email, password string) map[string]string {
	return map[string]string{"email": email, "password": password}
}

// Register makes an account whose address is confirmed.
func (s *Server) Register(t testing.TB, email, password string) {
	t.Helper()
	c := s.Client()
	c.Want(t, c.Call(t, "POST", "/api/v1/auth/register", Credentials(email, password)), 202)
	c.Want(t, c.Call(t, "POST", "/api/v1/auth/verify-email", map[string]string{"token": s.Token(t, email, "")}), 204)
}

// Member registers somebody and signs in.
func (s *Server) Member(t testing.TB, email, password string) *Client {
	t.Helper()
	s.Register(t, email, password)
	return s.Login(t, email, password)
}

// Login returns a client with a session.
func (s *Server) Login(t testing.TB, email, password string) *Client {
	t.Helper()
	c := s.Client()
	c.Want(t, c.Call(t, "POST", "/api/v1/auth/login", Credentials(email, password)), 200)
	return c
}

// Administrator returns a client with a session of the administrator.
func (s *Server) Administrator(t testing.TB) *Client {
	t.Helper()
	return s.Login(t, AdminEmail, s.Admin)
}

// TokenFor signs in for an access token; the client holds the refresh cookie.
func (s *Server) TokenFor(t testing.TB, email, password string) (*Client, string) {
	t.Helper()
	c := s.Client()
	a := c.Want(t, c.Call(t, "POST", "/api/v1/auth/token", Credentials(email, password)), 200)
	return c, a.String("access_token")
}
