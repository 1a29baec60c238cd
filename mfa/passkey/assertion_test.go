package passkey_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/problem"
)

// WebAuthn L3 §7.2, each step with an answer that fails at it alone, as a login and
// beside a password.
func TestAssertionSteps(t *testing.T) {
	type step struct {
		set       func(d *device)
		tw        twist
		code      problem.Code
		loginOnly bool
	}
	stranger, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	for name, c := range map[string]step{
		"step 6 a passkey that nobody has":    {tw: twist{use: func(keys []*key) *key { k := *keys[0]; k.id = random(32); return &k }}, code: problem.PasskeyUnknown},
		"step 6 no user handle":               {tw: twist{handle: func([]byte) []byte { return nil }}, loginOnly: true},
		"step 6 another user handle":          {tw: twist{handle: func([]byte) []byte { return random(64) }}},
		"step 6 a user handle that is cut":    {tw: twist{handle: func(h []byte) []byte { return h[:63] }}},
		"step 6 a user handle that is longer": {tw: twist{handle: func(h []byte) []byte { return append(h[:64:64], 0) }}},
		"step 9 no JSON":                      {tw: twist{rawClient: func([]byte) []byte { return []byte("null") }}},
		"step 9 JSON that is cut":             {tw: twist{rawClient: func(b []byte) []byte { return b[:len(b)-1] }}},
		"step 10 type create":                 {tw: twist{client: set("type", "webauthn.create")}},
		"step 10 a type in another case":      {tw: twist{client: set("type", "WebAuthn.get")}},
		"step 10 payment":                     {tw: twist{client: set("type", "payment.get")}},
		"step 11 another challenge":           {tw: twist{client: set("challenge", text(random(32)))}},
		"step 11 a challenge that is cut":     {tw: twist{client: func(m map[string]any) { m["challenge"] = m["challenge"].(string)[1:] }}},
		"step 11 a challenge with padding":    {tw: twist{client: func(m map[string]any) { m["challenge"] = m["challenge"].(string) + "=" }}},
		"step 11 two challenges":              {tw: twist{rawClient: func(b []byte) []byte { return bytes.Replace(b, []byte("{"), []byte(`{"challenge":"x",`), 1) }}},
		"step 12 another origin":              {set: func(d *device) { d.origin = "https://example.com.evil.example" }},
		"step 12 null":                        {set: func(d *device) { d.origin = "null" }},
		"step 12 no origin":                   {tw: twist{client: set("origin", nil)}},
		"step 12 a path":                      {set: func(d *device) { d.origin = "https://example.com/" }},
		"step 12 an app":                      {set: func(d *device) { d.origin = "android:apk-key-hash:" + text(random(32)) }},
		"step 13 in a frame":                  {tw: twist{client: set("crossOrigin", true)}},
		"step 14 a top origin":                {tw: twist{client: func(m map[string]any) { m["crossOrigin"], m["topOrigin"] = true, "https://example.com" }}},
		"step 15 another rpId":                {set: func(d *device) { d.rpID = "evil.example" }},
		"step 16 UP is missing":               {set: func(d *device) { d.flags = uv }},
		"step 17 UV is missing":               {set: func(d *device) { d.flags = up }, loginOnly: true},
		"step 18 BS without BE":               {set: func(d *device) { d.flags = up | uv | bs }},
		"step 19 BE has changed":              {set: func(d *device) { d.flags = up | uv | be }},
		"authData that is cut":                {tw: twist{authData: func(b []byte) []byte { return b[:36] }}},
		"authData with something after it":    {tw: twist{authData: func(b []byte) []byte { return append(b, 0) }}},
		"authData with ED and no extensions":  {tw: twist{authData: func(b []byte) []byte { b[32] |= ed; return b }}},
		"authData with extensions that are cut": {tw: twist{authData: func(b []byte) []byte {
			b[32] |= ed
			return append(b, 0xa1, 0x61)
		}}},
		"step 21 the signature of another key": {tw: twist{use: func(keys []*key) *key { k := *keys[0]; k.signer = stranger; return &k }}},
		"step 21 no signature":                 {tw: twist{signature: func([]byte) []byte { return nil }}},
		"step 21 a signature that was changed": {tw: twist{signature: func(s []byte) []byte { s[len(s)-1] ^= 1; return s }}},
		"step 21 something after it":           {tw: twist{signature: func(s []byte) []byte { return append(s, 0) }}},
		"step 21 not over the client data":     {tw: twist{signed: func(b []byte) []byte { return b[:len(b)-32] }}},
		"step 21 not over the flags":           {tw: twist{signed: func(b []byte) []byte { b = bytes.Clone(b); b[32] = up; return b }}},
		"step 21 r and s of zero":              {tw: twist{signature: func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} }}},
		"another id":                           {tw: twist{answer: set("id", text(random(16)))}, code: problem.PasskeyUnknown},
		"no id":                                {tw: twist{answer: set("id", "")}},
		"an id with a line break":              {tw: twist{answer: func(m map[string]any) { m["id"] = m["id"].(string) + "\n" }}},
		"an id with stray bits":                {tw: twist{answer: func(m map[string]any) { m["id"] = m["id"].(string)[:42] + "B" }}},
		"a signature of 2 KiB":                 {tw: twist{signature: func([]byte) []byte { return random(2 << 10) }}},
		"no state":                             {tw: twist{answer: set("state", "")}, code: problem.PasskeyChallengeInvalid},
		"a state of 4 KiB":                     {tw: twist{answer: set("state", strings.Repeat("A", 4<<10))}, code: problem.PasskeyChallengeInvalid},
		"a member that nobody asked for":       {tw: twist{answer: set("subject", "bob")}, code: problem.BodyInvalid},
	} {
		for _, road := range []string{"login", "factor"} {
			if road == "factor" && c.loginOnly {
				continue
			}
			t.Run("MFA-15 7.2 "+road+" "+name, func(t *testing.T) {
				g, d := newRig(t), newDevice(t)
				g.enrolled("alice", d)
				b := g.browser.Another(t)
				g.want(g.login(b, "alice"), 401)
				begun := g.begin(b, road)
				if c.set != nil {
					c.set(d)
				}
				code := c.code
				if code == "" {
					code = problem.PasskeyInvalid
				}
				before, err := g.passkeys.List(t.Context(), "alice")
				g.must(err)
				g.told()
				res := g.finish(b, road, d.get(begun, c.tw))
				if res.StatusCode == 204 || res.Problem().Code != code {
					t.Fatalf("%s %s, want %s", res.Status, res.Body, code)
				}
				g.want(b.Fetch("GET", "/private", nil), 401)
				if told := g.told(); code != problem.BodyInvalid && !slices.Equal(told, kinds(passkey.EventFailed)) {
					t.Errorf("events %v", told)
				}
				after, err := g.passkeys.List(t.Context(), "alice")
				if err != nil || after[0].SignCount != before[0].SignCount || !after[0].LastUsedAt.IsZero() {
					t.Errorf("%+v, %v", after, err)
				}
				// And the challenge is still good for the owner.
				if code == problem.PasskeyInvalid {
					d.origin, d.rpID, d.flags = "https://example.com", "example.com", up|uv
					g.want(g.finish(b, road, d.get(begun, twist{})), 204)
				}
			})
		}
	}
	t.Run("MFA-15 7.2 good: a malleable signature is one of the key, and the challenge is used up", func(t *testing.T) {
		// (r, n-s) verifies as well as (r, s): what makes an answer good once is the
		// challenge and not its bytes.
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		begun := g.begin(b, "login")
		answer := d.get(begun, twist{})
		g.want(g.finish(b, "login", answer), 204)
		answer["signature"] = text(otherHalf(b64(t, answer["signature"].(string))))
		g.want(g.finish(b, "login", answer), 401, problem.PasskeyChallengeInvalid)
	})
}

