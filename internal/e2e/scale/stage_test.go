package scale

import (
	"database/sql"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// nodeTimeout is how long a Redis master is gone before its replica takes over.
const nodeTimeout = time.Second

// A stage is a service of several processes and what it stands on.
type stage struct {
	t       *testing.T
	backend *running.Backend
	redis   string // the address of the cluster
	db      string
	admin   *sql.DB // for looking at the database

	primaries, replicas []*redistest.Server

	*record
	*ledger

	mu        sync.Mutex
	processes []*running.Server // those that a load balancer would send requests to
	started   []*running.Server // all that there ever were
	secrets   map[string]string // what must not be in a log, and what it is
	windows   [][2]time.Time    // what was written in them may be lost with a Redis master
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, record: newRecord(), ledger: newLedger(), secrets: make(map[string]string)}
	s.redis, s.primaries, s.replicas = redistest.ReplicatedCluster(t, 3, nodeTimeout)
	s.backend = running.On(t, "PostgreSQL", nil)
	s.admin = s.backend.DB.Open(t)
	s.admin.SetMaxOpenConns(1) // or it would count itself
	u, err := url.Parse(s.backend.DB.URL())
	if err != nil || u.Host == "" {
		testkit.Skip(t, "PostgreSQL: it is on a socket, and its statements cannot be counted")
	}
	// Other tests do not wait for the disk. What is measured here should.
	query := u.Query()
	query.Set("synchronous_commit", "on")
	u.RawQuery = query.Encode()
	s.db = u.String()
	return s
}

// start starts a process, not yet for the load.
func (s *stage) start(db string) *running.Server {
	s.t.Helper()
	srv := s.backend.Start(s.t, running.Options{Redis: s.redis, DB: db})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, srv)
	return srv
}

// serve makes these the processes that take the load.
func (s *stage) serve(list ...*running.Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = list
}

// order returns the processes, a random one first.
func (s *stage) order() []*running.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*running.Server, len(s.processes))
	for i, j := range rand.Perm(len(list)) {
		list[i] = s.processes[j]
	}
	return list
}

// watch registers a secret.
func (s *stage) watch(label, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets[secret] = label
}

// lost is set when a Redis master is killed: what was written a second before may not
// have reached its replica, and answers of it may come a little later.
func (s *stage) lost(from, to time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows = append(s.windows, [2]time.Time{from.Add(-time.Second), to.Add(time.Second / 2)})
}

// mayBeLost reports whether a write that was answered then may be lost.
func (s *stage) mayBeLost(at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.windows, func(w [2]time.Time) bool { return at.After(w[0]) && at.Before(w[1]) })
}

// checkLogs looks for every secret of the run in every log (I7), and for a sample of
// them in other encodings.
func (s *stage) checkLogs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	canary := testkit.NewCanary(s.t)
	sample := 300
	for secret, label := range s.secrets {
		if sample--; sample >= 0 {
			canary.Watch(label, secret)
		}
	}
	for _, srv := range s.started {
		log := srv.Log()
		_, _ = io.WriteString(canary.Writer("the log"), log)
		s.count("I7", len(s.secrets))
		for secret, label := range s.secrets {
			if strings.Contains(log, secret) {
				s.broken("I7", "%s in a log", label)
			}
		}
		if i := strings.Index(log, "panic"); i >= 0 {
			s.t.Errorf("a server panicked:\n%s", log[i:min(len(log), i+2000)])
		}
	}
}

// refused reports whether nobody listens, so that the request has reached nobody.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
