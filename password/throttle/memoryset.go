package throttle

import (
	"math"
	"math/bits"
	"sync"
	"time"
)

const (
	// ways is how many keys a set has.
	ways = 8
	// crowd is the slot that is shared by all keys that find no room.
	crowd = ways
	// crowdTicket marks the tickets of that slot.
	crowdTicket Ticket = 1 << 32
	// pinned is the rank of a key that is locked and so stays.
	pinned = 255
)

// attemptTable counts the attempts of Take. It is made when the first of them comes.
type attemptTable struct {
	sets []set
	mask uint64
}

func newAttemptTable(maxKeys int) *attemptTable {
	sets := uint64(1) << bits.Len(uint((maxKeys-1)/ways))
	return &attemptTable{sets: make([]set, sets), mask: sets - 1}
}

func (t *attemptTable) set(h uint64) *set { return &t.sets[h&t.mask] }

// A set is a part of that table: 448 bytes, seven cache lines. What is read for
// every attempt is in the first two.
type set struct {
	mu   sync.Mutex
	last uint32 // the number of the last ticket
	// gone is the number of the last ticket that was cancelled, so that a Cancel that
	// comes again does nothing. No call is lost on the way to memory: only a wrapper
	// of the Store could repeat one, and then at once.
	gone  uint32
	ranks [ways]uint8 // see slot.rank
	keys  [ways]uint64
	slots [ways + 1]slot
}

// take counts an attempt of key h at the time now.
func (s *set) take(h uint64, now int64, r *Rule) Count {
	i := s.find(h)
	if i < 0 {
		i = s.room(now)
		if i != crowd {
			s.keys[i], s.slots[i] = h, slot{}
		}
	}
	s.last++
	e := &s.slots[i]
	if now >= e.forget {
		*e = slot{first: s.last}
	}
	c := e.take(now, r, s.last)
	if i == crowd {
		c.Ticket |= crowdTicket
	} else {
		s.ranks[i] = e.rank()
	}
	return c
}

// forgive forgets what is counted together with the attempt of a ticket. In the
// crowd that would be what others have done, so there only this attempt goes.
func (s *set) forgive(h uint64, t Ticket) {
	if i := s.holder(h, t); i == crowd {
		s.cancel(h, t)
	} else if i >= 0 {
		s.clear(i)
	}
}

// cancel takes the attempt of a ticket back.
func (s *set) cancel(h uint64, t Ticket) {
	i := s.holder(h, t)
	if i < 0 {
		return
	}
	s.gone = t.number()
	e := &s.slots[i]
	if e.cancel(t.number()); e.inARow == 0 {
		s.clear(i)
	} else if i != crowd {
		s.ranks[i] = e.rank()
	}
}

// reset forgets a key. It cannot tell who is in the crowd.
func (s *set) reset(h uint64) {
	if i := s.find(h); i >= 0 {
		s.clear(i)
	}
}

func (s *set) clear(i int) {
	s.slots[i] = slot{}
	if i != crowd {
		s.keys[i], s.ranks[i] = 0, 0
	}
}

// find returns where h is, or -1.
func (s *set) find(h uint64) int {
	for i, k := range &s.keys {
		if k == h {
			return i
		}
	}
	return -1
}

// holder returns where the attempt of a ticket is counted, or -1 if it is not any
// more: it was taken back, or the key was forgotten or forgiven, and maybe counted
// anew.
func (s *set) holder(h uint64, t Ticket) int {
	i := crowd
	if t&crowdTicket == 0 {
		i = s.find(h)
	}
	if i < 0 || s.slots[i].inARow == 0 || before(t.number(), s.slots[i].first) || t.number() == s.gone {
		return -1
	}
	return i
}

// room returns the place for a new key, or crowd: one that is empty, or has a
// single attempt; or else what a look at all of them finds to matter least.
func (s *set) room(now int64) int {
	first := int(s.last % ways) // not always the same of many that are equal
	for n := range ways {
		if i := (first + n) % ways; s.ranks[i] <= 1 {
			return i
		}
	}
	best := crowd
	for i := range s.keys {
		e := &s.slots[i]
		switch {
		case now >= e.forget:
			return i
		case e.spent || now < e.lockEnd:
		case best == crowd || e.less(&s.slots[best]):
			best = i
		}
	}
	return best
}

// A slot is what is counted under one key. Times are those of MemoryStore.since.
type slot struct {
	windowEnd   int64
	lockEnd     int64 // 0: it has not been locked in this window
	forget      int64
	first       uint32 // the first ticket since the key was forgotten
	windowFirst uint32 // the first ticket of the window
	count       uint16 // attempts in the window
	inARow      uint16
	locks       uint8
	spent       bool // locked by MaxInARow
}

// rank is how many attempts there are, or more if they must not be forgotten.
func (e *slot) rank() uint8 {
	if e.spent || e.lockEnd != 0 || e.inARow >= pinned {
		return pinned
	}
	return uint8(e.inARow)
}

// take is Rule for the attempt with that number.
func (e *slot) take(now int64, r *Rule, ticket uint32) Count {
	if r.MaxInARow > 0 && int(e.inARow) >= r.MaxInARow {
		return Count{Wait: time.Duration(e.forget - now), Exhausted: true}
	}
	if now < e.lockEnd {
		return Count{Wait: time.Duration(e.lockEnd - now)}
	}
	if e.lockEnd != 0 || now >= e.windowEnd {
		e.windowEnd, e.lockEnd, e.count, e.windowFirst = now+int64(r.Window), 0, 0, ticket
	}
	e.count++
	if e.inARow < math.MaxUint16 {
		e.inARow++
	}
	c := Count{Admitted: true, Ticket: Ticket(ticket)}
	if int(e.count) >= r.Max {
		e.lockEnd = e.windowEnd
		if r.Lockout > 0 {
			e.lockEnd = now + int64(r.lock(int(e.locks)))
			if e.locks < math.MaxUint8 {
				e.locks++
			}
		}
		c.Wait = time.Duration(e.lockEnd - now)
	}
	e.forget = max(e.windowEnd, e.lockEnd, now+int64(r.Until(int(e.inARow))))
	if r.MaxInARow > 0 && int(e.inARow) >= r.MaxInARow {
		e.spent = true
		c.Wait, c.Exhausted = time.Duration(e.forget-now), true
	}
	return c
}

// cancel takes one attempt back, and with it what it has completed.
func (e *slot) cancel(ticket uint32) {
	e.inARow--
	e.spent = false
	if before(ticket, e.windowFirst) {
		return
	}
	e.count--
	if e.lockEnd != 0 {
		e.lockEnd = 0
		e.locks = max(e.locks, 1) - 1
	}
}

// less reports whether e matters less than o.
func (e *slot) less(o *slot) bool {
	if e.inARow != o.inARow {
		return e.inARow < o.inARow
	}
	return e.windowEnd < o.windowEnd
}

// before reports whether ticket a was given out before b, also over the end of
// the numbers.
func before(a, b uint32) bool { return a-b >= 1<<31 }

// number is the number of a ticket in its set.
func (t Ticket) number() uint32 {
	return uint32(t) //nolint:gosec // the upper half is crowdTicket
}
