package throttle

import (
	"context"
	"time"
)

// A Store keeps counts of attempts. Every method is one atomic step, safe for
// concurrent use, and obeys the context.
//
// A call that is sent again because its answer was lost, as some clients do by
// themselves, may count an attempt or a request twice and never less than once. A Forgive or
// Cancel that comes again, or comes late, changes nothing: the Ticket that it
// names is no longer there.
//
// A Store never decides by the clock of its caller if it is shared by several
// processes: their clocks differ. It keeps no key without an end, see Rule.Until.
//
// Package storetest has a suite for every implementation.
type Store interface {
	// Take counts an attempt under key, or refuses it, by the rule. See Rule for
	// what that means. A refused attempt changes nothing.
	Take(ctx context.Context, key Key, rule Rule) (Count, error)
	// Allow counts a request under key, or refuses it: limit of them are admitted in
	// each window, which begins with the first of them. There is no lock beyond the
	// window, and no Ticket: what Allow counts is never forgiven and never taken
	// back, but by Reset. No key is used for both Take and Allow.
	//
	// Limit is 1 to MaxRequests, window a millisecond or more. The Wait of the Count
	// is the rest of the window for the last request that is admitted in it, and for
	// those that are refused.
	Allow(ctx context.Context, key Key, limit int, window time.Duration) (Count, error)
	// Forgive forgets all that is counted under key if the attempt of the ticket is
	// still counted there; else it does nothing.
	Forgive(ctx context.Context, key Key, ticket Ticket) error
	// Cancel takes the attempt of the ticket back, if it is still counted under key;
	// else it does nothing. A lock that this attempt has completed ends, and the
	// next one is not longer for it.
	Cancel(ctx context.Context, key Key, ticket Ticket) error
	// Reset forgets all that is counted under key. Nothing there is no error.
	Reset(ctx context.Context, key Key) error
}

// A Ticket names one counted attempt of one key. Tickets of different keys may be
// equal.
type Ticket uint64

// A Count is the answer of Store.Take. The zero Count refuses.
type Count struct {
	// Admitted: the attempt is counted and may go on.
	Admitted bool
	// Ticket names an admitted attempt.
	Ticket Ticket
	// Wait is how long the key is locked from now on. Of an admitted attempt it is
	// zero, unless that was the last one before a lock. Of a refused attempt it is
	// more than zero.
	Wait time.Duration
	// Exhausted: Rule.MaxInARow is reached, so that only Reset ends the lock, or
	// Wait, which is long.
	Exhausted bool
}

// A Rule is what a Limiter asks of a Store.
//
//   - The first attempt under a key begins a window. Max attempts are admitted in
//     it. At its end a new one begins with the next attempt.
//   - The attempt that is number Max of its window locks the key: for Lockout, the
//     next time for twice as long, and so on up to MaxLockout. After a lock a new
//     window begins with the next attempt. If Lockout is zero the lock ends with
//     the window.
//   - The attempt that is number MaxInARow since the key was last forgiven locks
//     it until it is forgotten. Zero: there is no such number.
//   - The key is forgotten at Until, and with it how often it was locked.
//
// A Store may count a key by another rule than before: the numbers stay.
type Rule struct {
	Max        int           // 1 to MaxAttempts
	Window     time.Duration // a millisecond or more, as all durations here that are not zero
	Lockout    time.Duration // at most MaxLockout
	MaxLockout time.Duration
	MaxInARow  int
	Memory     time.Duration // see Until
}

// day is how long the first failure is remembered.
const day = 24 * time.Hour

// Until returns how long a key with that many attempts in a row is remembered
// from its last attempt on, if the window and the lock do not last longer: a
// day for one attempt, and twice as long for each further one, up to Memory.
//
// So what a stranger leaves behind with a single attempt at each of very many
// keys is soon gone, and whoever is patient has one attempt a day, or MaxInARow of
// them in each Memory.
func (r Rule) Until(inARow int) time.Duration {
	const doublings = 9 // 512 days, which is more than any Memory
	return min(r.Memory, day<<min(max(inARow-1, 0), doublings))
}

// lock returns how long the lock lasts that follows on that many earlier ones.
func (r Rule) lock(earlier int) time.Duration {
	d := r.Lockout
	for range earlier {
		if d >= r.MaxLockout {
			break
		}
		d *= 2
	}
	return min(d, r.MaxLockout)
}
