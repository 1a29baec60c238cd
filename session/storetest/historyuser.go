package storetest

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// A historyUser is what a History knows of one user.
type historyUser struct {
	subject string

	mu       sync.Mutex
	sessions []*historySession
	recent   []*credential // some are dead
	revoking int           // revocations that run
	revoked  int64         // when the last one ended
	haunted  bool          // one was not answered, and may be done at any time
}

// A fate is what is known of a credential, or of all those of one session.
type fate struct {
	threatened atomic.Bool  // something that may end it has begun
	dead       atomic.Int64 // when that had succeeded, or a request was refused
}

func (f *fate) die(at int64) {
	for {
		if old := f.dead.Load(); old != 0 && old <= at || f.dead.CompareAndSwap(old, at) {
			return
		}
	}
}

func (f *fate) deadAt(at int64) bool { d := f.dead.Load(); return d != 0 && d < at }

type historySession struct {
	fate
	id   string
	born int64 // when its sign-in was answered
}

type credential struct {
	fate
	user    *historyUser
	session *historySession
	cookie  string
}

func (u *historyUser) pick(rnd *rand.Rand) *credential {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.recent) == 0 {
		return nil
	}
	return u.recent[rnd.IntN(len(u.recent))]
}

// add makes a credential known. It wants u.mu.
func (u *historyUser) add(c *credential) {
	const recent = 24
	if len(u.recent) == recent {
		u.recent = u.recent[1:]
	}
	u.recent = append(u.recent, c)
}