// otherHalf is (r, n-s) of a signature (r, s) in DER.
func otherHalf(sig []byte) []byte {
	r := sig[4 : 4+int(sig[3])]
	s := new(big.Int).SetBytes(sig[6+len(r):])
	s.Sub(elliptic.P256().Params().N, s)
	raw := s.Bytes()
	if raw[0] >= 0x80 {
		raw = append([]byte{0}, raw...)
	}
	body := slices.Concat([]byte{2, byte(len(r))}, r, []byte{2, byte(len(raw))}, raw)
	return append([]byte{0x30, byte(len(body))}, body...)
}

func TestCounter(t *testing.T) {
	setup := func(t *testing.T, count uint32) (*rig, *device, *authtest.Browser) {
		g, d := newRig(t), newDevice(t)
		d.count = count
		g.enrolled("alice", d)
		g.told()
		return g, d, g.browser.Another(t)
	}
	t.Run("MFA-15 step 22 a counter that stays or goes back is refused and told of", func(t *testing.T) {
		g, d, b := setup(t, 5)
		for _, next := range []uint32{5, 4, 0} {
			answer := d.get(g.begin(b, "login"), twist{authData: count(next)})
			g.want(g.finish(b, "login", answer), 401, problem.PasskeyInvalid)
			g.wantTold(passkey.EventCloned, passkey.EventFailed)
			g.want(b.Fetch("GET", "/private", nil), 401)
		}
		g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{authData: count(6)})), 204)
		g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{authData: count(6)})), 401)
		g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{authData: count(1<<32 - 1)})), 204)
	})
	t.Run("MFA-15 step 22 a copy and its original: the one that comes second is found out", func(t *testing.T) {
		g, d, b := setup(t, 5)
		clone := *d
		for range 3 {
			g.want(g.finish(b, "login", clone.get(g.begin(b, "login"), twist{})), 204)
		}
		g.told()
		g.want(g.login(b, "alice"), 401)
		g.want(g.finish(b, "factor", d.get(g.begin(b, "factor"), twist{})), 401, problem.PasskeyInvalid)
		g.wantTold(passkey.EventCloned, passkey.EventFailed)
	})
	t.Run("MFA-15 step 22 an authenticator without a counter", func(t *testing.T) {
		g, d, b := setup(t, 0)
		for range 3 {
			g.want(g.finish(b, "login", d.get(g.begin(b, "login"), twist{})), 204)
		}
		g.wantTold(passkey.EventVerified, passkey.EventVerified, passkey.EventVerified)
	})
}

