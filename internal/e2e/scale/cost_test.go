package scale

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// A cost is what one request takes, one after the other, from a process that has no other.
type cost struct {
	kind             string
	n                int
	took, cpu        time.Duration // of all
	redisCPU, sqlCPU time.Duration
	commands         map[string]int
	statements       int64
}

// costs measures requests one after the other at a process of their own.
func (s *stage) costs(srv *running.Server, tap *tap, u *user, scale int) []cost {
	s.t.Helper()
	clients := s.nodeClients()
	ask := func(q question) *running.Answer {
		c := u.clients[below(addresses)]
		a, err := q.settle(s, c, srv)
		if err != nil || a.StatusCode >= 400 && !q.refusal {
			s.t.Fatalf("%s: %s", q.path, told(a, err))
		}
		return a
	}
	var list []cost
	measure := func(kind string, n int, do func(i int)) {
		do(-1) // what is loaded once
		statements, sqlBefore := tap.statements.Load(), s.sqlCPU()
		redisBefore, before, start := redisUsage(s.t, clients), look(s.t, srv), time.Now()
		for i := range n {
			do(i)
		}
		c := cost{kind: kind, n: n, took: time.Since(start), commands: make(map[string]int)}
		after, redisAfter := look(s.t, srv), redisUsage(s.t, clients)
		c.cpu, c.redisCPU = after.cpu-before.cpu, redisAfter.cpu-redisBefore.cpu
		c.statements, c.sqlCPU = tap.statements.Load()-statements, s.sqlCPU()-sqlBefore
		for name, calls := range redisAfter.calls {
			if more := calls - redisBefore.calls[name]; more > 0 {
				c.commands[name] = more
			}
		}
		list = append(list, c)
	}
	measure("no credential, 401", 100*scale, func(int) { ask(question{method: "GET", path: "/api/v1/profile", refusal: true}) })
	measure(profile, 100*scale, func(int) {
		ask(question{method: "GET", path: "/api/v1/profile", cookie: "session=" + u.session.value})
	})
	measure(orders, 100*scale, func(int) { ask(question{method: "GET", path: "/api/v1/orders", bearer: u.token}) })
	fresh := make([]*http.Client, scale/2+1) // an address has 60 refreshes in a minute
	for i := range fresh {
		fresh[i] = from(9, byte(i))
		s.t.Cleanup(fresh[i].CloseIdleConnections)
	}
	measure(refresh, 10*scale, func(i int) {
		a, err := u.refreshing().settle(s, fresh[(i+1)%len(fresh)], srv)
		if err != nil || a.StatusCode != http.StatusOK {
			s.t.Fatalf("refresh: %s", told(a, err))
		}
		u.successor(a)
	})
	measure("sign-in for a session", 4*scale, func(int) {
		c, _ := u.cookie(ask(question{method: "POST", path: "/api/v1/auth/login", body: u.credentials()}), "session")
		u.session = c
	})
	measure("sign-in for tokens", 4*scale, func(int) {
		c, _ := u.cookie(ask(question{method: "POST", path: "/api/v1/auth/token", body: u.credentials()}), "refresh")
		u.refresh = c
	})
	var sessions []string
	for range 4*scale + 1 {
		c, _ := u.cookie(ask(question{method: "POST", path: "/api/v1/auth/login", body: u.credentials()}), "session")
		sessions = append(sessions, c.value)
	}
	measure("sign-out", 4*scale, func(i int) {
		ask(question{method: "POST", path: "/api/v1/auth/logout", cookie: "session=" + sessions[i+1]})
	})
	u.signInAgain()
	u.newTokens()
	return list
}

// nodeClients has one for each node.
func (s *stage) nodeClients() []redis.UniversalClient {
	var list []redis.UniversalClient
	for _, node := range slices.Concat(s.primaries, s.replicas) {
		list = append(list, node.Client())
	}
	return list
}

// row is a line of the table.
func (c cost) row() string {
	var names []string
	scripts := 0
	for name, n := range c.commands {
		if name == "evalsha" || name == "eval" {
			scripts += n
			continue
		}
		names = append(names, fmt.Sprintf("%s %.3g", name, float64(n)/float64(c.n)))
	}
	slices.Sort(names)
	commands := strings.Join(names, ", ")
	if scripts > 0 {
		commands = fmt.Sprintf("**script %.3g**, with what it calls: %s", float64(scripts)/float64(c.n), commands)
	}
	if commands == "" {
		commands = "none"
	}
	n := time.Duration(c.n)
	return fmt.Sprintf("| %s | %d | %s | %s | %.0f | %.0f | %.3g | %s |", c.kind, c.n, ms(c.took/n), ms(c.cpu/n),
		float64(c.redisCPU/n)/1e3, float64(c.sqlCPU/n)/1e3, float64(c.statements)/float64(c.n), commands)
}
