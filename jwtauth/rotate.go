package jwtauth

import (
	"slices"
	"time"
)

// A Rotation is a request to spend a token of a family and to make its successor
// the one that is good.
type Rotation struct {
	// Counter is that of the token that was presented. Its MAC has been verified,
	// so the token is one that an Issuer has made.
	Counter uint64
	// Call is the random name of this call; it is never zero.
	Call CallID
	// Grace is how long after a token was spent it may come again, if its
	// successor was not used meanwhile. It may be zero.
	Grace time.Duration
	// Idle is how long the successor may lie unused.
	Idle time.Duration
}

// An Outcome is what has become of a Rotation.
type Outcome uint8

// The outcomes. The successor of a token is always the one with the next counter.
const (
	// Rotated: the token is spent now, its successor is good.
	Rotated Outcome = iota + 1
	// Repeated: the token was spent before, by this very call or within the
	// grace. Nothing has changed; the successor is the same.
	Repeated
	// Reused: a spent token has come again, now or earlier. The family has Ended.
	Reused
)

// String returns the name of o.
func (o Outcome) String() string {
	switch o {
	case Rotated:
		return "rotated"
	case Repeated:
		return "repeated"
	case Reused:
		return "reused"
	}
	return "no outcome"
}

// Apply is the rule of rotation. It decides about r and changes f accordingly,
// which is live at now:
//
//   - A family that has Ended stays so: Reused.
//   - A call that f remembers has been here before, and its answer was lost:
//     Repeated. This holds without a grace, and when others have used the successor
//     meanwhile.
//   - The token that is good is Rotated. So is one with a higher counter: since its
//     MAC is genuine, it is the store that has lost a write, at a failover.
//   - The direct predecessor of the token that is good is Repeated within the
//     grace. If the clock went back since, it is within, unless there is none.
//   - Any other token is Reused, and f has Ended. Somebody else has used a token
//     after it: either its holder or that one is a thief.
//
// A store that keeps a Family as a value calls it under a lock or before a
// compare-and-set on Counter and Ended, one of which it changes unless the
// outcome is Repeated or f had Ended.
func (r Rotation) Apply(f *Family, now time.Time) Outcome {
	switch {
	case f.Ended:
		return Reused
	case r.Call != CallID{} && slices.Contains(f.Calls[:], r.Call):
		return Repeated
	case r.Counter >= f.Counter:
		now = now.Round(0).UTC()
		f.Counter = r.Counter + 1
		f.UsedAt = now
		f.prolong(r.Idle, now)
		copy(f.Calls[1:], f.Calls[:])
		f.Calls[0] = r.Call
		return Rotated
	case r.Counter == f.Counter-1 && r.Grace > 0 && now.Sub(f.UsedAt) < r.Grace:
		return Repeated
	}
	f.Ended = true
	return Reused
}
