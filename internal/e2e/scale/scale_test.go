package scale

import (
	"crypto/rand"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

// A size is how much of it there is.
type size struct {
	users    int
	think    time.Duration // of a user, between two operations, on average
	phase    time.Duration
	failover time.Duration // of a phase in which a replica takes over
	again    bool          // there is a second one
	costs    int
}

func sizeOfRun() size {
	if running.Long() {
		return size{users: 28, think: 70 * time.Millisecond, phase: 25 * time.Second, failover: 25 * time.Second, again: true, costs: 20}
	}
	return size{users: 10, think: 20 * time.Millisecond, phase: 800 * time.Millisecond, failover: 4 * time.Second, costs: 1}
}

// recovery is how long errors may go on once the replica has taken over (I8).
const recovery = 5 * time.Second

func TestScale(t *testing.T) {
	load, z := loadAverage(), sizeOfRun()
	s := newStage(t)
	one, two := s.start(s.db), s.start(s.db)
	tap, tapped := newTap(t, s.db)
	third := s.start(tapped) // takes no load: its costs are counted
	s.serve(one, two)
	users := s.register(one, z.users+1)
	spare := users[z.users]
	users = users[:z.users]
	costs := s.costs(third, tap, spare, z.costs)

	s.run("two processes", users, z.think, z.phase, nil)
	s.audit(users)
	s.run("one process is killed", users, z.think, z.phase, func() { one.Kill() })
	s.audit(users)
	s.run("it is started again", users, z.think, z.phase, func() {
		one = s.start(s.db)
		s.serve(one, two)
	})
	s.audit(users)
	s.run("a Redis master is killed", users, z.think, z.failover, func() { s.failover(0) })
	s.audit(users)
	s.run("after the failover", users, z.think, z.phase, nil)
	s.audit(users)
	masters := []*redistest.Server{s.replicas[0], s.primaries[1], s.primaries[2]}
	if z.again {
		for _, node := range append(masters, s.replicas[1:]...) {
			node.Config("cluster-require-full-coverage", "no")
		}
		s.run("another one, without full coverage", users, z.think, z.failover, func() { s.failover(1) })
		s.audit(users)
		masters[1] = s.replicas[1]
	}

	s.each(users, func(u *user) { u.hauntAll(one, two) })
	keys := s.keyspaces(masters)
	s.signInAtThird(spare)
	s.outage(third, tap, spare)
	s.bounds()
	s.checkLogs()

	report := s.markdown(z.users, costs, keys, load)
	t.Log("\n" + report)
	if name := os.Getenv("SALLYPORT_TABLE"); name != "" {
		if err := os.WriteFile(name, []byte(report), 0o600); err != nil {
			t.Error(err)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(meanings)) {
		t.Run(id+" "+meanings[id], func(t *testing.T) {
			if s.checks[id] == 0 {
				t.Error("nothing was looked at")
			}
			for i, what := range s.found[id] {
				if i == 10 {
					t.Errorf("and %d more", len(s.found[id])-i)
					break
				}
				t.Error(what)
			}
		})
	}
}

// register makes users who have signed in.
func (s *stage) register(srv *running.Server, n int) []*user {
	s.t.Helper()
	users := make([]*user, n)
	for i := range users {
		users[i] = newUser(s, i)
		s.t.Cleanup(users[i].close)
		users[i].password = rand.Text()
		s.watch("a password", users[i].password)
	}
	s.each(users, func(u *user) {
		q := question{method: "POST", path: "/api/v1/auth/register", body: u.credentials()}
		if a, err := q.settle(s, u.clients[0], srv); err != nil || a.StatusCode != 202 {
			s.t.Errorf("register: %s", told(a, err))
		}
	})
	tokens := make(map[string]string)
	for _, u := range users {
		tokens[u.email] = srv.Token(s.t, u.email, "")
		s.watch("a token of a link", tokens[u.email])
	}
	s.each(users, func(u *user) {
		q := question{method: "POST", path: "/api/v1/auth/verify-email", body: map[string]string{"token": tokens[u.email]}}
		if a, err := q.settle(s, u.clients[0], srv); err != nil || a.StatusCode != 204 {
			s.t.Errorf("verify: %s", told(a, err))
		}
		u.signInAgain()
		u.newTokens()
	})
	if s.t.Failed() || len(s.found) > 0 {
		s.t.Fatal(s.found)
	}
	return users
}

// each does something for all users at once.
func (s *stage) each(users []*user, do func(u *user)) {
	var all sync.WaitGroup
	for _, u := range users {
		all.Go(func() { do(u) })
	}
	all.Wait()
}

// run is a phase: users do what they do, and after a moment there is an event.
func (s *stage) run(name string, users []*user, think, span time.Duration, event func()) {
	s.t.Helper()
	p := s.begin(name)
	before := s.cpu()
	over := make(chan struct{})
	var watching, load sync.WaitGroup
	watching.Go(func() { s.watchConnections(p, over) })
	for _, u := range users {
		load.Go(func() {
			for time.Since(p.began) < span {
				pick()(u)
				<-time.After(time.Duration(mathrand.ExpFloat64() * float64(think)))
			}
		})
	}
	if event != nil {
		<-time.After(span / 10)
		p.event = time.Now()
		event()
	}
	load.Wait()
	close(over)
	watching.Wait()
	s.record.mu.Lock()
	p.took = time.Since(p.began)
	s.record.mu.Unlock()
	for pid, cpu := range s.cpu() {
		p.cpu += cpu - before[pid]
	}
	for _, srv := range s.order() {
		if r := look(s.t, srv); r.memory > 0 {
			p.servers = append(p.servers, r)
		}
	}
}

// cpu is what the processes that take load have used so far. One that is killed takes
// with it what is not counted here.
func (s *stage) cpu() map[int]time.Duration {
	used := make(map[int]time.Duration)
	for _, srv := range s.order() {
		if r := look(s.t, srv); r.memory > 0 {
			used[r.pid] = r.cpu
		}
	}
	return used
}

// watchConnections notes the most connections to PostgreSQL at a time (I5).
func (s *stage) watchConnections(p *phase, over <-chan struct{}) {
	for {
		n, err := s.connections()
		if err != nil {
			s.t.Errorf("pg_stat_activity: %v", err)
		}
		p.conns = max(p.conns, n)
		select {
		case <-over:
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// audit asks for everybody whether session and tokens are good, with no load beside it
// (I4), and presents what has ended to one of the processes (I2).
func (s *stage) audit(users []*user) {
	s.each(users, func(u *user) {
		u.askBySession()
		u.refreshOnce()
		u.askByToken()
		u.hauntAll(s.alive())
	})
}

// alive returns a process that listens.
func (s *stage) alive() *running.Server {
	list := s.order()
	for _, srv := range list {
		if look(s.t, srv).memory > 0 {
			return srv
		}
	}
	return list[0]
}

// failover kills a master and waits until its replica has replaced it.
func (s *stage) failover(n int) {
	s.t.Helper()
	start := time.Now()
	s.primaries[n].Stop()
	s.lost(start, time.Now())
	c := s.replicas[n].Client()
	for time.Since(start) < patience {
		if info, err := c.Info(s.t.Context(), "replication").Result(); err == nil && strings.Contains(info, "role:master") {
			s.phases[len(s.phases)-1].healed = time.Since(start)
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	s.broken("I8", "no replica has taken over within %v", patience)
}

// signInAtThird gives a user what is good after the failover.
func (s *stage) signInAtThird(u *user) {
	u.signInAgain()
	u.newTokens()
}

// bounds looks at what the processes have taken, and how soon errors stopped.
func (s *stage) bounds() {
	for _, p := range s.phases {
		for _, r := range p.servers {
			s.count("I5", 3)
			if r.memory > 600 || r.files > 400 || r.threads > 200 {
				s.broken("I5", "%s: %+v", p.name, r)
			}
		}
		s.count("I5", 1)
		if p.conns > 3*20+1 { // maxConns of the reference server, and a new process beside its predecessor
			s.broken("I5", "%s: %d connections to PostgreSQL", p.name, p.conns)
		}
		s.count("I8", 1)
		if late := p.errorsAfter(recovery); late > p.requests()/100 {
			s.broken("I8", "%s: %d errors later than %v after the fault was over: %v", p.name, late, recovery, p.count)
		}
	}
}
