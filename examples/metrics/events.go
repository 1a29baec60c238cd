package main

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// An eventCounter counts events by what they are, never by whom they are about: a
// series for every user, address or order would fill the memory of this process and
// of Prometheus, and tell whoever reads the metrics who uses the service. For single
// events there is the audit log.
type eventCounter struct {
	total                    *prometheus.CounterVec
	kinds, methods, outcomes vocabulary
}

// newEventCounter registers what it counts, and what the audit log has lost.
func newEventCounter(r prometheus.Registerer, audit *auth.EventQueue) *eventCounter {
	c := &eventCounter{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_events_total",
			Help: "Security decisions, by kind, kind of credential, and ok or the code of the problem.",
		}, []string{"kind", "method", "outcome"}),
		kinds: vocabulary{most: 100}, methods: vocabulary{most: 20}, outcomes: vocabulary{most: 100},
	}
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "sallyport_audit_dropped_total",
		Help: "Events that were counted but not written, because the audit log was too slow.",
	}, func() float64 { return float64(audit.Dropped()) })
	r.MustRegister(c.total, dropped)
	return c
}

func (c *eventCounter) count(e auth.Event) {
	outcome := "ok"
	if e.Err != nil {
		outcome = string(problem.From(e.Err).Code) // never the text of the error
	}
	c.total.WithLabelValues(c.kinds.word(string(e.Kind)), c.methods.word(e.Method), c.outcomes.word(outcome)).Inc()
}

// A vocabulary bounds the values of a label. Kinds, methods and codes are constants of
// programs, so there are few; if a mistake makes them out of what users send, the
// ones after the first most are "other".
type vocabulary struct {
	most int

	mu    sync.Mutex
	words map[string]bool
}

func (v *vocabulary) word(s string) string {
	if s == "" {
		return "none"
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.words[s] {
		return s
	}
	if len(v.words) >= v.most {
		return "other"
	}
	if v.words == nil {
		v.words = make(map[string]bool)
	}
	v.words[s] = true
	return s
}
