package throttle

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// requestWays is how many keys a requestSet has: with their lock they are two
// cache lines.
const requestWays = 7

// tick is the unit of time of the table of requests.
const tick = 100 * time.Microsecond

// requestTable counts the requests of Allow. It is made when the first of them
// comes.
type requestTable struct {
	sets []requestSet
	mask uint64
}

func newRequestTable(maxKeys int) *requestTable {
	sets := uint64(1) << bits.Len(uint((maxKeys-1)/requestWays))
	return &requestTable{sets: make([]requestSet, sets), mask: sets - 1}
}

func (t *requestTable) set(h uint64) *requestSet { return &t.sets[h&t.mask] }

// A requestSet is a part of that table. A key that is known is counted without a
// lock. Whoever does so while the key makes room for another one counts a request
// too many for that one: no count is ever too small for it.
type requestSet struct {
	mu     sync.Mutex // held by who changes keys
	keys   [requestWays]atomic.Uint64
	states [requestWays]atomic.Uint64 // of type requests
	_      uint64                     // to the end of the second line
}

// allow counts a request of key h at the time now.
func (s *requestSet) allow(h uint64, now, window int64, limit int) Count {
	for i := range s.keys {
		if s.keys[i].Load() == h {
			return countRequest(&s.states[i], now, window, limit)
		}
	}
	return s.begin(h, now, window, limit)
}

// begin counts the first request of a key. If there is no room for it, it is
// refused until there is.
func (s *requestSet) begin(h uint64, now, window int64, limit int) Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(h) // somebody may have been faster
	if i < 0 {
		var wait int64
		if i, wait = s.room(h, now); i < 0 {
			return Count{Wait: time.Duration(wait) * tick}
		}
		s.keys[i].Store(0)
		s.states[i].Store(0)
		s.keys[i].Store(h)
	}
	return countRequest(&s.states[i], now, window, limit)
}

// reset forgets a key.
func (s *requestSet) reset(h uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(h); i >= 0 {
		s.keys[i].Store(0)
		s.states[i].Store(0)
	}
}

func (s *requestSet) find(h uint64) int {
	for i := range s.keys {
		if s.keys[i].Load() == h {
			return i
		}
	}
	return -1
}

// room returns the place of the key that matters least: one whose window is over,
// or else the one with the fewest requests. One that has used up its window stays;
// if all have, there is no room for so many ticks.
func (s *requestSet) room(h uint64, now int64) (i int, wait int64) {
	best, least := -1, 1<<16
	for n := range requestWays {
		at := int((h>>56 + uint64(n)) % requestWays) // not always the same of many that are equal
		r := requests(s.states[at].Load())
		switch left := r.end() - now; {
		case left <= 0:
			return at, 0
		case r.spent():
			if wait == 0 || left < wait {
				wait = left
			}
		case r.count() < least:
			best, least = at, r.count()
		}
	}
	return best, wait
}

// requests is what is counted under one key, in one word: the end of the window in
// ticks, whether the limit was reached, and 16 bits for MaxRequests.
type requests uint64

const spentBit = 1 << 16

func (r requests) end() int64  { return int64(r >> 17) }
func (r requests) spent() bool { return r&spentBit != 0 }
func (r requests) count() int  { return int(r & (spentBit - 1)) }

// countRequest is Store.Allow.
func countRequest(state *atomic.Uint64, now, window int64, limit int) Count {
	for {
		old := state.Load()
		r := requests(old)
		end, n := r.end(), r.count()
		if now >= end {
			end, n = now+window, 0
		}
		if n >= limit {
			return Count{Wait: time.Duration(end-now) * tick}
		}
		n++
		changed := uint64(end)<<17 | uint64(n) //nolint:gosec // both are more than zero
		c := Count{Admitted: true}
		if n >= limit {
			changed |= spentBit
			c.Wait = time.Duration(end-now) * tick
		}
		if state.CompareAndSwap(old, changed) {
			return c
		}
	}
}
