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

// worth is how many requests a History should have, and grace how much longer
// than asked for it may take to have them.
const (
	worth = 1000
	grace = 3 * time.Second
)

// History lets many clients of a few users sign in and out, renew, read, write
// and revoke at random for the duration d, and checks what each request is
// answered against what had been answered before it began:
//
//   - after a sign-out, a renewal or a revocation that succeeded, no request with
//     an older credential succeeds, and none that was refused once;
//   - a session that nobody ended goes on.
//
// A request that is answered with 503 may have been done or not, which is what
// slow databases on busy machines do; a store that fails often fails the test.
//
// The stores are several doors to one database. It takes a little longer than d,
// and on a slow machine a few seconds.
func History(t *testing.T, d time.Duration, stores ...session.Store) {
	t.Helper()
	var sites []http.Handler
	for _, s := range stores {
		site, err := NewHistorySite(s)
		ok(t, "New", err)
		sites = append(sites, site)
	}
	HistoryAt(t, d, sites...)
}

// HistoryAt is History for stores in processes of their own: each of sites passes
// requests on to a NewHistorySite there.
func HistoryAt(t *testing.T, d time.Duration, sites ...http.Handler) {
	t.Helper()
	h := &history{t: t, until: time.Now().Add(d), sites: sites}
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
	t.Logf("%d requests, %d sign-ins, %d renewals, %d revocations; %d requests were let in, %d refused, %d not answered",
		h.requests.Load(), h.signIns.Load(), h.renewals.Load(), h.revocations.Load(), h.letIn.Load(), h.refused.Load(), h.unknown.Load())
	if h.unknown.Load() > h.requests.Load()/4 {
		t.Errorf("%d of %d requests were not answered", h.unknown.Load(), h.requests.Load())
	}
}

// A history has a clock that ticks with every request that begins or ends, so
// that of two answers it is known which was first.
type history struct {
	t     *testing.T
	until time.Time
	sites []http.Handler
	users [users]*historyUser
	clock atomic.Int64

	requests, signIns, renewals, revocations, letIn, refused, unknown atomic.Int64
}

// An outcome is the answer to a request.
type outcome int

const (
	refused outcome = iota
	letIn
	unknown // what was asked for may have been done or not
)

// send sends a request. It reports when it began and ended, and what came of it.
func (h *history) send(rnd *rand.Rand, path, cookie string) (begin, end int64, res *http.Response, o outcome) {
	r := httptest.NewRequest(http.MethodPost, "https://shop.example"+path, nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	h.requests.Add(1)
	begin = h.clock.Add(1)
	h.sites[rnd.IntN(len(h.sites))].ServeHTTP(w, r)
	end = h.clock.Add(1)
	switch w.Code {
	case http.StatusOK:
		o = letIn
	case http.StatusUnauthorized:
		o = refused
	case http.StatusServiceUnavailable:
		o = unknown
		h.unknown.Add(1)
	default:
		h.t.Errorf("%s: status %d: %s", path, w.Code, w.Body)
		o = unknown
	}
	return begin, end, w.Result(), o
}

func cookieOf(res *http.Response) string {
	pair, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	return pair
}

// act does things until the time is up, or on a slow machine until there has been
// something to look at.
func (h *history) act(rnd *rand.Rand) {
	for !h.t.Failed() {
		late := time.Since(h.until)
		if late > 0 && (h.requests.Load() >= worth || late > grace) {
			return
		}
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
