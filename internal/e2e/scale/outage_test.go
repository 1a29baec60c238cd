package scale

import (
	"net/http"
	"slices"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// outage takes both stores from a process and presents what was good (I1).
func (s *stage) outage(srv *running.Server, tap *tap, u *user) {
	s.t.Helper()
	good := []question{
		{method: "GET", path: "/api/v1/profile", cookie: "session=" + u.session.value},
		{method: "GET", path: "/api/v1/orders", bearer: u.token},
		{method: "POST", path: "/api/v1/auth/token/refresh", cookie: "refresh=" + u.refresh.value},
		{method: "POST", path: "/api/v1/auth/login", body: u.credentials()},
		{method: "POST", path: "/api/v1/auth/token", body: u.credentials()},
	}
	for _, q := range good[:3] {
		if a, err := q.settle(s, u.clients[0], srv); err != nil || a.StatusCode != http.StatusOK {
			s.t.Fatalf("before the outage: %s", told(a, err))
		}
	}
	for _, node := range slices.Concat(s.primaries, s.replicas) {
		node.Stop()
	}
	tap.close()
	for _, q := range good {
		a, err := q.send(s, u.clients[0], srv)
		s.count("I1", 1)
		switch {
		case err != nil:
			s.broken("I6", "%s without stores: %v", q.path, err)
		case a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "":
			s.broken("I1", "%s without stores: %s, Retry-After %q", q.path, told(a, nil), a.Header.Get("Retry-After"))
		case a.Took > limit:
			s.broken("I6", "%s without stores: %v", q.path, a.Took)
		}
	}
}