func count(n uint32) func([]byte) []byte {
	return func(b []byte) []byte {
		b[33], b[34], b[35], b[36] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		return b
	}
}

// What a challenge is good for: one answer, of the browser, the user and the purpose
// that it was made for.
func TestBinding(t *testing.T) {
	t.Run("MFA-15 an answer is good once", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.enrolled("alice", d)
		g.want(g.login(b, "alice"), 401)
		for _, road := range []string{"login", "factor"} {
			answer := d.get(g.begin(b, road), twist{})
			g.want(g.finish(b, road, answer), 204)
			g.want(g.login(b, "alice"), 401) // another sign-in waits
			g.want(g.finish(b, road, answer), 401, problem.PasskeyChallengeInvalid)
		}
		g.want(g.finish(b, "factor", d.get(g.begin(b, "factor"), twist{})), 204)
		made := d.create(g.begin(b, "register"), twist{})
		g.want(g.finish(b, "register", made), 201)
		g.want(g.finish(b, "register", made), 401, problem.PasskeyChallengeInvalid)
	})
	t.Run("MFA-15 a second answer to a challenge is refused, whoever signs it", func(t *testing.T) {
		g, d, evil := newRig(t), newDevice(t), newDevice(t)
		g.enrolled("alice", d)
		g.enrolled("mallory", evil)
		b := g.browser.Another(t)
		begun := g.begin(b, "login")
		g.want(g.finish(b, "login", d.get(begun, twist{})), 204)
		g.want(g.finish(b, "login", d.get(begun, twist{})), 401, problem.PasskeyChallengeInvalid)
		g.want(g.finish(b, "login", evil.get(begun, twist{})), 401, problem.PasskeyChallengeInvalid)
	})
	t.Run("MFA-15 another browser cannot use it", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		b, thief := g.browser.Another(t), g.browser.Another(t)
		answer := d.get(g.begin(b, "login"), twist{})
		g.want(g.finish(thief, "login", answer), 401, problem.PasskeyChallengeInvalid) // without a cookie
		g.begin(thief, "login")
		g.want(g.finish(thief, "login", answer), 401, problem.PasskeyChallengeInvalid) // with one of its own
		g.want(g.finish(b, "login", answer), 204)
	})
	t.Run("MFA-15 a cookie that was planted beside the true one is none", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		answer := d.get(g.begin(b, "login"), twist{})
		cookie := b.Cookie("__Host-passkey").Value
		res := b.PostJSON("/passkeys/login/finish", answer, "Cookie", "__Host-passkey="+cookie+"; __Host-passkey="+strings.Repeat("A", 43))
		g.want(res, 401, problem.PasskeyChallengeInvalid)
	})
	t.Run("MFA-15 it expires", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		answer := d.get(g.begin(b, "login"), twist{})
		g.clock.Advance(5*time.Minute - time.Millisecond)
		g.clock.Advance(time.Millisecond)
		g.want(g.finish(b, "login", answer), 401, problem.PasskeyChallengeInvalid)
		late := d.get(g.begin(b, "login"), twist{})
		g.clock.Advance(5*time.Minute - time.Millisecond)
		g.want(g.finish(b, "login", late), 204)
	})
	t.Run("MFA-15 one for another purpose is none", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.enrolled("alice", d)
		login, factor, register := g.begin(b, "login"), g.begin(b, "factor"), g.begin(b, "register")
		g.want(g.finish(b, "factor", d.get(login, twist{})), 401, problem.PasskeyChallengeInvalid)
		g.want(g.finish(b, "factor", d.get(register, twist{})), 401, problem.PasskeyChallengeInvalid)
		g.want(g.finish(b, "login", d.get(factor, twist{})), 401, problem.PasskeyChallengeInvalid)
		g.want(g.finish(b, "register", d.create(factor, twist{})), 401, problem.PasskeyChallengeInvalid)
	})
	t.Run("MFA-15 the passkey of another user is no second factor", func(t *testing.T) {
		g, alices, mallorys := newRig(t), newDevice(t), newDevice(t)
		g.enrolled("alice", alices)
		g.enrolled("mallory", mallorys)
		b := g.browser.Another(t)
		g.want(g.login(b, "alice"), 401) // mallory knows the password
		begun := g.begin(b, "factor")
		g.want(g.finish(b, "factor", mallorys.get(begun, twist{})), 401, problem.PasskeyUnknown)
		alicesHandle := twist{handle: func([]byte) []byte { return alices.keys[0].handle }}
		g.want(g.finish(b, "factor", mallorys.get(begun, alicesHandle)), 401, problem.PasskeyUnknown)
		alicesID := twist{answer: set("id", text(alices.keys[0].id))}
		g.want(g.finish(b, "factor", mallorys.get(begun, alicesID)), 401, problem.PasskeyInvalid)
		// Nor does it sign in as alice, by her handle.
		g.want(g.finish(b, "login", mallorys.get(g.begin(b, "login"), alicesHandle)), 401, problem.PasskeyInvalid)
		g.want(b.Fetch("GET", "/private", nil), 401)
	})
	t.Run("MFA-15 a challenge for one sign-in does not complete another", func(t *testing.T) {
		g, alices, mallorys := newRig(t), newDevice(t), newDevice(t)
		g.enrolled("alice", alices)
		g.enrolled("mallory", mallorys)
		b := g.browser.Another(t)
		g.want(g.login(b, "mallory"), 401)
		begun := g.begin(b, "factor")
		g.want(g.login(b, "alice"), 401)
		g.want(g.finish(b, "factor", mallorys.get(begun, twist{})), 401, problem.PasskeyChallengeInvalid)
		g.want(g.login(b, "mallory"), 401)
		g.want(g.finish(b, "factor", mallorys.get(begun, twist{})), 401, problem.PasskeyChallengeInvalid)
	})
	t.Run("MFA-15 a registration is for the login that has begun it", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.browser.Another(t)
		g.want(g.login(b, "alice"), 204)
		made := d.create(g.begin(b, "register"), twist{})
		g.want(g.login(b, "mallory"), 204) // in the same browser
		g.want(g.finish(b, "register", made), 401, problem.PasskeyChallengeInvalid)
		g.clock.Advance(time.Second)
		g.want(g.login(b, "alice"), 204)
		g.want(g.finish(b, "register", made), 401, problem.PasskeyChallengeInvalid)
		if list, _ := g.passkeys.List(t.Context(), "alice"); len(list) != 0 {
			t.Error("registered")
		}
	})
	t.Run("MFA-15 a registration that was begun before all was removed comes to nothing", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.want(g.login(g.browser, "alice"), 204)
		made := d.create(g.begin(g.browser, "register"), twist{})
		g.must(g.store.RemoveAll(t.Context(), "alice"))
		g.want(g.finish(g.browser, "register", made), 401, problem.PasskeyChallengeInvalid)
	})
	t.Run("another site cannot make a browser sign in, prove or register", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.enrolled("alice", d)
		for _, path := range []string{"login/begin", "login/finish", "factor/begin", "factor/finish", "register/begin", "register/finish"} {
			res := b.PostJSON("/passkeys/"+path, "{}", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
			g.want(res, 403, problem.CrossOrigin)
		}
	})
	t.Run("the handlers have one method", func(t *testing.T) {
		g := newRig(t)
		for _, path := range []string{"login/begin", "login/finish", "factor/begin", "factor/finish"} {
			if res := g.want(g.browser.Fetch("PUT", "/passkeys/"+path, nil), 405); res.Header.Get("Allow") != "POST" {
				t.Errorf("%v", res.Header)
			}
		}
	})
}

