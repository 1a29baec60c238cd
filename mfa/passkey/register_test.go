package passkey_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/problem"
)

func TestRegister(t *testing.T) {
	t.Run("MFA-15 what a browser is asked for", func(t *testing.T) {
		g := newRig(t)
		g.want(g.login(g.browser, "alice"), 204)
		res := g.want(g.browser.PostJSON("/passkeys/register/begin", "{}"), 200)
		var b, again begun
		res.JSON(&b)
		g.want(g.browser.PostJSON("/passkeys/register/begin", "{}"), 200).JSON(&again)
		pk := b.PublicKey
		if n := len(b64(t, pk.Challenge)); n < 16 || pk.Challenge == again.PublicKey.Challenge {
			t.Errorf("a challenge of %d bytes, %s and %s", n, pk.Challenge, again.PublicKey.Challenge)
		}
		if h := b64(t, pk.User.ID); len(h) != 64 || bytes.Contains(h, []byte("alice")) || pk.User.ID != again.PublicKey.User.ID {
			t.Errorf("user handle %x", h)
		}
		if pk.RP.ID != "example.com" || pk.User.Name != "alice@example.com" || pk.Attestation != "none" || pk.Timeout != 300_000 || b.ExpiresIn != 300 ||
			pk.AuthenticatorSelection.ResidentKey != "preferred" || pk.AuthenticatorSelection.UserVerification != "preferred" || len(pk.PubKeyCredParams) != 3 {
			t.Errorf("%+v", pk)
		}
		c := res.Cookie("__Host-passkey")
		if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge != 300 || len(c.Value) != 43 {
			t.Errorf("cookie %+v", c)
		}
		if strings.Contains(b.State, pk.Challenge) || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s, %v", b.State, res.Header)
		}
	})
	for name, alg := range map[string]int{"ES256": es256, "EdDSA": eddsa, "RS256": rs256} {
		t.Run("MFA-15 "+name+" is registered, listed, renamed and removed", func(t *testing.T) {
			g, d := newRig(t), newDevice(t)
			d.alg, d.flags = alg, up|uv|be|bs
			b := g.enrolled("alice", d)
			g.wantTold(passkey.EventRegistered)
			var list struct {
				Data []struct {
					ID, Name   string
					CreatedAt  time.Time `json:"created_at"`
					LastUsedAt time.Time `json:"last_used_at"`
					BackedUp   bool      `json:"backed_up"`
					Transports []string
				}
			}
			g.want(b.Fetch("GET", "/passkeys", nil), 200).JSON(&list)
			e := list.Data[0]
			if len(list.Data) != 1 || e.Name != "My phone" || !e.CreatedAt.Equal(g.clock.Now()) || !e.LastUsedAt.IsZero() || !e.BackedUp || strings.Join(e.Transports, " ") != "hybrid internal" {
				t.Errorf("%+v", list)
			}
			g.want(b.Fetch("PATCH", "/passkeys/"+e.ID, map[string]string{"name": "Old phone"}), 204)
			g.want(b.Fetch("PATCH", "/passkeys/"+e.ID, map[string]string{"name": strings.Repeat("x", 101)}), 400, problem.BodyInvalid)
			g.want(b.Fetch("PATCH", "/passkeys/"+strings.Repeat("A", 43), map[string]string{"name": "x"}), 404, problem.NotFound)
			g.want(b.Fetch("PATCH", "/passkeys/x", map[string]string{"name": "x"}), 404, problem.NotFound)
			g.want(b.Fetch("GET", "/passkeys", nil), 200).JSON(&list)
			if list.Data[0].Name != "Old phone" {
				t.Errorf("%+v", list)
			}
			g.told()
			g.want(b.Fetch("DELETE", "/passkeys/"+e.ID, nil), 204)
			g.wantTold(passkey.EventRemoved)
			if list, err := g.passkeys.List(t.Context(), "alice"); err != nil || len(list) != 0 {
				t.Errorf("%v, %v", list, err)
			}
			if len(g.notices) != 2 || g.notices[0].Kind != passkey.EventRegistered || g.notices[1].Kind != passkey.EventRemoved {
				t.Errorf("MFA-08 notices %+v", g.notices)
			}
		})
	}
	t.Run("the session that registers has the factor", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		b := g.enrolled("alice", d)
		g.want(b.Fetch("GET", "/sensitive", nil), 204)
	})
	t.Run("MFA-08 registering and removing end other sessions", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		other := g.browser.Another(t)
		g.want(g.login(other, "alice"), 204)
		g.want(other.Fetch("GET", "/private", nil), 204)
		b := g.enrolled("alice", d)
		g.want(other.Fetch("GET", "/private", nil), 401)
		g.want(b.Fetch("GET", "/private", nil), 204)
		list, err := g.passkeys.List(t.Context(), "alice")
		g.must(err)
		g.want(g.login(other, "alice"), 401, problem.MFARequired)
		g.want(g.finish(other, "factor", d.get(g.begin(other, "factor"), twist{})), 204)
		g.want(b.Fetch("DELETE", "/passkeys/"+list[0].ID().String(), nil), 204)
		g.want(other.Fetch("GET", "/private", nil), 401)
	})
	t.Run("MFA-08 registering and removing want a fresh proof", func(t *testing.T) {
		g, d := newRig(t), newDevice(t)
		g.want(g.login(g.browser, "bob"), 204)
		g.clock.Advance(16 * time.Minute)
		g.want(g.browser.PostJSON("/passkeys/register/begin", "{}"), 401, problem.StepUpRequired)
		b := g.enrolled("alice", d)
		pending := d.create(g.begin(b, "register"), twist{})
		d.keys = d.keys[:1]
		id := mine(g, "alice")
		g.clock.Advance(4 * time.Minute)
		g.want(b.Fetch("GET", "/private", nil), 204)
		g.clock.Advance(12 * time.Minute)
		g.want(b.PostJSON("/passkeys/register/begin", "{}"), 401, problem.StepUpRequired)
		g.want(g.finish(b, "register", pending), 401, problem.StepUpRequired)
		g.want(b.Fetch("DELETE", "/passkeys/"+id, nil), 401, problem.StepUpRequired)
		g.want(g.finish(b, "factor", d.get(g.begin(b, "factor"), twist{})), 204) // a step-up
		g.want(g.finish(b, "register", d.create(g.begin(b, "register"), twist{})), 201)
		g.want(b.Fetch("DELETE", "/passkeys/"+id, nil), 204)
	})
	t.Run("an API key, and nobody, changes nothing", func(t *testing.T) {
		g := newRig(t)
		key := &auth.Principal{Subject: "alice", Method: auth.MethodAPIKey, AuthenticatedAt: g.clock.Now()}
		for _, h := range []http.Handler{g.passkeys.RegisterBeginHandler(), g.passkeys.ListHandler(), g.passkeys.RegisterFinishHandler()} {
			method := http.MethodPost
			if h == nil {
				continue
			}
			for status, p := range map[int]*auth.Principal{403: key, 401: nil} {
				for _, m := range []string{method, http.MethodGet} {
					w := record(authtest.As(post(m, `{"state":"x"}`), p), h)
					if w.Code != status && w.Code != 405 {
						t.Errorf("%d %s", w.Code, w.Body)
					}
				}
			}
		}
		if err := g.passkeys.Rename(t.Context(), key, passkey.ID{}, "x"); problem.From(err).Status != 403 {
			t.Error(err)
		}
		if err := g.passkeys.Remove(t.Context(), key, passkey.ID{}); problem.From(err).Status != 403 {
			t.Error(err)
		}
	})
	t.Run("MFA-15 a passkey of somebody else is neither renamed nor removed", func(t *testing.T) {
		g := newRig(t)
		g.enrolled("alice", newDevice(t))
		b := g.enrolled("bob", newDevice(t))
		id := mine(g, "alice")
		g.want(b.Fetch("PATCH", "/passkeys/"+id, map[string]string{"name": "mine"}), 404)
		g.told()
		g.want(b.Fetch("DELETE", "/passkeys/"+id, nil), 204)
		g.wantTold() // nothing has changed
		if mine(g, "alice") != id {
			t.Error("it is gone")
		}
		g.clock.Advance(16 * time.Minute)
		g.want(b.Fetch("DELETE", "/passkeys/"+id, nil), 401, problem.StepUpRequired)
	})
	t.Run("MFA-15 7.1 step 26 a passkey that somebody has is refused", func(t *testing.T) {
		g, d, thief := newRig(t), newDevice(t), newDevice(t)
		b := g.enrolled("alice", d)
		begun := g.begin(b, "register")
		if ex := begun.PublicKey.ExcludeCredentials; len(ex) != 1 || ex[0].ID != text(d.keys[0].id) || len(ex[0].Transports) != 2 {
			t.Errorf("excluded: %+v", ex)
		}
		same := twist{id: func([]byte) []byte { return d.keys[0].id }}
		g.want(g.finish(b, "register", d.create(begun, same)), 409, problem.PasskeyExists)
		bob := g.browser.Another(t)
		g.want(g.login(bob, "bob"), 204)
		g.want(g.finish(bob, "register", thief.create(g.begin(bob, "register"), same)), 409, problem.PasskeyExists)
	})
	t.Run("MFA-15 a user has no more than MaxPerUser", func(t *testing.T) {
		g, d := newRig(t, func(c *passkey.Config) { c.MaxPerUser = 2 }), newDevice(t)
		b := g.enrolled("alice", d)
		first, second := g.begin(b, "register"), g.begin(b, "register")
		g.want(g.finish(b, "register", d.create(first, twist{})), 201)
		g.want(g.finish(b, "register", d.create(second, twist{})), 409, problem.PasskeyLimit)
		g.want(b.PostJSON("/passkeys/register/begin", "{}"), 409, problem.PasskeyLimit)
	})
}

