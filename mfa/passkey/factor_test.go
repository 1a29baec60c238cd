package passkey_test

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/problem"
)

func TestFactor(t *testing.T) {
	t.Run("MFA-07 MFA-15 a Gate asks whoever has a passkey, which completes the sign-in", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		res := g.want(g.login(b, "alice"), 401, problem.MFARequired)
		if f, _ := res.Problem().Extensions["factors"].([]any); len(f) != 1 || f[0] != "hwk" {
			t.Errorf("factors %v", f)
		}
		begun := g.begin(b, "factor")
		if pk := begun.PublicKey; pk.RPID != "example.com" || pk.UserVerification != "preferred" || len(pk.AllowCredentials) != 1 ||
			pk.AllowCredentials[0].ID != text(d.keys[0].id) || len(pk.AllowCredentials[0].Transports) != 2 || len(b64(t, pk.Challenge)) < 16 {
			t.Errorf("%+v", pk)
		}
		g.want(b.Fetch("GET", "/private", nil), 401)
		d.flags = up // no PIN: the password was the other factor
		g.told()
		g.want(g.finish(b, "factor", d.get(begun, twist{})), 204)
		g.wantTold(passkey.EventVerified)
		res = g.want(b.Fetch("GET", "/sensitive", nil), 204)
		if f := res.Header["X-Factor"]; len(f) != 2 || res.Header.Get("X-User") != "alice" {
			t.Errorf("%v", res.Header)
		}
	})
	t.Run("MFA-14 it steps up", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.enrolled("alice", d)
		g.clock.Advance(6 * time.Minute)
		g.want(b.Fetch("GET", "/sensitive", nil), 401, problem.StepUpRequired)
		g.want(g.finish(b, "factor", d.get(g.begin(b, "factor"), twist{})), 204)
		g.want(b.Fetch("GET", "/sensitive", nil), 204)
	})
	t.Run("nothing waits, or there is no passkey", func(t *testing.T) {
		g := newRig(t)
		g.want(g.browser.PostJSON("/passkeys/factor/begin", "{}"), 401, problem.MFAChallengeInvalid)
		g.want(g.login(g.browser, "alice"), 204)
		g.want(g.browser.PostJSON("/passkeys/factor/begin", "{}"), 409, problem.MFANotEnrolled)
	})
	t.Run("MFA-15 a user with two passkeys uses either", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.enrolled("alice", d)
		d.alg = eddsa
		g.want(g.finish(b, "register", d.create(g.begin(b, "register"), twist{})), 201)
		for i := range 2 {
			g.want(g.login(b, "alice"), 401)
			g.want(g.finish(b, "factor", d.get(g.begin(b, "factor"), twist{use: func(keys []*key) *key { return keys[i] }})), 204)
		}
	})
	t.Run("MFA-15 a passkey that was removed is none", func(t *testing.T) {
		g, d, spare := newRig(t), newDevice(t), newDevice(t)
		b := g.enrolled("alice", d)
		id := mine(g, "alice")
		g.clock.Advance(time.Second)
		g.want(g.finish(b, "register", spare.create(g.begin(b, "register"), twist{})), 201)
		other := g.browser.Another(t)
		g.want(b.Fetch("DELETE", "/passkeys/"+id, nil), 204)
		g.want(g.login(other, "alice"), 401)
		g.want(g.finish(other, "factor", d.get(g.begin(other, "factor"), twist{})), 401, problem.PasskeyUnknown)
		g.want(g.finish(other, "factor", spare.get(g.begin(other, "factor"), twist{})), 204)
	})
	t.Run("Manager.Remove of package mfa removes passkeys too", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		g.must(g.factors.Remove(t.Context(), "alice"))
		g.want(g.login(g.browser, "alice"), 204)
		if list, err := g.passkeys.List(t.Context(), "alice"); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
	t.Run("MFA-05 attempts are counted", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		g.want(g.login(b, "alice"), 401)
		begun := g.begin(b, "factor")
		wrong := twist{signature: func([]byte) []byte { return random(70) }}
		for range 5 {
			g.want(g.finish(b, "factor", d.get(begun, wrong)), 401, problem.PasskeyInvalid)
		}
		g.want(g.finish(b, "factor", d.get(begun, twist{})), 429)
	})
}

func TestLogin(t *testing.T) {
	for name, alg := range map[string]int{"ES256": es256, "EdDSA": eddsa, "RS256": rs256} {
		t.Run("MFA-15 a passkey alone signs in, past the Gate: "+name, func(t *testing.T) {
			g, d := newRig(t), newDevice(t)
			d.alg, d.count = alg, 1
			g.enrolled("alice", d)
			b := g.browser.Another(t)
			begun := g.begin(b, "login")
			if pk := begun.PublicKey; pk.UserVerification != "required" || len(pk.AllowCredentials) != 0 || pk.RPID != "example.com" {
				t.Errorf("%+v", pk)
			}
			g.told()
			g.want(g.finish(b, "login", d.get(begun, twist{})), 204)
			g.wantTold(passkey.EventVerified)
			res := g.want(b.Fetch("GET", "/sensitive", nil), 204)
			if res.Header.Get("X-User") != "alice" || res.Header.Get("X-Roles") != "customer" || len(res.Header["X-Factor"]) != 1 {
				t.Errorf("%v", res.Header)
			}
			list, err := g.passkeys.List(t.Context(), "alice")
			if err != nil || list[0].SignCount != 2 || !list[0].LastUsedAt.Equal(g.clock.Now()) {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
	t.Run("whom Current refuses is not signed in", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		g.barred["alice"] = true
		b := g.browser.Another(t)
		g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{})), 401, problem.InvalidCredentials)
		g.want(b.Fetch("GET", "/private", nil), 401)
	})
	t.Run("MFA-15 a passkey that has never verified its user does not sign in alone, until it has beside a password", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		d.flags = up
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		d.flags = up | uv // whoever found the key has given it a PIN
		g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{})), 401, problem.PasskeyInvalid)
		g.want(g.login(b, "alice"), 401)
		g.want(g.finish(b, "factor", d.get(g.begin(b, "factor"), twist{})), 204)
		b = g.browser.Another(t)
		g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{})), 204)
	})
	t.Run("MFA-15 tabs do not disturb each other", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		first := g.begin(b, "login")
		g.begin(b, "login")
		g.want(g.finish(b, "login", d.get(first, twist{})), 204)
	})
	t.Run("a login may name where it leads, on this origin", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		for path, want := range map[string]string{"/orders": "/orders", "https://evil.example": "/home", "//evil.example": "/home"} {
			b := g.browser.Another(t)
			answer := d.get(g.begin(b, "login"), twist{answer: set("return_to", path)})
			res := b.PostJSON("/passkeys/login/finish", answer, "Accept", "text/html")
			if g.want(res, 303); res.Header.Get("Location") != want {
				t.Errorf("%s leads to %s", path, res.Header.Get("Location"))
			}
		}
	})
}
