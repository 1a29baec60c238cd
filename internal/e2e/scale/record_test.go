package scale

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Kinds of requests.
const (
	profile  = "profile, by session"
	orders   = "orders, by bearer token"
	refresh  = "refresh"
	signIn   = "sign-in"
	ending   = "sign-out, revocation"
	stranger = "garbage, ended credentials"
)

var kinds = []string{profile, orders, refresh, signIn, ending, stranger}

// Outcomes of requests.
const (
	answered   = "answered"
	moved      = "moved"       // nobody listened: the other process was asked
	cut        = "cut"         // the connection ended before the answer
	failed     = "5xx"         // mostly 503 with Retry-After
	limited    = "429"         //
	unexpected = "another 4xx" // a credential that should be good was not
)

// A phase is a time of the run.
type phase struct {
	name    string
	began   time.Time
	took    time.Duration
	event   time.Time     // what went wrong in it, if anything did
	healed  time.Duration // after the event, when the fault was over
	times   map[string][]time.Duration
	count   map[string]int // of outcomes
	codes   map[string]int // of answers with 5xx
	errors  []time.Time    // of those that were neither answered nor moved
	hit     map[int]bool   // users who saw such an error
	cpu     time.Duration  // of all processes
	servers []resources
	conns   int // to PostgreSQL, the most at a time
}

// A record is what was measured.
type record struct {
	mu     sync.Mutex
	phases []*phase
}

func newRecord() *record { return &record{} }

func (r *record) begin(name string) *phase {
	p := &phase{name: name, began: time.Now(), times: make(map[string][]time.Duration), count: make(map[string]int), codes: make(map[string]int), hit: make(map[int]bool)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phases = append(r.phases, p)
	return p
}

// note notes a request, which belongs to the phase that is.
func (r *record) note(user int, kind, outcome, code string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.phases) == 0 {
		return
	}
	p := r.phases[len(r.phases)-1]
	if p.took != 0 {
		return // it is looked at what has come of the phase
	}
	p.count[outcome]++
	if outcome == failed {
		p.codes[code]++
	}
	if outcome != answered && outcome != moved {
		p.errors = append(p.errors, time.Now())
		p.hit[user] = true
	}
	if outcome != moved {
		p.times[kind] = append(p.times[kind], took)
	}
}

// requests is how many had an answer or should have had one.
func (p *phase) requests() (n int) {
	for _, list := range p.times {
		n += len(list)
	}
	return n
}

// errorsAfter is how many errors there were so long after the fault was over, or at all
// if there was none. A machine that does much else makes a few.
func (p *phase) errorsAfter(d time.Duration) (n int) {
	for _, at := range p.errors {
		if p.event.IsZero() || at.Sub(p.event)-p.healed > d {
			n++
		}
	}
	return n
}

// lastError is how long after the event the last error was.
func (p *phase) lastError() time.Duration {
	var last time.Duration
	for _, at := range p.errors {
		last = max(last, at.Sub(p.event))
	}
	return last
}

// quantile is that of sorted times.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// latencies is how many there were in a second, and how long they took.
func (p *phase) latencies(kind string) string {
	list := slices.Clone(p.times[kind])
	if len(list) == 0 {
		return "-"
	}
	slices.Sort(list)
	return fmt.Sprintf("%.1f/s: %s / %s / %s / %s", float64(len(list))/p.took.Seconds(),
		ms(quantile(list, 0.5)), ms(quantile(list, 0.9)), ms(quantile(list, 0.99)), ms(list[len(list)-1]))
}

// ms is d in milliseconds, with two figures.
func ms(d time.Duration) string {
	v := float64(d) / float64(time.Millisecond)
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// A ledger says for each invariant how often it was looked at and what was found.
type ledger struct {
	mu     sync.Mutex
	checks map[string]int
	known  map[string]int // documented exceptions
	found  map[string][]string
}

func newLedger() *ledger {
	return &ledger{checks: make(map[string]int), known: make(map[string]int), found: make(map[string][]string)}
}

func (l *ledger) count(id string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checks[id] += n
}

func (l *ledger) documented(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[id]++
}

func (l *ledger) broken(id, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found[id] = append(l.found[id], time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}
