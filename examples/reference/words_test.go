package main

import (
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/problem"
)

func TestWords(t *testing.T) {
	s := start(t)
	c := s.member("alice@example.com", "correct horse battery staple")
	wrong := html.EscapeString(said[problem.InvalidCredentials])
	t.Run("one sentence for a wrong password, beside an address or alone", func(t *testing.T) {
		login := c.want(s.caller().post("/login", url.Values{"email": {"alice@example.com"}, "password": {"not the one"}}), 401)
		change := c.want(c.post("/account/password", url.Values{"current_password": {"not the one"}, "password": {"another horse battery staple"}}), 401)
		for _, a := range []answer{login, change} {
			if !strings.Contains(a.body, wrong) || strings.Contains(wrong, "address") {
				t.Error(a.body)
			}
		}
	})
	t.Run("the page of tokens brings the sentences for its script", func(t *testing.T) {
		page := html.UnescapeString(c.want(c.page("/tokens"), 200).body)
		for _, want := range []string{
			`"INVALID_CREDENTIALS":"` + said[problem.InvalidCredentials],
			`"TOO_MANY_REQUESTS":"` + said[problem.TooManyRequests], // the script adds for how long
			`"FORBIDDEN":"` + advised[problem.Forbidden],
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s is not in %s", want, page)
			}
		}
	})
}
