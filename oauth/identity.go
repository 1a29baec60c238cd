package oauth

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// check holds what a Provider says to what Identity promises.
func (id *Identity) check(now time.Time) error {
	switch {
	case id == nil:
		return fmt.Errorf("%w: there is none", ErrIdentity)
	case id.Issuer == "" || len(id.Issuer) > MaxIssuerBytes || !isVisible(id.Issuer):
		return fmt.Errorf("%w: its issuer is empty or too long", ErrIdentity)
	case id.Subject == "" || len(id.Subject) > MaxSubjectBytes || !isVisible(id.Subject):
		return fmt.Errorf("%w: its subject is empty, too long or not ASCII", ErrIdentity)
	case id.AuthTime.After(now.Add(maxSkew)):
		return fmt.Errorf("%w: the user will have proved it in the future", ErrIdentity)
	case id.Email == "" && id.EmailVerified:
		return fmt.Errorf("%w: no address is verified", ErrIdentity)
	}
	return nil
}

// label is what Link.Label says of id: text that every store keeps and a terminal shows.
func (id *Identity) label() string {
	for _, s := range []string{id.Username, id.Email, id.Name} {
		if s != "" && len(s) <= MaxLabelBytes && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) {
			return s
		}
	}
	return ""
}