// 100 requests and two services on one store.
func TestRace(t *testing.T) {
	const racers = 100
	for _, counter := range []uint32{0, 1} {
		t.Run("MFA-15 of 100 answers to one challenge at two services one signs in", func(t *testing.T) {
			g, d := newRig(t), newDevice(t)
			d.count = counter
			g.enrolled("alice", d)
			one := g.handler
			g.wire()
			two := g.handler
			b := g.browser.Another(t)
			begun := g.begin(b, "login")
			cookie := b.Cookie("__Host-passkey")
			answers := make([]string, racers)
			for i := range answers {
				answers[i] = encodeJSON(t, d.get(begun, twist{}))
			}
			var won, lost atomic.Int64
			together(racers, func(i int) {
				r := post("POST", answers[i])
				r.URL.Path = "/passkeys/login/finish"
				r.AddCookie(cookie)
				h := one
				if i%2 == 0 {
					h = two
				}
				switch w := record(r, h); w.Code {
				case 204:
					won.Add(1)
				case 401:
					lost.Add(1)
				default:
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
			if won.Load() != 1 || lost.Load() != racers-1 {
				t.Errorf("%d have signed in, want 1; %d were refused", won.Load(), lost.Load())
			}
		})
	}
	t.Run("MFA-15 of 100 answers to the challenge of one sign-in one completes it", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.enrolled("alice", d)
		b := g.browser.Another(t)
		g.want(g.login(b, "alice"), 401)
		begun := g.begin(b, "factor")
		var won atomic.Int64
		answers := make([]string, racers)
		for i := range answers {
			answers[i] = encodeJSON(t, d.get(begun, twist{}))
		}
		together(racers, func(i int) {
			r := post("POST", answers[i])
			r.URL.Path = "/passkeys/factor/finish"
			r.AddCookie(b.Cookie("__Host-passkey"))
			r.AddCookie(b.Cookie("__Host-mfa"))
			if record(r, g.handler).Code == 204 {
				won.Add(1)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d have signed in, want 1", won.Load())
		}
	})
}
