package main

import (
	"net/url"
	"strings"
	"testing"
)

// breakStore takes the table of sessions away until the returned function is called.
func (s *site) breakStore(t *testing.T) (repair func()) {
	t.Helper()
	rename := func(from, to string) {
		if err := s.service.stores.exec(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
			t.Fatal(err)
		}
	}
	rename("auth_sessions", "away")
	return func() { rename("away", "auth_sessions") }
}

func TestSignOutFails(t *testing.T) {
	s := start(t)
	s.member(alice, first)
	const said = "end it in the list of your sessions"
	for name, leave := range map[string]func(c *caller) answer{
		"a client": func(c *caller) answer {
			return c.want(c.call("POST", "/api/v1/auth/logout", nil), 503, "UNAVAILABLE")
		},
		"a page": func(c *caller) answer { return c.want(c.post("/logout", url.Values{}), 503) },
	} {
		t.Run("SES-08 S05 "+name+" is told that the session may still be good, and what ends it", func(t *testing.T) {
			c := s.caller()
			c.login(alice, first)
			copied := s.caller()
			copied.http.Jar.SetCookies(mustURL(t, s.url), c.http.Jar.Cookies(mustURL(t, s.url)))
			repair := s.breakStore(t)
			a := leave(c)
			repair()
			if !strings.Contains(a.body, said) || a.Header.Get("Retry-After") == "" {
				t.Errorf("%v %s", a.Header, a.body)
			}
			c.want(c.call("GET", "/api/v1/profile", nil), 401) // this browser has forgotten it
			copied.want(copied.call("GET", "/api/v1/profile", nil), 200)
			c.login(alice, first)
			c.want(c.call("DELETE", "/api/v1/sessions", nil), 204)
			copied.want(copied.call("GET", "/api/v1/profile", nil), 401)
		})
	}
}
