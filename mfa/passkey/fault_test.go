package passkey_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/problem"
)

// only is a fault of one method.
func only(method string, err error) func(string) error {
	return func(m string) error {
		if m == method {
			return err
		}
		return nil
	}
}

func TestFaults(t *testing.T) {
	t.Run("MFA-12 F13 a store that is down refuses everybody", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.enrolled("alice", d)
		other := g.browser.Another(t)
		g.want(g.login(other, "alice"), 401)
		login, factor, register := d.get(g.begin(other, "login"), twist{}), d.get(g.begin(other, "factor"), twist{}), d.create(g.begin(b, "register"), twist{})
		id := mine(g, "alice")
		g.store.on(func(string) error { return errDown }, nil)
		g.want(g.login(g.browser.Another(t), "alice"), 503)
		g.want(g.finish(other, "login", login), 503)
		g.want(g.finish(other, "factor", factor), 503)
		g.want(other.PostJSON("/passkeys/factor/begin", "{}"), 503)
		g.want(b.PostJSON("/passkeys/register/begin", "{}"), 503)
		g.want(g.finish(b, "register", register), 503)
		g.want(b.Fetch("GET", "/passkeys", nil), 503)
		g.want(b.Fetch("PATCH", "/passkeys/"+id, map[string]string{"name": "x"}), 503)
		g.want(b.Fetch("DELETE", "/passkeys/"+id, nil), 503)
		g.want(other.Fetch("GET", "/private", nil), 401)
		g.store.on(nil, nil)
		g.want(g.finish(other, "login", login), 204) // nothing was used up
	})
	for _, method := range []string{"Find", "Use"} {
		t.Run("F13 a store that fails at "+method+" signs nobody in, and uses nothing up", func(t *testing.T) {
			g, d := newRig(t), newDevice(t)
			g.enrolled("alice", d)
			b := g.browser.Another(t)
			answer := d.get(g.begin(b, "login"), twist{})
			g.store.on(only(method, errDown), nil)
			g.want(g.finish(b, "login", answer), 503)
			g.want(b.Fetch("GET", "/private", nil), 401)
			g.store.on(nil, nil)
			g.want(g.finish(b, "login", answer), 204)
		})
	}
	t.Run("F03 an answer of the store to Use that is lost signs nobody in, and the next sign-in is good", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		d.count = 1
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		answer := d.get(g.begin(b, "login"), twist{})
		g.store.on(nil, only("Use", errDown))
		g.want(g.finish(b, "login", answer), 503)
		g.store.on(nil, nil)
		g.want(g.finish(b, "login", answer), 401, problem.PasskeyChallengeInvalid)
		g.want(b.Fetch("GET", "/private", nil), 401)
		g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{})), 204)
	})
	t.Run("F03 an answer of the store to Add that is lost: the passkey is there, once", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.browser.Another(t)
		g.want(g.login(b, "alice"), 204)
		made := d.create(g.begin(b, "register"), twist{})
		g.store.on(nil, only("Add", errDown))
		g.want(g.finish(b, "register", made), 503)
		g.store.on(nil, nil)
		g.want(g.finish(g.browser, "login", d.get(g.begin(g.browser, "login"), twist{})), 204)
	})
	t.Run("MFA-08 F03 I2 an answer of the store to Remove that is lost: who tries again has ended what came meanwhile", func(t *testing.T) {
		g := newRig(t)
		b, thief := g.enrolled("alice", newDevice(t)), g.browser.Another(t)
		id := mine(g, "alice")
		g.store.on(nil, func(method string) error {
			if method != "Remove" {
				return nil
			}
			g.want(g.login(thief, "alice"), 204) // by the password alone, as of now
			return errDown
		})
		g.want(b.Fetch("DELETE", "/passkeys/"+id, nil), 503)
		g.store.on(nil, nil)
		g.want(thief.Fetch("GET", "/private", nil), 204) // the 503 said so
		g.want(b.Fetch("DELETE", "/passkeys/"+id, nil), 204)
		g.want(thief.Fetch("GET", "/private", nil), 401)
		g.want(b.Fetch("GET", "/private", nil), 204)
	})
	t.Run("F15 a client that goes while the passkey is used: the answer is used up", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		d.count = 1
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		answer := encodeJSON(t, d.get(g.begin(b, "login"), twist{}))
		ctx, cancel := context.WithCancel(t.Context())
		g.store.on(func(method string) error {
			if method == "Use" {
				cancel()
			}
			return nil
		}, nil)
		r := post("POST", answer)
		r.URL.Path = "/passkeys/login/finish"
		r.AddCookie(b.Cookie("__Host-passkey"))
		record(r.WithContext(ctx), g.handler)
		list, err := g.passkeys.List(t.Context(), "alice")
		if err != nil || list[0].SignCount != 2 {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("F15 a client that goes while a passkey is registered: it is there", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.browser.Another(t)
		g.want(g.login(b, "alice"), 204)
		answer := encodeJSON(t, d.create(g.begin(b, "register"), twist{}))
		ctx, cancel := context.WithCancel(t.Context())
		g.store.on(func(method string) error {
			if method == "Add" {
				cancel()
			}
			return nil
		}, nil)
		r := post("POST", answer)
		r.URL.Path = "/passkeys/register/finish"
		r.AddCookie(b.Cookie("__Host-passkey"))
		r.AddCookie(b.Cookie("__Host-session"))
		record(r.WithContext(ctx), g.handler)
		if list, err := g.passkeys.List(t.Context(), "alice"); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("F16 a panic of the store, or of Current, is a 500, and the next request is fine", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.enrolled("alice", d)
		for _, method := range []string{"Find", "Use", "List"} {
			g.store.on(func(m string) error {
				if m == method {
					panic("the driver")
				}
				return nil
			}, nil)
			if method == "List" {
				g.want(b.Fetch("GET", "/passkeys", nil), 500)
			} else {
				c := g.browser.Another(t)
				g.want(g.finish(c, "login", d.get(g.begin(c, "login"), twist{})), 500)
				g.want(c.Fetch("GET", "/private", nil), 401)
			}
			g.store.on(nil, nil)
		}
		g.want(b.Fetch("GET", "/passkeys", nil), 200)
		boom := true
		h := newRig(t, func(c *passkey.Config) {
			c.Current = func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
				if boom {
					panic("roles")
				}
				return p, nil
			}
			c.OnEvent = func(context.Context, auth.Event) { panic("a sink") }
		})
		d = newDevice(t)
		h.enrolled("alice", d)
		c := h.browser.Another(t)
		h.want(h.finish(c, "login", d.get(h.begin(c, "login"), twist{})), 500)
		h.want(c.Fetch("GET", "/private", nil), 401)
		boom = false
		h.want(h.finish(c, "login", d.get(h.begin(c, "login"), twist{})), 204)
	})
	t.Run("Current that returns nobody, or somebody else, signs nobody in", func(t *testing.T) {
		for _, p := range []*auth.Principal{nil, {Subject: "bob"}} {
			g, d := newRig(t, func(c *passkey.Config) {
				c.Current = func(context.Context, *auth.Principal) (*auth.Principal, error) { return p, nil }
			}), newDevice(t)
			g.enrolled("alice", d)
			b := g.browser.Another(t)
			g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{})), 500)
			g.want(b.Fetch("GET", "/private", nil), 401)
		}
	})
	t.Run("Current that forgets how the sign-in came about does not weaken it", func(t *testing.T) {
		g, d := newRig(t, func(c *passkey.Config) {
			c.Current = func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
				return &auth.Principal{Subject: p.Subject}, nil
			}
		}), newDevice(t)
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{})), 204)
		g.want(b.Fetch("GET", "/sensitive", nil), 204)
	})
	for name, elevate := range map[string]func(context.Context, auth.Factor) error{
		"F01": func(context.Context, auth.Factor) error { return errDown },
		"F16": func(context.Context, auth.Factor) error { panic("the hook") },
	} {
		t.Run("MFA-08 SES-04 "+name+" a session that cannot be renewed ends with the others, and the passkey is registered", func(t *testing.T) {
			g, d := newRig(t, func(c *passkey.Config) { c.Elevate = elevate }), newDevice(t)
			b := g.enrolled("alice", d)
			g.wantTold(passkey.EventFault, passkey.EventRegistered)
			g.want(b.Fetch("GET", "/private", nil), 401)
			g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{})), 204)
			g.want(b.Fetch("GET", "/sensitive", nil), 204)
		})
	}
	t.Run("F25 10,000 challenges that nobody answers leave nothing", func(t *testing.T) {
		g := newRig(t)
		var calls atomic.Int64
		g.store.on(func(string) error { calls.Add(1); return nil }, nil)
		h := g.passkeys.LoginBeginHandler()
		for range testkit.Volume(10_000) {
			if w := record(post("POST", ""), h); w.Code != 200 {
				t.Fatal(w.Code)
			}
		}
		if calls.Load() != 0 {
			t.Errorf("%d calls of the store", calls.Load())
		}
	})
	t.Run("F25 answers that are wrong leave nothing", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		g.store.on(only("Use", errDown), nil) // is not reached
		for range 100 {
			b := g.browser.Another(t)
			wrong := twist{signature: func(s []byte) []byte { s[8] ^= 1; return s }}
			g.want(g.finish(b, "login", d.get(g.begin(b, "login"), wrong)), 401)
		}
	})
	t.Run("a memory store that is full refuses, and forgets nothing", func(t *testing.T) {
		s, err := passkey.NewMemoryStore(passkey.MemoryConfig{MaxSubjects: 1, MaxAnswers: 2})
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.UserHandle(t.Context(), "alice", passkey.UserHandle{1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.UserHandle(t.Context(), "bob", passkey.UserHandle{2}); err == nil {
			t.Error("a subject too many")
		}
		c := passkey.Credential{CredentialID: []byte{1}, Subject: "alice", UserHandle: h}
		answers := [3]passkey.Answer{{Challenge: passkey.ChallengeID{1}, Keep: 1 << 40}, {Challenge: passkey.ChallengeID{2}, Keep: 1 << 40}, {Challenge: passkey.ChallengeID{3}, Keep: 1 << 40}}
		u := passkey.Use{ID: c.ID(), Subject: "alice"}
		if err := errors.Join(s.Add(t.Context(), c, answers[0], 5), s.Use(t.Context(), u, answers[1])); err != nil {
			t.Fatal(err)
		}
		if err := s.Use(t.Context(), u, answers[2]); err == nil {
			t.Error("an answer too many")
		}
		again := answers[1]
		again.Call = passkey.CallID{9}
		if err := s.Use(t.Context(), u, again); !errors.Is(err, passkey.ErrAnswered) {
			t.Error(err)
		}
		if _, err := passkey.NewMemoryStore(passkey.MemoryConfig{MaxAnswers: -1}); err == nil {
			t.Error("a negative bound")
		}
	})
}
