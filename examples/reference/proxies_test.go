package main

import (
	"fmt"
	"testing"
)

func TestProxies(t *testing.T) {
	behind := func(t *testing.T, proxies ...string) *site {
		t.Helper()
		return start(t, func(c *config) {
			args := []string{"-addr", c.Addr, "-db", c.DB, "-secrets", c.Secrets, "-base-url", "https://app.example.com"}
			for _, network := range proxies {
				args = append(args, "-proxies", network)
			}
			mail := map[string]string{"SMTP_URL": "smtp://127.0.0.1:1?from=no-reply@example.com"}
			var err error
			if *c, err = parseConfig(args, func(name string) string { return mail[name] }); err != nil {
				t.Fatal(err)
			}
		})
	}
	from := func(s *site, address string) *caller {
		c := s.caller()
		c.header.Set("X-Forwarded-For", address)
		c.header.Set("X-Forwarded-Proto", "https")
		return c
	}
	guesses := 0
	guess := func(c *caller) int { // at another account each time: those have limits of their own
		guesses++
		return c.call("POST", "/api/v1/auth/login", object{"email": fmt.Sprintf("user%d@example.com", guesses), "password": first}).StatusCode
	}
	refresh := func(c *caller) int { return c.call("POST", "/api/v1/auth/token/refresh", nil).StatusCode }

	for name, try := range map[string]func(c *caller) int{"guesses": guess, "refreshes": refresh} {
		t.Run("RLT-04 "+name+" are counted by client", func(t *testing.T) {
			s := behind(t, "10.0.0.0/8, 127.0.0.1/32", "192.0.2.0/24")
			one := from(s, "203.0.113.1, 192.0.2.7")
			for n := 0; try(one) == 401; n++ {
				if n > 100 {
					t.Fatal("there is no limit")
				}
			}
			if got := try(one); got != 429 {
				t.Fatalf("the one is answered with %d", got)
			}
			if got := try(from(s, "203.0.113.2, 192.0.2.7")); got != 401 {
				t.Errorf("the other is answered with %d", got)
			}
			if got := try(from(s, "198.51.100.9, 203.0.113.1")); got != 429 {
				t.Errorf("an address that the client made up is believed: %d", got)
			}
		})
	}
	t.Run("browsers are told to come by https only", func(t *testing.T) {
		if a := from(behind(t, "127.0.0.1/32"), "203.0.113.1").page("/login"); a.StatusCode != 200 || a.Header.Get("Strict-Transport-Security") == "" {
			t.Error(a.StatusCode, a.Header)
		}
	})
	t.Run("RLT-04 no proxy is trusted that was not named", func(t *testing.T) {
		s := behind(t)
		for n := 0; refresh(from(s, "203.0.113.1")) == 401; n++ {
			if n > 100 {
				t.Fatal("there is no limit")
			}
		}
		if got := refresh(from(s, "203.0.113.2")); got != 429 {
			t.Errorf("a made-up address is answered with %d", got)
		}
	})
}
