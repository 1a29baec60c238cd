package faults

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// A kind of credential.
type kind int

const (
	session kind = iota
	family       // of refresh tokens
	access       // an access token
)

// delays is how long the end of a credential may take to be seen by other processes. The
// epochs of access tokens are kept for a while (jwtauth.VerifierConfig.EpochDelay), which
// the reference server leaves at its default; all else ends at once.
var delays = map[kind]time.Duration{access: 10 * time.Second}

// A credential of the one user of a history.
type credential struct {
	kind kind
	id   int
	born time.Time // its sign-in was answered
}

// An event is a request of the history that was answered.
type event struct {
	who        *credential
	verb       string // "use", "end", "end others"
	start, end time.Time
	status     int
	head, next string // of a rotation: what was presented, and what came of it
}

// A history is all that happened to one user. What is checked is what every order of the
// requests that ran at the same time has in common: an end that was answered before a
// request was sent is before it.
type history struct {
	credentials []*credential
	events      []event
}

// ended returns, for each credential, when it was first answered that it has ended, and
// when a request that may have ended it was first sent.
func (h *history) ended() (answered, sent map[*credential]time.Time) {
	answered, sent = map[*credential]time.Time{}, map[*credential]time.Time{}
	earlier := func(m map[*credential]time.Time, c *credential, at time.Time) {
		if first, ok := m[c]; !ok || at.Before(first) {
			m[c] = at
		}
	}
	for _, e := range h.events {
		switch e.verb {
		case "end":
			earlier(sent, e.who, e.start)
			if e.status == 204 {
				earlier(answered, e.who, e.end)
			}
		case "end others":
			for _, c := range h.credentials {
				if c == e.who {
					continue
				}
				earlier(sent, c, e.start)
				if e.status == 204 && c.born.Before(e.start) {
					earlier(answered, c, e.end)
				}
			}
		}
	}
	return answered, sent
}

// violations are what must not be in a history: a use after the end (I2), a head with two
// successors (I3), a refusal of what nobody has ended (I4).
func (h *history) violations() (list []string) {
	answered, sent := h.ended()
	for _, e := range h.events {
		if e.verb != "use" {
			continue
		}
		if end, ok := answered[e.who]; ok && e.status == 200 && e.start.After(end.Add(delays[e.who.kind])) {
			list = append(list, "I2 "+e.who.String()+" is good after it was ended, by "+e.start.Sub(end).String())
		}
		if begin, ok := sent[e.who]; e.status == 401 && (!ok || e.end.Before(begin)) {
			list = append(list, "I4 "+e.who.String()+" is refused, and nobody has ended it")
		}
	}
	successors := map[string]map[string]bool{}
	for _, e := range h.events {
		if e.next == "" {
			continue
		}
		if successors[e.head] == nil {
			successors[e.head] = map[string]bool{}
		}
		successors[e.head][e.next] = true
	}
	for _, next := range slices.Collect(maps.Values(successors)) {
		if len(next) > 1 {
			list = append(list, "I3 a head has more than one successor")
		}
	}
	return list
}

func (c *credential) String() string {
	return [...]string{"a session", "a family", "an access token"}[c.kind]
}

// A checker that finds nothing is no proof: these histories have one fault each.
func TestHistoryChecker(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	a, b := &credential{kind: session, born: at(0)}, &credential{kind: session, id: 1, born: at(5)}
	token := &credential{kind: access, id: 2, born: at(0)}
	all := []*credential{a, b, token}
	use := func(c *credential, from, to, status int) event {
		return event{who: c, verb: "use", start: at(from), end: at(to), status: status}
	}
	for name, tc := range map[string]struct {
		events []event
		want   int
	}{
		"nothing":            {nil, 0},
		"before its end":     {[]event{use(a, 1, 2, 200), {who: a, verb: "end", start: at(3), end: at(4), status: 204}, use(a, 5, 6, 401)}, 0},
		"beside its end":     {[]event{{who: a, verb: "end", start: at(3), end: at(5), status: 204}, use(a, 4, 6, 200), use(a, 4, 6, 401)}, 0},
		"after its end":      {[]event{{who: a, verb: "end", start: at(3), end: at(4), status: 204}, use(a, 5, 6, 200)}, 1},
		"an end that failed": {[]event{{who: a, verb: "end", start: at(3), end: at(4), status: 503}, use(a, 5, 6, 200), use(a, 7, 8, 401)}, 0},
		"ended by another":   {[]event{{who: b, verb: "end others", start: at(6), end: at(7), status: 204}, use(a, 8, 9, 200), use(b, 8, 9, 200)}, 1},
		"born meanwhile":     {[]event{{who: a, verb: "end others", start: at(4), end: at(7), status: 204}, use(b, 8, 9, 200)}, 0},
		"a token, in time":   {[]event{{who: a, verb: "end others", start: at(1), end: at(2), status: 204}, use(token, 3, 4, 200)}, 0},
		"a token, too late":  {[]event{{who: a, verb: "end others", start: at(1), end: at(2), status: 204}, use(token, 13, 14, 200)}, 1},
		"refused":            {[]event{use(a, 1, 2, 401), {who: a, verb: "end", start: at(3), end: at(4), status: 204}}, 1},
		"two heads":          {[]event{{who: a, verb: "use", status: 200, head: "x", next: "y"}, {who: a, verb: "use", status: 200, head: "x", next: "z"}}, 1},
		"one head":           {[]event{{who: a, verb: "use", status: 200, head: "x", next: "y"}, {who: a, verb: "use", status: 200, head: "x", next: "y"}}, 0},
	} {
		h := history{credentials: all, events: tc.events}
		if got := h.violations(); len(got) != tc.want {
			t.Errorf("%s: %v, want %d", name, got, tc.want)
		}
	}
}
