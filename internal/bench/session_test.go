package bench

import (
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/gorilla/sessions"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
)

// A user is what a service on a peer keeps of who signed in: what is in the
// principal below.
type user struct {
	Subject string
	Roles   []string
	Factors []factor
	At      time.Time
}

type factor struct {
	Kind string
	At   time.Time
}

func principal() *auth.Principal {
	now := time.Now()
	return &auth.Principal{
		Subject: "u-alice", Roles: []string{"customer", "manager"}, AuthenticatedAt: now,
		Factors: []auth.Factor{{Kind: auth.FactorPassword, At: now}},
	}
}

func peerUser() user {
	gob.Register(user{})
	p := principal()
	return user{Subject: p.Subject, Roles: p.Roles, At: p.AuthenticatedAt, Factors: []factor{{p.Factors[0].Kind, p.Factors[0].At}}}
}

// A contender is a session middleware around two handlers: read asks who signed
// in, modify changes a value of the session as well. The cookie names a session
// of the user above with one value.
type contender struct {
	who          string
	cookie       string
	read, modify http.Handler
}

// signIn is the cookie that h sets.
func signIn(h http.Handler) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "https://shop.example/login", nil))
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return cookie
}

func sallyport(b *testing.B, store session.Store) contender {
	b.Helper()
	m, err := session.New(store, session.Config{})
	if err != nil {
		b.Fatal(err)
	}
	c := contender{who: "sallyport"}
	c.cookie = signIn(m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := m.Begin(r.Context(), principal()); err != nil {
			b.Error(err)
		}
		m.SCS().Put(r.Context(), "cart", 3)
	})))
	c.read = m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if p, err := m.Authenticate(r); err != nil || p.Subject != "u-alice" {
			b.Error(p, err)
		}
	}))
	c.modify = m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if p, err := m.Authenticate(r); err != nil || p.Subject != "u-alice" {
			b.Error(p, err)
		}
		m.SCS().Put(r.Context(), "cart", 4)
	}))
	return c
}

func scsOver(b *testing.B, store scs.Store) contender {
	b.Helper()
	m := scs.New()
	m.Store = store
	c := contender{who: "scs"}
	alice := peerUser()
	c.cookie = signIn(m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		m.Put(r.Context(), "user", alice)
		m.Put(r.Context(), "cart", 3)
	})))
	c.read = m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if u, ok := m.Get(r.Context(), "user").(user); !ok || u.Subject != "u-alice" {
			b.Error("scs: no user")
		}
	}))
	c.modify = m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if u, ok := m.Get(r.Context(), "user").(user); !ok || u.Subject != "u-alice" {
			b.Error("scs: no user")
		}
		m.Put(r.Context(), "cart", 4)
	}))
	return c
}

// gorilla keeps the session in a signed cookie. Encrypting it too would cost more.
func gorilla(b *testing.B) contender {
	b.Helper()
	store := sessions.NewCookieStore([]byte("0123456789abcdef0123456789abcdef"))
	c := contender{who: "gorilla"}
	alice := peerUser()
	c.cookie = signIn(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "session")
		if err != nil {
			b.Error(err)
		}
		s.Values["user"], s.Values["cart"] = alice, 3
		if err := s.Save(r, w); err != nil {
			b.Error(err)
		}
	}))
	load := func(given *http.Request) (*http.Request, *sessions.Session) {
		r := new(http.Request)
		*r = *given // the store leaves its sessions in the request
		s, err := store.Get(r, "session")
		if err != nil {
			b.Error(err)
		}
		if u, ok := s.Values["user"].(user); !ok || u.Subject != "u-alice" {
			b.Error("gorilla: no user")
		}
		return r, s
	}
	c.read = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { load(r) })
	c.modify = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, s := load(r)
		s.Values["cart"] = 4
		if err := s.Save(r, w); err != nil {
			b.Error(err)
		}
	})
	return c
}

// minimum is what a session in memory cannot do without: a cookie, the hash of the
// token in it, a map, a context.
type minimum struct {
	store map[[sha256.Size]byte]*auth.Principal
}

type minimumKey struct{}

func newMinimum() minimum { return minimum{map[[sha256.Size]byte]*auth.Principal{}} }

