package smtpmailer

import (
	"errors"
	"net/smtp"
	"strings"
)

// A login answers AUTH PLAIN (RFC 4616) or LOGIN, the two that send the password
// as it is: it belongs into TLS and nowhere else. That of net/smtp knows no LOGIN
// and would speak in the clear on loopback.
type login struct {
	method             string
	username, password string
	asked              int
}

// newLogin chooses a method of those that the server offers, or none.
func newLogin(offered, username, password string) smtp.Auth {
	for _, method := range []string{"PLAIN", "LOGIN"} {
		for name := range strings.FieldsSeq(offered) {
			if strings.EqualFold(name, method) {
				return &login{method: method, username: username, password: password}
			}
		}
	}
	return nil
}

var (
	errClear     = errors.New("smtpmailer: a password is sent through TLS only")
	errChallenge = errors.New("smtpmailer: the server asks for more than a username and a password")
)

// Start implements smtp.Auth.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case !server.TLS:
		return "", nil, errClear
	case l.method == "PLAIN":
		return l.method, []byte("\x00" + l.username + "\x00" + l.password), nil
	}
	return l.method, nil, nil
}

// Next implements smtp.Auth.
func (l *login) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	l.asked++
	switch {
	case l.method == "PLAIN" || l.asked > 2:
		return nil, errChallenge
	case l.asked == 1:
		return []byte(l.username), nil
	}
	return []byte(l.password), nil
}