// mine is the id of the first passkey of a user.
func mine(g *rig, user string) string {
	g.t.Helper()
	list, err := g.passkeys.List(g.t.Context(), user)
	if err != nil || len(list) == 0 {
		g.t.Fatalf("%v, %v", list, err)
	}
	return list[0].ID().String()
}

// WebAuthn L3 §7.1, each step with an answer that fails at it alone.
func TestRegistrationSteps(t *testing.T) {
	small := bytes.Repeat([]byte{0xff}, 128)
	for name, c := range map[string]struct {
		set  func(d *device)
		tw   twist
		code problem.Code
	}{
		"step 6 no JSON":                      {tw: twist{rawClient: func([]byte) []byte { return []byte("{") }}},
		"step 6 JSON with something after it": {tw: twist{rawClient: func(b []byte) []byte { return append(b, "{}"...) }}},
		"step 7 type get":                     {tw: twist{client: set("type", "webauthn.get")}},
		"step 7 no type":                      {tw: twist{client: set("type", nil)}},
		"step 8 another challenge":            {tw: twist{client: set("challenge", text(random(32)))}},
		"step 8 no challenge":                 {tw: twist{client: set("challenge", "")}},
		"step 9 another origin":               {set: func(d *device) { d.origin = "https://evil.example" }},
		"step 9 a subdomain":                  {set: func(d *device) { d.origin = "https://sub.example.com" }},
		"step 9 http":                         {set: func(d *device) { d.origin = "http://example.com" }},
		"step 9 another port":                 {set: func(d *device) { d.origin = "https://example.com:8443" }},
		"step 9 a path":                       {set: func(d *device) { d.origin = "https://example.com/evil" }},
		"step 9 upper case":                   {set: func(d *device) { d.origin = "https://EXAMPLE.com" }},
		"step 9 user info":                    {set: func(d *device) { d.origin = "https://x@example.com" }},
		"step 9 a dot at the end":             {set: func(d *device) { d.origin = "https://example.com." }},
		"step 9 the default port":             {set: func(d *device) { d.origin = "https://example.com:443" }},
		"step 9 two origins": {tw: twist{rawClient: func(b []byte) []byte {
			return bytes.Replace(b, []byte("{"), []byte(`{"origin":"https://evil.example",`), 1)
		}}},
		"step 9 an origin in another case": {tw: twist{rawClient: func(b []byte) []byte {
			return bytes.Replace(b, []byte("{"), []byte(`{"Origin":"https://evil.example",`), 1)
		}}},
		"step 10 in a frame":                    {tw: twist{client: set("crossOrigin", true)}},
		"step 10 crossOrigin is no bool":        {tw: twist{client: set("crossOrigin", "false")}},
		"step 11 a top origin":                  {tw: twist{client: set("topOrigin", "https://example.com")}},
		"step 13 CBOR that is cut":              {tw: twist{cbor: func(b []byte) []byte { return b[:len(b)-7] }}},
		"step 13 CBOR with something after it":  {tw: twist{cbor: func(b []byte) []byte { return append(b, 0) }}},
		"step 13 no CBOR":                       {tw: twist{cbor: func([]byte) []byte { return []byte{0xff} }}},
		"step 13 nothing":                       {tw: twist{cbor: func([]byte) []byte { return nil }}},
		"step 13 no authData":                   {tw: twist{object: func(m map[any]any) { delete(m, "authData") }}},
		"step 14 another rpId":                  {set: func(d *device) { d.rpID = "evil.example" }},
		"step 14 a parent domain":               {set: func(d *device) { d.rpID = "com" }},
		"step 15 UP is missing":                 {set: func(d *device) { d.flags = uv }},
		"step 17 BS without BE":                 {set: func(d *device) { d.flags = up | uv | bs }},
		"AT is missing":                         {tw: twist{authData: func(b []byte) []byte { b[32] &^= at; return b }}},
		"authData that is cut in the id":        {tw: twist{authData: func(b []byte) []byte { return b[:60] }}},
		"authData that is cut in the key":       {tw: twist{authData: func(b []byte) []byte { return b[:len(b)-3] }}},
		"authData with something after it":      {tw: twist{authData: func(b []byte) []byte { return append(b, 0) }}},
		"ED without extensions":                 {tw: twist{authData: func(b []byte) []byte { b[32] |= ed; return b }}},
		"step 20 an algorithm nobody asked for": {tw: twist{cose: func(m map[any]any) { m[3] = -35 }}},
		"step 20 another curve":                 {tw: twist{cose: func(m map[any]any) { m[-1] = 2 }}},
		"a point that is not on the curve":      {tw: twist{cose: func(m map[any]any) { m[-3] = random(32) }}},
		"a key without a coordinate":            {tw: twist{cose: func(m map[any]any) { delete(m, -2) }}},
		"a small RSA key":                       {set: func(d *device) { d.alg = rs256 }, tw: twist{cose: func(m map[any]any) { m[-1] = small }}},
		"a padded RSA key":                      {set: func(d *device) { d.alg = rs256 }, tw: twist{cose: func(m map[any]any) { m[-1] = append(make([]byte, 200), small...) }}},
		"an RSA key of 2041 bits":               {set: func(d *device) { d.alg = rs256 }, tw: twist{cose: change(-1, func(n []byte) { n[0] = 1 })}},
		"an even RSA modulus":                   {set: func(d *device) { d.alg = rs256 }, tw: twist{cose: change(-1, func(n []byte) { n[255] &^= 1 })}},
		"an RSA exponent of 1":                  {set: func(d *device) { d.alg = rs256 }, tw: twist{cose: func(m map[any]any) { m[-2] = []byte{1} }}},
		"an even RSA exponent":                  {set: func(d *device) { d.alg = rs256 }, tw: twist{cose: func(m map[any]any) { m[-2] = []byte{1, 0, 0} }}},
		"an RSA exponent of 32 bits":            {set: func(d *device) { d.alg = rs256 }, tw: twist{cose: func(m map[any]any) { m[-2] = []byte{0x80, 0, 0, 1} }}},
		"an Ed25519 key that anybody signs for": {set: func(d *device) { d.alg = eddsa }, tw: twist{cose: func(m map[any]any) { m[-2] = make([]byte, 32) }}},
		"an Ed25519 key that is no point":       {set: func(d *device) { d.alg = eddsa }, tw: twist{cose: func(m map[any]any) { m[-2] = append([]byte{2}, make([]byte, 31)...) }}},
		"a huge RSA key":                        {set: func(d *device) { d.alg = rs256 }, tw: twist{cose: func(m map[any]any) { m[-1] = bytes.Repeat([]byte{0xff}, 900) }}},
		"step 21 none with a statement":         {tw: twist{object: func(m map[any]any) { m["attStmt"] = map[any]any{"alg": es256} }}},
		"step 21 an unknown format":             {tw: twist{object: func(m map[any]any) { m["fmt"] = "unknown" }}},
		"step 21 a format with certificates":    {tw: twist{object: func(m map[any]any) { m["fmt"] = "tpm" }}},
		"step 21 packed with a certificate": {tw: twist{object: func(m map[any]any) {
			m["fmt"], m["attStmt"] = "packed", map[any]any{"alg": es256, "sig": []byte{1}, "x5c": []any{[]byte{1}}}
		}}},
		"step 21 packed, with a certificate that fits":   {tw: certified("packed")},
		"step 21 fido-u2f, with a certificate that fits": {tw: certified("fido-u2f")},
		"step 22 packed with a wrong signature": {tw: twist{object: func(m map[any]any) {
			m["fmt"], m["attStmt"] = "packed", map[any]any{"alg": es256, "sig": []byte{1}}
		}}},
		"step 25 an id that is too long": {tw: twist{id: func([]byte) []byte { return random(1024) }}},
		"no id":                          {tw: twist{id: func([]byte) []byte { return nil }}},
		"another id outside than inside": {tw: twist{answer: set("id", text(random(32)))}},
		"an id with padding":             {tw: twist{answer: set("id", "AAA=")}},
		"an attestation object of 9 KiB": {tw: twist{cbor: func(b []byte) []byte { return append(b, make([]byte, 9<<10)...) }}},
		"client data of 5 KiB":           {tw: twist{client: set("extra", strings.Repeat("x", 5<<10))}},
		"a body of 40 KiB":               {tw: twist{answer: set("name", strings.Repeat("x", 40<<10))}, code: problem.BodyTooLarge},
		"a name that is too long":        {tw: twist{answer: set("name", strings.Repeat("x", 101))}, code: problem.BodyInvalid},
		"a name with a line break":       {tw: twist{answer: set("name", "a\nb")}, code: problem.BodyInvalid},
		"a name with a line end of C1":   {tw: twist{answer: set("name", "a\u0085b")}, code: problem.BodyInvalid},
		"a name with a line separator":   {tw: twist{answer: set("name", "a\u2028b")}, code: problem.BodyInvalid},
		"a name that turns the text":     {tw: twist{answer: set("name", "a\u202eb")}, code: problem.BodyInvalid},
		"a name that isolates the text":  {tw: twist{answer: set("name", "a\u2066b")}, code: problem.BodyInvalid},
		"no state":                       {tw: twist{answer: set("state", "")}, code: problem.PasskeyChallengeInvalid},
		"a state that was changed":       {tw: twist{answer: func(m map[string]any) { m["state"] = m["state"].(string)[1:] }}, code: problem.PasskeyChallengeInvalid},
		"a member that nobody asked for": {tw: twist{answer: set("subject", "bob")}, code: problem.BodyInvalid},
	} {
		t.Run("MFA-15 7.1 "+name, func(t *testing.T) {
			g, d := newRig(t), newDevice(t)
			g.want(g.login(g.browser, "alice"), 204)
			begun := g.begin(g.browser, "register")
			if c.set != nil {
				c.set(d)
			}
			if c.code == "" {
				c.code = problem.PasskeyRejected
			}
			res := g.finish(g.browser, "register", d.create(begun, c.tw))
			if got := res.Problem().Code; got != c.code {
				t.Errorf("%s, want %s", got, c.code)
			}
			if list, err := g.passkeys.List(t.Context(), "alice"); err != nil || len(list) != 0 {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
	for name, c := range map[string]struct {
		set func(d *device)
		tw  twist
	}{
		"UV is not asked for":        {set: func(d *device) { d.flags = up }},
		"BE":                         {set: func(d *device) { d.flags = up | uv | be }},
		"self attestation":           {tw: twist{object: func(m map[any]any) { m["fmt"] = "packed"; delete(m, "attStmt") }}},
		"an extension of the device": {tw: twist{authData: func(b []byte) []byte { b[32] |= ed; return append(b, encode(map[any]any{"credProtect": 2})...) }}},
		"members that are to come":   {tw: twist{client: set("other_keys_can_be_added_here", map[string]any{"type": "x"})}},
		"an id of 1023 bytes":        {tw: twist{id: func([]byte) []byte { return random(1023) }}},
		"crossOrigin is left out":    {tw: twist{client: set("crossOrigin", nil)}},
	} {
		t.Run("MFA-15 7.1 good: "+name, func(t *testing.T) {
			g, d := newRig(t), newDevice(t)
			g.want(g.login(g.browser, "alice"), 204)
			begun := g.begin(g.browser, "register")
			if c.set != nil {
				c.set(d)
			}
			g.want(g.finish(g.browser, "register", d.create(begun, c.tw)), 201)
		})
	}
	t.Run("MFA-15 7.1 step 16 UV is missing, with AlwaysVerify", func(t *testing.T) {
		g, d := newRig(t, func(c *passkey.Config) { c.AlwaysVerify = true }), newDevice(t)
		g.want(g.login(g.browser, "alice"), 204)
		d.flags = up
		begun := g.begin(g.browser, "register")
		if begun.PublicKey.AuthenticatorSelection.UserVerification != "required" {
			t.Error(begun.PublicKey.AuthenticatorSelection)
		}
		g.want(g.finish(g.browser, "register", d.create(begun, twist{})), 422, problem.PasskeyRejected)
	})
}

// set sets a member; nil removes it.
func set(name string, value any) func(map[string]any) {
	return func(m map[string]any) {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
}

// change changes a byte string of a key.
func change(label int, how func(value []byte)) func(map[any]any) {
	return func(m map[any]any) {
		value := bytes.Clone(m[label].([]byte))
		how(value)
		m[label] = value
	}
}

func TestSubjects(t *testing.T) {
	begin := func(g *rig, subject string) *httptest.ResponseRecorder {
		p := &auth.Principal{Subject: subject, Method: auth.MethodJWT, CredentialID: "a", AuthenticatedAt: g.clock.Now()}
		return record(post("POST", "{}").WithContext(auth.NewContext(t.Context(), p)), g.passkeys.RegisterBeginHandler())
	}
	t.Run("MFA-15 a subject of 255 bytes registers, whatever they are in JSON", func(t *testing.T) {
		for _, subject := range []string{strings.Repeat("<", passkey.MaxSubject), strings.Repeat("\x01", passkey.MaxSubject), "é\x00<"} {
			g, d := newRig(t), newDevice(t)
			p := &auth.Principal{Subject: subject, Method: auth.MethodJWT, CredentialID: "a", AuthenticatedAt: g.clock.Now()}
			w := begin(g, subject)
			if w.Code != 200 {
				t.Fatalf("%.8q: %d %s", subject, w.Code, w.Body)
			}
			var b begun
			g.must(json.Unmarshal(w.Body.Bytes(), &b))
			r := post("POST", encodeJSON(t, d.create(b, twist{})))
			r.AddCookie(w.Result().Cookies()[0])
			if w := record(r.WithContext(auth.NewContext(t.Context(), p)), g.passkeys.RegisterFinishHandler()); w.Code != 201 {
				t.Errorf("%.8q: %d %s", subject, w.Code, w.Body)
			}
		}
	})
	t.Run("one that is not UTF-8 is a fault at the beginning, and not a passkey that locks its owner out", func(t *testing.T) {
		if w := begin(newRig(t), "\xfe"); w.Code != 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
