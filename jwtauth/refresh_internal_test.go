package jwtauth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
)

func refreshKeyOf(b byte) []byte { h := sha256.Sum256([]byte{b}); return h[:] }

func newTestRefreshKeys(t testing.TB, secrets [][]byte, context ...string) *refreshKeys {
	t.Helper()
	s, err := newRefreshKeys(secrets, context...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRefreshToken(t *testing.T) {
	keys := newTestRefreshKeys(t, [][]byte{refreshKeyOf(1)}, "iss")
	id := newFamilyID("u-alice")
	token := keys.seal(id, 7)
	refused := func(t *testing.T, what, s string) {
		t.Helper()
		if got, counter, ok := keys.open(s); ok || got != (FamilyID{}) || counter != 0 {
			t.Errorf("%s is taken for a token", what)
		}
	}
	t.Run("RFT-01 a token is a family, a counter and a MAC of 256 bits", func(t *testing.T) {
		got, counter, ok := keys.open(token)
		if !ok || got != id || counter != 7 {
			t.Fatalf("%x %d %v", got, counter, ok)
		}
		if len(token) != refreshLength || tokenSize%3 != 0 || tokenSize-macAt != sha256.Size {
			t.Errorf("%d characters, %d bytes", len(token), tokenSize)
		}
		if strings.Contains(token, "alice") || strings.Contains(token, ".") {
			t.Error("a token tells more than it should")
		}
	})
	t.Run("RFT-04 the successor is derived: the same token each time", func(t *testing.T) {
		if keys.seal(id, 7) != token || newTestRefreshKeys(t, [][]byte{refreshKeyOf(1)}, "iss").seal(id, 7) != token {
			t.Error("two tokens for one counter")
		}
		if keys.seal(id, 8) == token || keys.seal(newFamilyID("u-alice"), 7) == token {
			t.Error("one token for two counters or families")
		}
	})
	t.Run("RFT-15 R10 every prefix and every suffix is refused", func(t *testing.T) {
		for n := range len(token) {
			refused(t, "a prefix", token[:n])
			refused(t, "a suffix", token[n+1:])
			refused(t, "a token without one character", token[:n]+token[n+1:])
		}
	})
	t.Run("RFT-15 R10 every bit flip is refused", func(t *testing.T) {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		for bit := range len(raw) * 8 {
			flipped := bytes.Clone(raw)
			flipped[bit/8] ^= 1 << (bit % 8)
			refused(t, "a flipped bit", base64.RawURLEncoding.EncodeToString(flipped))
		}
		for i := range token {
			for bit := range 8 {
				b := []byte(token)
				b[i] ^= 1 << bit
				refused(t, "a flipped bit of the text", string(b))
			}
		}
	})
	t.Run("RFT-15 R10 every other spelling is refused", func(t *testing.T) {
		for i := range token {
			for _, c := range "\n\r =" {
				refused(t, "a token with something in it", token[:i]+string(c)+token[i:])
				refused(t, "a token with something in place of a character", token[:i]+string(c)+token[i+1:])
			}
			swapped := token[i : i+1]
			if swapped == strings.ToLower(swapped) {
				swapped = strings.ToUpper(swapped)
			} else {
				swapped = strings.ToLower(swapped)
			}
			if swapped != token[i:i+1] {
				refused(t, "a token in another case", token[:i]+swapped+token[i+1:])
			}
		}
		raw, _ := base64.RawURLEncoding.DecodeString(token)
		variants := []string{
			token + "=", token + "A", token + "AAAA", token + "\n", token + "\x00", " " + token, token + token,
			strings.ToLower(token), strings.ToUpper(token), string(raw), `"` + token + `"`, token + ".", "." + token,
			base64.StdEncoding.EncodeToString(raw), strings.ReplaceAll(token, "-", "%2D") + "%",
		}
		for _, v := range variants {
			if v != token {
				refused(t, "a variant", v)
			}
		}
	})
	t.Run("R13 what is no refresh token is refused", func(t *testing.T) {
		for _, s := range []string{"", "null", strings.Repeat("A", refreshLength), strings.Repeat("_", refreshLength), "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("A", 1<<20)} {
			refused(t, "junk", s)
		}
	})
	t.Run("RFT-15 counters that were never given out are refused", func(t *testing.T) {
		for _, counter := range []uint64{0, maxCounter, 1<<64 - 1} {
			refused(t, "a counter", keys.seal(id, counter))
		}
	})
	t.Run("RFT-15 a token of another version is refused, though its MAC is right", func(t *testing.T) {
		raw, _ := encoding.DecodeString(token)
		raw = raw[:macAt:macAt]
		raw[0] = refreshVersion + 1
		refused(t, "a version", encoding.EncodeToString(keys.keys[0].appendMAC(raw)))
	})
	t.Run("junk costs one comparison of lengths", func(t *testing.T) {
		if n := testing.AllocsPerRun(100, func() { keys.open(token[1:]) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func TestRefreshKeys(t *testing.T) {
	id := newFamilyID("u-alice")
	one, two := refreshKeyOf(1), refreshKeyOf(2)
	opens := func(s *refreshKeys, token string) bool { _, _, ok := s.open(token); return ok }
	t.Run("F22 a token of any configured key is good, of no other", func(t *testing.T) {
		before, published := newTestRefreshKeys(t, [][]byte{one}), newTestRefreshKeys(t, [][]byte{one, two})
		after, retired := newTestRefreshKeys(t, [][]byte{two, one}), newTestRefreshKeys(t, [][]byte{two})
		old, next := before.seal(id, 1), after.seal(id, 1)
		if published.seal(id, 1) != old || retired.seal(id, 1) != next || old == next {
			t.Error("the first key is not the one that makes tokens")
		}
		for name, c := range map[string]struct {
			keys  *refreshKeys
			token string
			want  bool
		}{
			"old before": {before, old, true}, "next before": {before, next, false},
			"old published": {published, old, true}, "next published": {published, next, true},
			"old after": {after, old, true}, "next after": {after, next, true},
			"old retired": {retired, old, false}, "next retired": {retired, next, true},
		} {
			if opens(c.keys, c.token) != c.want {
				t.Errorf("%s: want %v", name, c.want)
			}
		}
	})
	t.Run("RFT-14 R11 a token is bound to what its Issuer is", func(t *testing.T) {
		contexts := [][]string{{"iss", "", "0", "aud"}, {"iss2", "", "0", "aud"}, {"iss", "ios", "0", "aud"}, {"iss", "", "1", "aud"}, {"iss", "", "0", "aud2"}, {"iss", "", "0", "aud", "aud2"}, {"is", "s", "0", "aud"}, {}}
		for i, a := range contexts {
			token := newTestRefreshKeys(t, [][]byte{one}, a...).seal(id, 1)
			for j, b := range contexts {
				if opens(newTestRefreshKeys(t, [][]byte{one}, b...), token) != (i == j) {
					t.Errorf("a token of %q at %q", a, b)
				}
			}
		}
	})
	t.Run("a key that is none is refused in words, without showing it", func(t *testing.T) {
		for name, c := range map[string]struct {
			keys  [][]byte
			wrong string
		}{
			"none":  {nil, "openssl rand -base64 32"},
			"short": {[][]byte{one[:31]}, "RefreshKeys[0] must have 32 bytes"},
			"long":  {[][]byte{one, append(two[:32:32], 1)}, "RefreshKeys[1] must have 32 bytes"},
			"zero":  {[][]byte{make([]byte, 32)}, "over and over"},
			"same":  {[][]byte{bytes.Repeat([]byte("x"), 32)}, "over and over"},
			"twice": {[][]byte{one, two, one}, "RefreshKeys[2] is there twice"},
			"nil":   {[][]byte{nil}, "RefreshKeys[0]"},
		} {
			_, err := newRefreshKeys(c.keys)
			if err == nil || !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "jwtauth: ", "")), " "), c.wrong) {
				t.Errorf("%s: %v, want %q", name, err, c.wrong)
			}
		}
	})
	t.Run("the configured key is copied", func(t *testing.T) {
		secret := refreshKeyOf(9)
		s := newTestRefreshKeys(t, [][]byte{secret})
		token := s.seal(id, 1)
		clear(secret)
		if !opens(s, token) || s.seal(id, 1) != token {
			t.Error("it follows the caller's bytes")
		}
	})
}

// FuzzRefreshToken: what opens is the one spelling of what it says.
func FuzzRefreshToken(f *testing.F) {
	keys := newTestRefreshKeys(f, [][]byte{refreshKeyOf(1)}, "iss")
	id := newFamilyID("u-alice")
	f.Add(keys.seal(id, 1))
	f.Add(keys.seal(id, maxCounter-1) + "=")
	f.Add(strings.Repeat("A", refreshLength))
	f.Add("eyJhbGciOiJIUzI1NiJ9.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		id, counter, ok := keys.open(token)
		if ok && keys.seal(id, counter) != token {
			t.Errorf("%q opens and is not the token of what it says", token)
		}
		if !ok && (id != FamilyID{} || counter != 0) {
			t.Error("a refused token has left something")
		}
	})
}

func fullGrant() (*auth.Principal, Device) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	return &auth.Principal{
		Subject: "u-alice", Roles: []string{"customer"}, Scopes: []string{"a", "b"},
		Factors:         []auth.Factor{{Kind: auth.FactorPassword, At: at}, {Kind: auth.FactorOTP, At: at.Add(time.Minute)}},
		AuthenticatedAt: at, Attributes: map[string]string{"tenant": "t1"},
	}, Device{UserAgent: "test/1.0 \u00fc <script>", Address: netip.MustParseAddr("2001:db8::1")}
}

func TestGrant(t *testing.T) {
	id := newFamilyID("u-alice")
	t.Run("what a sign-in grants is read as it was written", func(t *testing.T) {
		for _, scopes := range [][]string{nil, {}, {"a"}} {
			p, d := fullGrant()
			p.Scopes = scopes
			b, err := grantOf(p, "web", d).encode()
			if err != nil {
				t.Fatal(err)
			}
			g, err := decodeGrant(id, b)
			if err != nil {
				t.Fatal(err)
			}
			want := p.Clone()
			want.Method, want.CredentialID = auth.MethodJWT, id.Public()
			if got := g.principal(id); !got.Equal(want) {
				t.Errorf("%+v, want %+v", got, want)
			}
			if g.ClientID != "web" || g.UserAgent != d.UserAgent || g.Address != d.Address {
				t.Errorf("%+v", g)
			}
		}
	})
	t.Run("F11 what cannot be read is an error, and so is what belongs to another subject", func(t *testing.T) {
		p, d := fullGrant()
		b, err := grantOf(p, "", d).encode()
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if _, err := decodeGrant(newFamilyID("u-bob"), b); err == nil {
			t.Error("the grant of another subject is read")
		}
		for _, bad := range []string{
			"", "null", "{}", "[]", `"x"`, text[:len(text)-1], text + "{}", text + "x", strings.Replace(text, `"v":1`, `"v":2`, 1),
			strings.Replace(text, `"sub":"u-alice"`, `"sub":""`, 1), strings.Replace(text, `{"v"`, `{"admin":true,"v"`, 1),
			strings.Repeat(" ", MaxGrantSize) + text,
		} {
			if _, err := decodeGrant(id, []byte(bad)); err == nil {
				t.Errorf("%.60q is read", bad)
			}
		}
	})
	t.Run("a grant is bounded", func(t *testing.T) {
		p, d := fullGrant()
		p.Attributes["x"] = strings.Repeat("x", MaxGrantSize)
		if _, err := grantOf(p, "", d).encode(); err == nil {
			t.Error("no error")
		}
	})
}

// FuzzGrant: what a store returns is read or refused, and what is read says who.
func FuzzGrant(f *testing.F) {
	id := newFamilyID("u-alice")
	p, d := fullGrant()
	b, err := grantOf(p, "web", d).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":1,"sub":"u-alice","scopes":null}`))
	f.Add([]byte(`{"v":1,"SUB":"u-bob","sub":"u-alice","scopes":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := decodeGrant(id, b)
		if err != nil {
			return
		}
		if p := g.principal(id); p.Subject != "u-alice" || p.CredentialID != id.Public() {
			t.Fatalf("%+v", p)
		}
		again, err := g.encode()
		if err != nil {
			return // such as one that is longer when it is escaped
		}
		h, err := decodeGrant(id, again)
		if err != nil || !h.principal(id).Equal(g.principal(id)) {
			t.Fatalf("%s is read and, written again, is %v", b, err)
		}
	})
}

func TestFamilyID(t *testing.T) {
	id := newFamilyID("u-alice")
	t.Run("with its subject the public id names the family, with another it does not", func(t *testing.T) {
		if got, ok := familyOf("u-alice", id.Public()); !ok || got != id {
			t.Errorf("%x %v", got, ok)
		}
		if got, ok := familyOf("u-bob", id.Public()); !ok || got == id || got.Bucket() != BucketOf("u-bob") {
			t.Errorf("%x %v", got, ok)
		}
	})
	t.Run("R10 text that is no public id names nothing", func(t *testing.T) {
		public := id.Public()
		for _, bad := range []string{"", public[:21], public + "A", public + "=", public + "\n", public[:10] + "\n" + public[10:], strings.Repeat("/", 22), public[:21] + "B", strings.Repeat("x", 1<<16)} {
			if got, ok := familyOf("u-alice", bad); ok && got != id || got != (FamilyID{}) {
				t.Errorf("%.30q names a family", bad)
			}
		}
	})
}

func TestApply(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	limits := Limits{Lifetime: 24 * time.Hour, Idle: time.Hour, PerSubject: 1}
	call := func(b byte) CallID { return CallID{b} }
	type step struct {
		counter uint64
		call    byte
		after   time.Duration // on the clock, before the step; negative is back
		want    Outcome
		at      uint64 // Counter afterwards
	}
	for name, steps := range map[string][]step{
		"RFT-02 one after the other":                 {{1, 1, 0, Rotated, 2}, {2, 2, time.Minute, Rotated, 3}},
		"RFT-05 R01 at 0 ms":                         {{1, 1, 0, Rotated, 2}, {1, 2, 0, Repeated, 2}},
		"RFT-05 R02 at 5 s":                          {{1, 1, 0, Rotated, 2}, {1, 2, 5 * time.Second, Repeated, 2}},
		"RFT-05 R02 at the last moment of the grace": {{1, 1, 0, Rotated, 2}, {1, 2, 10*time.Second - 1, Repeated, 2}},
		"RFT-05 R02 when the grace is over":          {{1, 1, 0, Rotated, 2}, {1, 2, 10 * time.Second, Reused, 2}},
		"RFT-05 a repeat does not prolong the grace": {{1, 1, 0, Rotated, 2}, {1, 2, 9 * time.Second, Repeated, 2}, {1, 3, time.Second, Reused, 2}},
		"RFT-06 R04 two behind":                      {{1, 1, 0, Rotated, 2}, {2, 2, 0, Rotated, 3}, {1, 3, 0, Reused, 3}},
		"RFT-06 R05 nothing after the end":           {{1, 1, 0, Rotated, 2}, {2, 2, 0, Rotated, 3}, {1, 3, 0, Reused, 3}, {3, 4, 0, Reused, 3}, {2, 5, 0, Reused, 3}, {9, 6, 0, Reused, 3}, {1, 1, 0, Reused, 3}},
		"RFT-10 the same call an hour later":         {{1, 1, 0, Rotated, 2}, {1, 1, 30 * time.Minute, Repeated, 2}},
		"RFT-10 the same call when others went on":   {{1, 1, 0, Rotated, 2}, {2, 2, 0, Rotated, 3}, {3, 3, 0, Rotated, 4}, {4, 4, 0, Rotated, 5}, {1, 1, 0, Repeated, 5}},
		"RFT-10 the same call when too many went on": {{1, 1, 0, Rotated, 2}, {2, 2, 0, Rotated, 3}, {3, 3, 0, Rotated, 4}, {4, 4, 0, Rotated, 5}, {5, 5, 0, Rotated, 6}, {1, 1, 0, Reused, 6}},
		"F09 ahead": {{5, 1, 0, Rotated, 6}, {5, 2, time.Second, Repeated, 6}, {4, 3, 0, Reused, 6}},
		"F17 a clock that goes back an hour is within the grace":      {{1, 1, 0, Rotated, 2}, {1, 2, -time.Hour, Repeated, 2}, {2, 3, 0, Rotated, 3}},
		"F17 a clock that goes back revives nothing that was refused": {{1, 1, 0, Rotated, 2}, {1, 2, 11 * time.Second, Reused, 2}, {1, 3, -time.Hour, Reused, 2}, {2, 4, 0, Reused, 2}},
		"no call id is never remembered":                              {{1, 0, 0, Rotated, 2}, {1, 0, 10 * time.Second, Reused, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			f, at := NewFamily(FamilyID{}, nil, limits, now), now
			for i, s := range steps {
				at = at.Add(s.after)
				before := *f
				r := Rotation{Counter: s.counter, Call: call(s.call), Grace: 10 * time.Second, Idle: time.Hour}
				if got := r.Apply(f, at); got != s.want || f.Counter != s.at {
					t.Fatalf("step %d: %v at %d, want %v at %d", i, got, f.Counter, s.want, s.at)
				}
				if s.want == Repeated && !reflect.DeepEqual(before, *f) {
					t.Fatalf("step %d: a repeat has changed the family", i)
				}
			}
		})
	}
	t.Run("F17 a clock that goes back makes no grace where there is none", func(t *testing.T) {
		f := NewFamily(FamilyID{}, nil, limits, now)
		Rotation{Counter: 1, Call: call(1), Idle: time.Hour}.Apply(f, now)
		if got := (Rotation{Counter: 1, Call: call(2), Idle: time.Hour}).Apply(f, now.Add(-time.Minute)); got != Reused {
			t.Errorf("%v", got)
		}
	})
	t.Run("RFT-07 the end does not move", func(t *testing.T) {
		f := NewFamily(FamilyID{}, nil, limits, now)
		at, n := now, uint64(0)
		for ; f.Live(at); at = at.Add(time.Minute) {
			n++
			Rotation{Counter: n, Call: CallID{byte(n)}, Idle: time.Hour}.Apply(f, at)
			if f.ExpiresAt.After(f.Deadline) || !f.Deadline.Equal(now.Add(24*time.Hour)) {
				t.Fatalf("after %d rotations it is %v, %v", n, f.ExpiresAt, f.Deadline)
			}
		}
		if at.Sub(now) != 24*time.Hour {
			t.Errorf("the family has lived for %v", at.Sub(now))
		}
	})
}

func TestSuccessor(t *testing.T) {
	t.Run("RFT-04 the successor of a token has the next counter, and no other", func(t *testing.T) {
		key, err := HMACKey("k1", HS256, refreshKeyOf(3))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := NewKeySet(key)
		if err != nil {
			t.Fatal(err)
		}
		i, err := NewIssuer(keys, nil, IssuerConfig{Issuer: "iss", Audience: []string{"aud"}, RefreshKeys: [][]byte{refreshKeyOf(1)}, SkipCurrent: true})
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := i.Issue(t.Context(), &auth.Principal{Subject: "u-alice"}, Device{})
		for n := uint64(1); n < 5; n++ {
			if err != nil {
				t.Fatal(err)
			}
			id, counter, ok := i.refresh.open(tokens.Refresh)
			f, findErr := i.store.Find(t.Context(), id)
			if !ok || counter != n || findErr != nil || f.Counter != n {
				t.Fatalf("token %d of a family at %d, want %d: %v", counter, f.Counter, n, findErr)
			}
			tokens, err = i.Refresh(t.Context(), tokens.Refresh)
		}
	})
}