// add returns the token of a user.
func (m minimum) add(user int) string {
	token := fmt.Sprintf("%043d", user)
	p := principal()
	p.Subject = "u-" + strconv.Itoa(user)
	m.store[sha256.Sum256([]byte(token))] = p
	return token
}

func (m minimum) load(r *http.Request) *http.Request {
	_, value, _ := strings.Cut(r.Header["Cookie"][0], "=")
	return r.WithContext(context.WithValue(r.Context(), minimumKey{}, m.store[sha256.Sum256([]byte(value))]))
}

func limit() contender {
	m := newMinimum()
	return contender{who: "limit", cookie: "session=" + m.add(1), read: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { m.load(r) })}
}

func (c contender) request() *http.Request {
	r := httptest.NewRequest("GET", "https://shop.example/", nil)
	r.Header.Set("Cookie", c.cookie)
	return r
}

// BenchmarkSession is one request with a session in memory; gorilla's is in the
// cookie. To modify is to change a value: scs and gorilla then send the cookie
// again, ours has no reason to.
func BenchmarkSession(b *testing.B) {
	contenders := []contender{limit(), sallyport(b, nil), scsOver(b, memstore.NewWithCleanupInterval(0)), gorilla(b)}
	for _, op := range []string{"read", "modify"} {
		for _, c := range contenders {
			h := c.read
			if op == "modify" {
				h = c.modify
			}
			if h == nil {
				continue
			}
			b.Run("store=memory/op="+op+"/who="+c.who, func(b *testing.B) {
				r, w := c.request(), newSink()
				b.ReportAllocs()
				for b.Loop() {
					h.ServeHTTP(w.next(), r)
				}
			})
		}
	}
}

// BenchmarkSessionRenew gives the session a new id and sends the cookie.
func BenchmarkSessionRenew(b *testing.B) {
	run := func(who, cookie string, h http.Handler) {
		b.Run("who="+who, func(b *testing.B) {
			r, w := httptest.NewRequest("POST", "https://shop.example/", nil), newSink()
			r.Header.Set("Cookie", cookie)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w.next(), r)
				cookie, _, ok := strings.Cut(w.header.Get("Set-Cookie"), ";")
				if !ok {
					b.Fatal("no cookie")
				}
				r.Header.Set("Cookie", cookie)
			}
		})
	}
	m, err := session.New(nil, session.Config{})
	if err != nil {
		b.Fatal(err)
	}
	run("sallyport", signIn(m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := m.Begin(r.Context(), principal()); err != nil {
			b.Error(err)
		}
	}))), m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := m.Elevate(r.Context(), auth.Factor{Kind: auth.FactorOTP}); err != nil {
			b.Error(err)
		}
	})))
	peer := scs.New()
	peer.Store = memstore.NewWithCleanupInterval(0)
	alice := peerUser()
	run("scs", signIn(peer.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		peer.Put(r.Context(), "user", alice)
	}))), peer.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := peer.RenewToken(r.Context()); err != nil {
			b.Error(err)
		}
		u, _ := peer.Get(r.Context(), "user").(user)
		u.Factors = append(u.Factors[:1:1], factor{auth.FactorOTP, time.Now()})
		peer.Put(r.Context(), "user", u)
	})))
}

// BenchmarkSessionDecode turns stored bytes into who signed in.
func BenchmarkSessionDecode(b *testing.B) {
	now := time.Now()
	p := principal()
	p.Method, p.CredentialID = auth.MethodSession, "public"
	ours, err := (&session.Record{ID: "public", Principal: p, Created: now, Seen: now, Deadline: now}).AppendBinary(nil)
	if err != nil {
		b.Fatal(err)
	}
	theirs, err := scs.GobCodec{}.Encode(now, map[string]any{"user": peerUser()})
	if err != nil {
		b.Fatal(err)
	}
	plain, err := json.Marshal(peerUser())
	if err != nil {
		b.Fatal(err)
	}
	for _, tc := range []struct {
		who    string
		decode func() error
	}{
		{"sallyport", func() error { return new(session.Record).UnmarshalBinary(ours) }},
		{"scs", func() error { _, _, err := scs.GobCodec{}.Decode(theirs); return err }},
		{"json", func() error { return json.Unmarshal(plain, new(user)) }},
	} {
		b.Run("who="+tc.who, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := tc.decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
