package sessionsite

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/storetest"
)

// Crash kills a process between any two calls of the store that a sign-in, a
// renewal, a sign-out or a revocation makes, and checks what another process then
// sees (F14): nobody has become another user, or has a proof that was not
// answered; there is one session, or the one that nobody has the cookie of; and
// the same request, sent again, works and ends what it should.
//
// The store is a door to the database of the processes that start starts. It
// returns the site of one, and what kills it.
func Crash(t *testing.T, store session.Store, start func(t *testing.T) (site http.Handler, kill func())) {
	t.Helper()
	m, err := session.New(store, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := storetest.NewHistorySite(store)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range crashes {
		t.Run("F14 I2 "+c.name, func(t *testing.T) {
			x := &crash{t: t, manager: m, other: other}
			for n := 1; ; n++ {
				if n > most {
					t.Fatalf("more than %d steps", most)
				}
				x.subject, x.guest, x.cookie = "u-"+rand.Text(), "u-"+rand.Text(), ""
				if c.before != nil {
					c.before(x)
				}
				site, kill := start(t)
				status, _ := x.send(site, c.request(x), n)
				kill()
				if status != http.StatusBadGateway {
					// It has fewer steps than that.
					if status != http.StatusOK || n <= c.steps {
						t.Fatalf("status %d after %d steps, of which there should be %d", status, n-1, c.steps)
					}
					return
				}
				if !c.after(x) {
					t.Errorf("killed before step %d", n)
				}
			}
		})
	}
}

// most is how many steps a request has at most.
const most = 20

// A crash is one request that was not answered.
type crash struct {
	t              *testing.T
	manager        *session.Manager // of another process
	other          http.Handler     // the same, as a site
	subject, guest string
	cookie         string // of subject, or of a visitor
}

type crashCase struct {
	name    string
	steps   int // calls of the store and the answer, at least
	before  func(x *crash)
	request func(x *crash) string
	after   func(x *crash) bool // false: something is wrong
}

var crashes = []crashCase{
	{"a sign-in", 3, nil, login, func(x *crash) bool {
		return x.sessions(x.subject) <= 1 && x.again(login(x)) && x.endAll()
	}},
	{"a sign-in over a visitor's session", 5, (*crash).visit, login, func(x *crash) bool {
		_, alive := x.who(x.cookie)
		return !alive && x.sessions(x.subject) <= 1 && x.again(login(x)) && !x.visiting() && x.endAll()
	}},
	{"a sign-in over the session of another user, which stands until it is answered or ends", 5, (*crash).signIn,
		func(x *crash) string { return "/login?subject=" + x.guest }, func(x *crash) bool {
			p, alive := x.who(x.cookie)
			if alive && p.Subject != x.subject || x.sessions(x.guest) > 1 || !x.again("/login?subject="+x.guest) {
				return false
			}
			_, alive = x.who(x.cookie)
			return !alive && x.sessions(x.subject) == 0
		}},
	{"a sign-in over a session of the same user", 4, (*crash).signIn, login, func(x *crash) bool {
		return x.sessions(x.subject) == 1 && x.again(login(x)) && x.endAll()
	}},
	{"a step-up", 3, (*crash).signIn, func(*crash) string { return "/elevate" }, func(x *crash) bool {
		p, alive := x.who(x.cookie)
		if alive && len(p.Factors) > 0 || x.sessions(x.subject) != 1 {
			return false
		}
		if alive && !x.again("/elevate") {
			return false
		}
		_, alive = x.who(x.cookie)
		return !alive && x.endAll()
	}},
	{"a sign-out", 3, (*crash).signIn, func(*crash) string { return "/logout" }, func(x *crash) bool {
		return x.again("/logout") && x.sessions(x.subject) == 0 && x.endAll()
	}},
	{"a sign-out everywhere", 2, (*crash).signIn, func(x *crash) string { return "/revokeall?subject=" + x.subject }, func(x *crash) bool {
		return x.again("/revokeall?subject="+x.subject) && x.endAll()
	}},
}

func login(x *crash) string { return "/login?subject=" + x.subject }

// send sends a request with the cookie, to a process that dies before a step. It
// returns the cookie that is set.
func (x *crash) send(site http.Handler, path string, step int) (status int, set string) {
	r := httptest.NewRequest(http.MethodPost, "https://shop.example"+path, nil)
	if x.cookie != "" {
		r.Header.Set("Cookie", x.cookie)
	}
	if step > 0 {
		r.Header.Set(dieBefore, strconv.Itoa(step))
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	set, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return w.Code, set
}

// setUp sends a request that gives the client its cookie.
func (x *crash) setUp(path string, status int) {
	x.t.Helper()
	got, set := x.send(x.other, path, 0)
	if got != status || set == "" {
		x.t.Fatalf("%s: status %d, cookie %q", path, got, set)
	}
	x.cookie = set
	// What is noted at the next use is a step too.
	<-time.After(2 * time.Millisecond)
}

func (x *crash) signIn() { x.setUp(login(x), http.StatusOK) }
func (x *crash) visit()  { x.setUp("/write", http.StatusUnauthorized) }

// again sends the request once more, to another process.
func (x *crash) again(path string) bool {
	x.t.Helper()
	status, _ := x.send(x.other, path, 0)
	if status != http.StatusOK {
		x.t.Errorf("%s again: status %d", path, status)
	}
	return status == http.StatusOK
}

// who is signed in by a cookie.
func (x *crash) who(cookie string) (*auth.Principal, bool) {
	x.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://shop.example/", nil)
	r.Header.Set("Cookie", cookie)
	p, err := x.manager.Authenticate(r)
	if err != nil && !errors.Is(err, auth.ErrNoCredentials) {
		x.t.Fatal(err)
	}
	return p, err == nil
}

// visiting reports whether the visitor's session is there.
func (x *crash) visiting() (there bool) {
	r := httptest.NewRequest(http.MethodGet, "https://shop.example/", nil)
	r.Header.Set("Cookie", x.cookie)
	x.manager.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		there = x.manager.SCS().Exists(r.Context(), "n")
	})).ServeHTTP(httptest.NewRecorder(), r)
	return there
}

// sessions counts those of a user.
func (x *crash) sessions(subject string) int {
	x.t.Helper()
	list, err := x.manager.List(x.t.Context(), subject)
	if err != nil {
		x.t.Fatal(err)
	}
	return len(list)
}

// endAll revokes what the user has, and reports whether that was all: the cookie
// and the list are empty then.
func (x *crash) endAll() bool {
	x.t.Helper()
	if err := x.manager.RevokeSubject(x.t.Context(), x.subject, ""); err != nil {
		x.t.Fatal(err)
	}
	_, alive := x.who(x.cookie)
	return !alive && x.sessions(x.subject) == 0
}
