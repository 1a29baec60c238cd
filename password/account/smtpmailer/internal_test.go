package smtpmailer

import (
	"errors"
	"net/smtp"
	"testing"
)

// New lets no login go without TLS; if it did, this is where it would end.
func TestLoginWantsTLS(t *testing.T) {
	for _, method := range []string{"PLAIN", "LOGIN"} {
		_, sent, err := newLogin(method, "shop", "password").Start(&smtp.ServerInfo{Name: "localhost", Auth: []string{method}})
		if !errors.Is(err, errClear) || len(sent) != 0 {
			t.Errorf("%s: %q, %v", method, sent, err)
		}
	}
}
