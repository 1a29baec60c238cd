package oidc

import (
	"net/url"
	"strings"
	"unicode"

	"github.com/go-sallyport/auth/oauth"
)

const (
	maxEmail = 254  // RFC 5321 §4.5.3.1.3
	maxName  = 1024 // bytes of any other text of a profile
)

// identity makes the identity of claims that were checked. What is only for display
// and malformed is left out.
func (p *Provider) identity(c claims, g *oauth.Grant) (*oauth.Identity, error) {
	id := &oauth.Identity{Claims: c}
	var err error
	for name, to := range map[string]*string{"iss": &id.Issuer, "sub": &id.Subject, "acr": &id.ACR, "sid": &id.SessionID} {
		if *to, err = c.text(name); err != nil {
			return nil, err
		}
	}
	if id.AuthTime, err = c.date("auth_time"); err != nil {
		return nil, err
	}
	id.Methods, _ = c.list("amr") // nothing is decided by it; some providers write text
	if email := display(c, "email"); isAddress(email) {
		id.Email = email
		if p.special.mail != nil {
			id.EmailVerified = p.special.mail(c)
		} else {
			// JSON true and nothing that looks like it: "true" comes from whoever has
			// filled in a form.
			id.EmailVerified, _ = c["email_verified"].(bool)
		}
	}
	id.Name, id.Username = display(c, "name"), display(c, "preferred_username")
	if id.Username == "" {
		id.Username = display(c, "nickname")
	}
	if picture := display(c, "picture"); isWebPage(picture) {
		id.PictureURL = picture
	}
	if p.special.finish != nil {
		p.special.finish(id, g)
	}
	return id, nil
}

// display returns text that people see, or "".
func display(c claims, name string) string {
	s, _ := c[name].(string)
	return presentable(s)
}

func presentable(s string) string {
	if len(s) > maxName || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}

// isAddress refuses what could be another address to another reader: more than one @,
// white space, and letters beyond ASCII, of which many look alike.
func isAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && !strings.Contains(domain, "@") && len(s) <= maxEmail &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isWebPage(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}
