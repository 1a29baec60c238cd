package faults

import (
	"fmt"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
)

func TestCut(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	users := map[string]*running.Client{}
	for i := range 3 {
		email := fmt.Sprintf("user%d@example.com", i)
		users[email] = srv.Member(t, email, words)
	}
	lengths := []int{1, 2, 3, 7, 13, 31, 50, 64, 100, 150, 200}
	if running.Long() {
		lengths = nil
		for n := 1; n <= 200; n++ {
			lengths = append(lengths, n)
		}
	}
	corpus.Case(t, "F04", "a connection to Redis or PostgreSQL is cut after n bytes of either direction", "everybody gets their own answer or a 503", func(t *testing.T) {
		struck := int64(0)
		for _, proxy := range []*faultproxy.Proxy{s.redis, s.db} {
			for _, n := range lengths {
				for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
					before := proxy.Faults()
					proxy.CutAfter(d, n)
					for email, c := range users {
						a := within(t, budget, c, "GET", "/api/v1/profile", nil)
						if a.StatusCode == 200 && a.String("data", "email") != email || a.StatusCode != 200 && a.StatusCode != 503 {
							t.Fatalf("I1 cut after %d bytes: %s gets %d %s", n, email, a.StatusCode, a.Text)
						}
					}
					proxy.Pass()
					struck += proxy.Faults() - before
				}
			}
		}
		if struck < int64(len(lengths)) {
			t.Errorf("only %d connections were cut", struck)
		}
		for _, c := range users {
			eventually(t, c, "GET", "/api/v1/profile", nil, 200)
		}
	})
	corpus.Case(t, "F04", "a connection is cut during a sign-out", "a sign-out that was answered holds", func(t *testing.T) {
		answers := map[int]int{}
		for _, n := range []int{1, 40, 80, 120, 200, 300} {
			for _, d := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
				c := srv.Login(t, "user0@example.com", words)
				old := copyOf(t, c)
				s.redis.CutAfter(d, n)
				a := c.Call(t, "POST", "/api/v1/auth/logout", nil)
				s.redis.Pass()
				answers[a.StatusCode]++
				if b := old.Call(t, "GET", "/api/v1/profile", nil); a.StatusCode == 204 && b.StatusCode != 401 {
					t.Errorf("I2 cut after %d bytes: signed out, and then %d", n, b.StatusCode)
				}
			}
		}
		t.Logf("sign-outs were answered %v", answers)
	})
}
