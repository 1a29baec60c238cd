package storetest

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/session"
)

// actors is how many goroutines a History has, and users whom they share.
const (
	actors = 64
	users  = 6
)

// History lets many clients of a few users sign in and out, renew, read, write
// and revoke at random for the duration d, and checks what each request is
// answered against what had been answered before it began:
//
//   - after a sign-out, a renewal or a revocation that succeeded, no request with
//     an older credential succeeds, and none that was refused once;
//   - a session that nobody ended goes on.
//
// The stores are several doors to one database, such as those of two processes.
// It takes a little longer than d.
func History(t *testing.T, d time.Duration, stores ...session.Store) {
	h := &history{t: t, until: time.Now().Add(d)}
	for _, s := range stores {
		h.sites = append(h.sites, newHistorySite(t, s))
	}
	for i := range h.users {
		h.users[i] = &historyUser{subject: newRecord().Principal.Subject}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for i := range actors {
		wg.Go(func() { h.act(rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	wg.Wait()
	h.conclude()
	t.Logf("%d requests, %d sign-ins, %d renewals, %d revocations; %d requests were let in, %d refused",
		h.requests.Load(), h.signIns.Load(), h.renewals.Load(), h.revocations.Load(), h.letIn.Load(), h.refused.Load())
}

// A history has a clock that ticks with every request that begins or ends, so
// that of two answers it is known which was first.
type history struct {
	t     *testing.T
	until time.Time
	sites []http.Handler
	users [users]*historyUser
	clock atomic.Int64

	requests, signIns, renewals, revocations, letIn, refused atomic.Int64
}

type historyUser struct {
	subject string

	mu       sync.Mutex
	sessions []*historySession
	recent   []*credential // some are dead
	revoking int           // revocations that run
	revoked  int64         // when the last one ended
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

// send sends a request. It reports when it began and ended, whether it was let
// in, and the cookie that it set.
func (h *history) send(rnd *rand.Rand, path, cookie string) (begin, end int64, res *http.Response, in bool) {
	r := httptest.NewRequest(http.MethodPost, "https://shop.example"+path, nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	h.requests.Add(1)
	begin = h.clock.Add(1)
	h.sites[rnd.IntN(len(h.sites))].ServeHTTP(w, r)
	end = h.clock.Add(1)
	if w.Code != http.StatusOK && w.Code != http.StatusUnauthorized {
		h.t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
	}
	return begin, end, w.Result(), w.Code == http.StatusOK
}

func cookieOf(res *http.Response) string {
	pair, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	return pair
}

// act does things until the time is up.
func (h *history) act(rnd *rand.Rand) {
	for time.Now().Before(h.until) && !h.t.Failed() {
		u := h.users[rnd.IntN(len(h.users))]
		c := u.pick(rnd)
		if c == nil {
			h.signIn(rnd, u, nil)
			continue
		}
		switch n := rnd.IntN(100); {
		case n < 15:
			h.signIn(rnd, u, nil)
		case n < 20:
			h.signIn(rnd, u, c)
		case n < 55:
			h.use(rnd, c, "/read")
		case n < 70:
			h.use(rnd, c, "/write")
		case n < 85:
			h.elevate(rnd, c)
		case n < 93:
			h.signOut(rnd, c)
		case n < 97:
			h.revoke(rnd, c)
		case n < 99:
			h.revokeAll(rnd, u, c)
		default:
			h.revokeAll(rnd, u, nil)
		}
	}
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

// judge holds the answer to a request with c to what was known when it began.
func (h *history) judge(c *credential, path string, begin, end int64, in bool) {
	if in {
		h.letIn.Add(1)
		if c.deadAt(begin) || c.session.deadAt(begin) {
			h.t.Errorf("%s at %d was let in; the credential was dead at %d, its session at %d", path, begin, c.dead.Load(), c.session.dead.Load())
		}
		return
	}
	h.refused.Add(1)
	if !c.threatened.Load() && !c.session.threatened.Load() {
		h.t.Errorf("%s at %d was refused, and nobody has ended the session", path, begin)
	}
	// A write is also refused if the credential ended while it ran. It did.
	c.die(end)
}

func (h *history) use(rnd *rand.Rand, c *credential, path string) {
	begin, end, _, in := h.send(rnd, path, c.cookie)
	h.judge(c, path, begin, end, in)
}

func (h *history) signIn(rnd *rand.Rand, u *historyUser, over *credential) {
	cookie := ""
	if over != nil {
		over.threatened.Store(true)
		over.session.threatened.Store(true)
		cookie = over.cookie
	}
	begin, end, res, in := h.send(rnd, "/login?subject="+u.subject, cookie)
	if !in {
		// Its values could not be written: it was revoked before its answer.
		return
	}
	h.signIns.Add(1)
	c := &credential{user: u, session: &historySession{}, cookie: cookieOf(res)}
	_, _, res, alive := h.send(rnd, "/read", c.cookie)
	c.session.id, c.session.born = res.Header.Get("Session"), end
	if over != nil {
		over.die(end)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.revoking > 0 || u.revoked > begin {
		c.session.threatened.Store(true)
	} else if !alive {
		h.t.Error("a sign-in that nobody ended is worth nothing")
	}
	if !alive {
		return
	}
	u.sessions = append(u.sessions, c.session)
	u.add(c)
}

func (h *history) elevate(rnd *rand.Rand, c *credential) {
	c.threatened.Store(true)
	begin, end, res, in := h.send(rnd, "/elevate", c.cookie)
	h.judge(c, "/elevate", begin, end, in)
	if !in {
		return
	}
	h.renewals.Add(1)
	c.die(end)
	c.user.mu.Lock()
	defer c.user.mu.Unlock()
	c.user.add(&credential{user: c.user, session: c.session, cookie: cookieOf(res)})
}

func (h *history) signOut(rnd *rand.Rand, c *credential) {
	c.threatened.Store(true)
	c.session.threatened.Store(true)
	if _, end, _, in := h.send(rnd, "/logout", c.cookie); in {
		c.die(end)
	}
}

func (h *history) revoke(rnd *rand.Rand, c *credential) {
	c.session.threatened.Store(true)
	if _, end, _, in := h.send(rnd, "/revoke?subject="+c.user.subject+"&id="+c.session.id, ""); in {
		c.session.die(end)
		h.revocations.Add(1)
	}
}

// revokeAll ends all sessions of u, but that of except.
func (h *history) revokeAll(rnd *rand.Rand, u *historyUser, except *credential) {
	u.mu.Lock()
	u.revoking++
	for _, s := range u.sessions {
		if except == nil || s != except.session {
			s.threatened.Store(true)
		}
	}
	old := u.sessions
	u.mu.Unlock()
	var begin, end int64
	var in bool
	if except == nil {
		begin, end, _, in = h.send(rnd, "/revokeall?subject="+u.subject, "")
	} else {
		begin, end, _, in = h.send(rnd, "/others", except.cookie)
		h.judge(except, "/others", begin, end, in)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.revoking--
	u.revoked = h.clock.Add(1)
	if !in {
		return
	}
	h.revocations.Add(1)
	for _, s := range old {
		if s.born < begin && (except == nil || s != except.session) {
			s.die(end)
		}
	}
}

// conclude asks once more for all that is known, then ends everything.
func (h *history) conclude() {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, u := range h.users {
		for _, c := range u.recent {
			h.use(rnd, c, "/read")
		}
		h.revokeAll(rnd, u, nil)
		for _, c := range u.recent {
			h.use(rnd, c, "/read")
		}
	}
}
