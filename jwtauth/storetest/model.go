package storetest

import (
	"slices"

	"github.com/go-sallyport/auth/jwtauth"
)

// A model is a family as the requirements describe it, in other words than
// jwtauth.Rotation.Apply. It has no clock: in a History each call has either no
// grace or one that does not end.
type model struct {
	gone    bool   // revoked
	stolen  bool   // a spent token has come again
	spent   uint64 // all tokens up to this one are; the next one is good
	answers [jwtauth.Remembered]jwtauth.CallID
}

// An answer is what a store says to a step.
type answer struct {
	absent  bool
	outcome jwtauth.Outcome // of a rotation
	spent   uint64          // of a look
	stolen  bool            // of a look
}

// A step is something that was done to a family, and what came of it. Begin and
// end are points of a clock that ticks with each.
type step struct {
	kind       stepKind
	counter    uint64
	call       jwtauth.CallID
	grace      bool
	begin, end int64
	got        answer
}

type stepKind string

const (
	rotateStep stepKind = "rotate"
	revokeStep stepKind = "revoke"
	lookStep   stepKind = "look"
)

// do returns the family after a step, and the answer.
func (m model) do(s *step) (model, answer) {
	switch {
	case s.kind == revokeStep:
		m = model{gone: true}
		return m, answer{}
	case m.gone:
		return m, answer{absent: true}
	case s.kind == lookStep:
		return m, answer{spent: m.spent, stolen: m.stolen}
	case m.stolen:
		return m, answer{outcome: jwtauth.Reused}
	case slices.Contains(m.answers[:], s.call):
		return m, answer{outcome: jwtauth.Repeated}
	case s.counter > m.spent:
		m.spent = s.counter
		m.answers = [...]jwtauth.CallID{s.call, m.answers[0], m.answers[1], m.answers[2]}
		return m, answer{outcome: jwtauth.Rotated}
	case s.counter == m.spent && s.grace:
		return m, answer{outcome: jwtauth.Repeated}
	}
	m.stolen = true
	return m, answer{outcome: jwtauth.Reused}
}

// explain reports whether there is an order of the steps in which each comes
// between its begin and its end, and the model gives the answers that the store
// gave (linearizability, Herlihy and Wing 1990). There are at most 64 steps.
func explain(steps []*step) bool {
	type place struct {
		done  uint64
		state model
	}
	seen := make(map[place]bool)
	all := uint64(1)<<len(steps) - 1
	var search func(p place) bool
	search = func(p place) bool {
		if p.done == all {
			return true
		}
		if seen[p] {
			return false
		}
		seen[p] = true
		// What ends first must come before whatever begins after that.
		first := int64(1) << 62
		for i, s := range steps {
			if p.done&(1<<i) == 0 {
				first = min(first, s.end)
			}
		}
		for i, s := range steps {
			if p.done&(1<<i) != 0 || s.begin > first {
				continue
			}
			if next, a := p.state.do(s); a == s.got && search(place{p.done | 1<<i, next}) {
				return true
			}
		}
		return false
	}
	return search(place{})
}
