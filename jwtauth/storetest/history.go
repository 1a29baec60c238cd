package storetest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/jwtauth"
)

const (
	// clients is how many goroutines share a subject, and subjects how many there
	// are at a time: 64 goroutines in all.
	clients  = 8
	subjects = 8
	// perFamily bounds the steps of a family, for explain.
	perFamily = 60
)

// History lets many clients of many subjects refresh, replay spent tokens, repeat
// calls whose answer was lost, sign out and revoke at random for the duration d,
// and asks of every family whether there is an order of all that in which a plain
// model of a family gives the same answers. A single answer that no order explains
// fails the test: a second successor, a theft that was none, a token that was good
// after a sign-out.
//
// The stores are several doors to one database, such as those of two processes.
// Step is called now and then while clients are at work; it may move the clock of
// the store by up to half an hour from where it was. Nil: it runs. History takes a
// little longer than d.
func History(t *testing.T, d time.Duration, step func(rnd *rand.Rand), stores ...jwtauth.FamilyStore) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := &history{t: t, stores: stores, until: time.Now().Add(d), step: step}
	var wg sync.WaitGroup
	for i := range subjects {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			for time.Now().Before(h.until) && !t.Failed() {
				h.round(rnd)
			}
		})
	}
	wg.Wait()
	t.Logf("%d families, %d steps: %d rotated, %d repeated, %d reused, %d were gone", h.families.Load(), h.steps.Load(),
		h.outcomes[jwtauth.Rotated].Load(), h.outcomes[jwtauth.Repeated].Load(), h.outcomes[jwtauth.Reused].Load(), h.outcomes[0].Load())
	for _, o := range []jwtauth.Outcome{0, jwtauth.Rotated, jwtauth.Repeated, jwtauth.Reused} {
		if h.outcomes[o].Load() == 0 {
			t.Errorf("%v has not occurred: nothing was tested", o)
		}
	}
}

type history struct {
	t      *testing.T
	stores []jwtauth.FamilyStore
	until  time.Time
	step   func(rnd *rand.Rand)
	clock  atomic.Int64

	families, steps atomic.Int64
	outcomes        [jwtauth.Reused + 1]atomic.Int64
}

// A chronicle is what was done to one family.
type chronicle struct {
	id jwtauth.FamilyID

	mu    sync.Mutex
	known uint64 // the latest counter that a client was given
	steps []*step
}

// room reports whether another n steps can be told of.
func (c *chronicle) room(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.steps)+n <= perFamily
}

func (c *chronicle) add(s *step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, s)
	if s.got.outcome == jwtauth.Rotated || s.got.outcome == jwtauth.Repeated {
		c.known = max(c.known, s.counter+1)
	}
}

// round is the life of two families of one subject.
func (h *history) round(rnd *rand.Rand) {
	b := newBucket()
	var families [2]*chronicle
	for i := range families {
		families[i] = &chronicle{id: newID(b), known: 1}
		if err := h.store(rnd).Create(h.t.Context(), families[i].id, grant(), usual); err != nil {
			h.t.Errorf("Create: %v", err)
			return
		}
	}
	var wg sync.WaitGroup
	for range clients {
		mine := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		wg.Go(func() {
			for range 4 + mine.IntN(6) {
				h.act(mine, b, families[mine.IntN(len(families))], families[:])
			}
		})
	}
	wg.Wait()
	for _, c := range families {
		h.look(rnd, c)
		h.families.Add(1)
		h.steps.Add(int64(len(c.steps)))
		if !explain(c.steps) {
			h.t.Error("no order of these steps explains the answers:")
			slices.SortFunc(c.steps, func(a, b *step) int { return int(a.begin - b.begin) })
			for _, s := range c.steps {
				h.t.Logf("%4d-%4d %s %d call %x grace %v: %+v", s.begin, s.end, s.kind, s.counter, s.call[:2], s.grace, s.got)
			}
		}
	}
}

func (h *history) store(rnd *rand.Rand) jwtauth.FamilyStore {
	return h.stores[rnd.IntN(len(h.stores))]
}

// act does one thing.
func (h *history) act(rnd *rand.Rand, b jwtauth.Bucket, c *chronicle, all []*chronicle) {
	if h.step != nil && rnd.IntN(4) == 0 {
		h.step(rnd)
	}
	c.mu.Lock()
	known := c.known
	c.mu.Unlock()
	s := &step{kind: rotateStep, counter: known, call: newCall(), grace: rnd.IntN(20) > 0}
	switch n := rnd.IntN(100); {
	case n < 60: // a refresh with the latest token
		h.rotate(rnd, c, s)
	case n < 75: // one whose answer is lost: the command goes out again, perhaps late
		h.rotate(rnd, c, s)
		again := *s
		h.rotate(rnd, c, &again)
	case n < 80: // a token that may be spent
		s.counter = 1 + rnd.Uint64N(known)
		h.rotate(rnd, c, s)
	case n < 97:
		h.look(rnd, c)
	case n < 99:
		h.revoke([]*chronicle{c}, func() error { return h.store(rnd).Revoke(h.t.Context(), c.id) })
	default:
		h.revoke(all, func() error { return h.store(rnd).RevokeAll(h.t.Context(), b, jwtauth.FamilyID{}) })
	}
}

func (h *history) rotate(rnd *rand.Rand, c *chronicle, s *step) {
	if !c.room(clients * 2) {
		return
	}
	r := jwtauth.Rotation{Counter: s.counter, Call: s.call, Idle: usual.Idle}
	if s.grace {
		r.Grace = 2 * time.Hour
	}
	store := h.store(rnd)
	s.begin = h.clock.Add(1)
	outcome, _, err := store.Rotate(h.t.Context(), c.id, r)
	s.end = h.clock.Add(1)
	if err != nil && !errors.Is(err, jwtauth.ErrNoFamily) {
		h.t.Errorf("Rotate: %v", err)
		return
	}
	s.got = answer{absent: err != nil, outcome: outcome}
	h.outcomes[outcome].Add(1)
	c.add(s)
}

func (h *history) look(rnd *rand.Rand, c *chronicle) {
	if !c.room(clients) {
		return
	}
	s := &step{kind: lookStep}
	store := h.store(rnd)
	s.begin = h.clock.Add(1)
	f, err := store.Find(h.t.Context(), c.id)
	s.end = h.clock.Add(1)
	switch {
	case err == nil:
		s.got = answer{spent: f.Counter - 1, stolen: f.Ended}
	case errors.Is(err, jwtauth.ErrNoFamily):
		s.got = answer{absent: true}
	default:
		h.t.Errorf("Find: %v", err)
		return
	}
	c.add(s)
}

// revoke ends families in one call.
func (h *history) revoke(families []*chronicle, do func() error) {
	s := step{kind: revokeStep}
	s.begin = h.clock.Add(1)
	err := do()
	s.end = h.clock.Add(1)
	if err != nil {
		h.t.Errorf("revoke: %v", err)
		return
	}
	for _, c := range families {
		own := s
		c.add(&own)
	}
}
