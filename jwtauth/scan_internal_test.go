package jwtauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
)

// readers reads payload with both readers. What the fast one takes, the strict one
// must take with the same result.
func readers(t *testing.T, payload string) (v *verified, fast bool, err error) {
	t.Helper()
	var a, b verified
	a.reset(payload)
	fast = a.scan(payload)
	if fast {
		fastErr := a.finish()
		b.reset(payload)
		err = b.readClaims(payload)
		if err != nil {
			t.Fatalf("JWT-13 scan takes %q, and readClaims says %v", payload, err)
		}
		err = b.finish()
		if (fastErr == nil) != (err == nil) || !reflect.DeepEqual(a.claims, b.claims) || !reflect.DeepEqual(a.principal, b.principal) {
			t.Fatalf("JWT-13 two readings of %q:\n%+v %v\n%+v %v", payload, a.claims, fastErr, b.claims, err)
		}
		return &b, true, err
	}
	b.reset(payload)
	if err = b.readClaims(payload); err == nil {
		err = b.finish()
	}
	var c verified
	if again := c.parse(payload); (again == nil) != (err == nil) || err == nil && !reflect.DeepEqual(c.claims, b.claims) {
		t.Fatalf("JWT-13 parse of %q is not that of readClaims: %v, %v", payload, again, err)
	}
	return &b, false, err
}

// payloads are seeds for both readers.
var payloads = []string{
	`{"iss":"https://id.example.com","sub":"alice","aud":"api","exp":1767366845,"iat":1767366245,"jti":"t1"}`,
	`{"sub":"alice","aud":["a","b","c"],"roles":["x","y"],"scope":"a b","amr":["pwd","otp"],"amr_times":[0,17],"attrs":{"tenant":"acme","a":"b"},"iat":1,"iat_ms":999,"plan":"gold","n":5,"t":true,"z":null}`,
	`{"sub":"é","x":{"y":[1,2.5,-3e+4,"\u00e9\ud83d\ude00"]}}`, `{"a":1,"A":2}`, `{"a":1,"a":2}`, `{"sub":"a\u0000"}`, `{"exp":1e3}`, `{"exp":01}`, `{"exp":1234567890123456}`,
	`{"exp":9007199254740992}`, `{"exp":9007199254740993}`, `{"exp":0}`, `{"aud":[]}`, `{"attrs":{}}`, `{"attrs":{"a":1}}`, `{"attrs":{"a":"1","a":"2"}}`, `{"attrs":{"A":"1","a":"2"}}`, `{"amr_times":[]}`, `{"amr":["a"],"amr_times":[1,2]}`,
	`{}`, `{ }`, `{"a":1}x`, `{"a":1,}`, `{"a"}`, `{"a":"b}`, "{\"a\":\"\xff\"}", `{"ſub":"x"}`, `{"Sub":"x"}`, `{"roles":"admin"}`, `{"scope":""}`, `{"scope":" "}`, `{"iat":5,"iat_ms":1000}`,
	`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`, `{"a":truefalse}`, `{"a":nullx}`, `{"a":1.0}`, `{"auth_time":-1}`, `{"iat_ms":5}`, `null`, `[]`, ``, `{"a":[[[[[[[[1]]]]]]]]}`, `{"a":[[[[[[[1]]]]]]]}`,
}

func TestReaders(t *testing.T) {
	for _, p := range payloads {
		t.Run("JWT-13 "+p, func(t *testing.T) { readers(t, p) })
	}
	t.Run("the usual token takes the fast way", func(t *testing.T) {
		for _, p := range payloads[:2] {
			if _, fast, err := readers(t, p); !fast || err != nil {
				t.Errorf("%s: %v, %v", p, fast, err)
			}
		}
	})
	t.Run("JWT-13 depth and width", func(t *testing.T) {
		for n, want := range map[int]bool{7: true, 8: false, 100: false, 100_000: false} {
			if _, _, err := readers(t, `{"x":`+strings.Repeat("[", n)+strings.Repeat("]", n)+`}`); (err == nil) != want {
				t.Errorf("%d deep: %v", n+1, err)
			}
		}
		for n, want := range map[int]bool{64: true, 65: false} {
			list := make([]string, n)
			for i := range list {
				list[i] = fmt.Sprintf(`"m%d":1`, i)
			}
			object := "{" + strings.Join(list, ",") + "}"
			for _, p := range []string{object, `{"x":` + object + `}`, `{"attrs":` + strings.ReplaceAll(object, ":1", `:"1"`) + `}`} {
				if _, _, err := readers(t, p); (err == nil) != want {
					t.Errorf("%d members: %.20s: %v", n, p, err)
				}
			}
		}
	})
	for payload, want := range map[string]error{
		`{"exp":9007199254740992}`: nil, `{"exp":9007199254740993}`: errInteger, `{"exp":0}`: errInteger, `{"exp":-0}`: errInteger, `{"exp":1.0}`: errInteger, `{"exp":1e3}`: errInteger, `{"exp":"1"}`: errInteger,
		`{"exp":99999999999999999999}`: errInteger, `{"iat":5,"iat_ms":0}`: nil, `{"iat":5,"iat_ms":999}`: nil, `{"iat":5,"iat_ms":1000}`: errInteger, `{"auth_time":0}`: errInteger, `{"nbf":0}`: errInteger,
		`{"aud":[]}`: errNoAudience, `{"aud":["a"]}`: nil, `{"aud":[1]}`: errNotString, `{"roles":[]}`: nil, `{"roles":"a"}`: errNotListed, `{"attrs":[]}`: errNotAnObject, `{"attrs":{"a":1}}`: errNotString, `{"attrs":{"a":"1","A":"2"}}`: errJSONTwice,
		`{"amr":["a"],"amr_times":[1]}`: nil, `{"amr":["a","b"],"amr_times":[1]}`: errFactors, `{"amr":["a"],"amr_times":[1,2]}`: errFactors, `{"amr_times":[1]}`: errFactors, `{"amr":["a"],"amr_times":[]}`: errFactors, `{"amr":["a"],"amr_times":[-1]}`: errInteger,
		`{"scope":"a b"}`: nil, `{"scope":""}`: nil, `{"scope":"a  b"}`: errScope, `{"a":1,"A":1}`: errJSONTwice, `{"a":1}x`: errJSONAfter, `[]`: errJSONObject, `{"a":"\u0000"}`: errJSONText, "{\"a\":\"\xff\"}": errJSONText, `{"a":"\ud800"}`: errJSONText, `{"a":01}`: errJSON, `{"a":+1}`: errJSON,
	} {
		t.Run("JWT-10 JWT-13 verdict of "+payload, func(t *testing.T) {
			if _, _, err := readers(t, payload); !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	t.Run("what is taken is what encoding/json reads", func(t *testing.T) {
		for _, p := range payloads {
			v, _, err := readers(t, p)
			if err == nil {
				agrees(t, p, &v.claims)
			}
		}
	})
}

// agrees holds claims to what encoding/json says of the payload.
func agrees(t *testing.T, payload string, c *Claims) {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(strings.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%q is no JSON object: %v", payload, err)
	}
	text := func(name string) string { s, _ := m[name].(string); return s }
	if c.Subject != text("sub") || c.Issuer != text("iss") || c.ID != text("jti") || c.SessionID != text("sid") || c.ClientID != text("client_id") || c.ACR != text("acr") {
		t.Fatalf("%q is read as %+v", payload, c)
	}
	for name, at := range map[string]time.Time{"exp": c.ExpiresAt, "nbf": c.NotBefore, "auth_time": c.AuthTime} {
		if n, ok := m[name].(json.Number); ok != !at.IsZero() || ok && fmt.Sprint(at.Unix()) != n.String() {
			t.Fatalf("%q: %s is read as %s", payload, name, at)
		}
	}
	if _, ok := m["scope"]; ok != (c.Scopes != nil) || strings.Join(c.Scopes, " ") != text("scope") {
		t.Fatalf("%q: scope is read as %q", payload, c.Scopes)
	}
}

func FuzzClaims(f *testing.F) {
	for _, p := range payloads {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		v, _, err := readers(t, payload)
		if err != nil {
			return
		}
		if !json.Valid([]byte(payload)) {
			t.Fatalf("%q is no JSON", payload)
		}
		agrees(t, payload, &v.claims)
		var m map[string]any
		if json.Unmarshal([]byte(payload), &m) == nil {
			for a := range m {
				for b := range m {
					if a != b && strings.EqualFold(a, b) {
						t.Fatalf("%q has %q and %q", payload, a, b)
					}
				}
				if isRegistered(a) && claimOf(a) == 0 {
					t.Fatalf("%q has %q", payload, a)
				}
			}
		}
	})
}

func FuzzHeader(f *testing.F) {
	for _, h := range []string{`{"alg":"HS256","kid":"k1","typ":"at+jwt"}`, `{"alg":"HS256","jwk":{}}`, `{"Alg":"x"}`, `{"alg":"none","alg":"HS256"}`, `{"crit":[]}`, `{"kid":1}`, `{"alg":"\u0048"}`, `{}`} {
		f.Add(encoding.EncodeToString([]byte(h)))
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		h, err := parseHeader(encoded)
		if err != nil {
			if h != (header{}) {
				t.Fatalf("%q: %+v with %v", encoded, h, err)
			}
			return
		}
		text, err := encoding.DecodeString(encoded)
		var m map[string]any
		if err != nil || json.Unmarshal(text, &m) != nil || m["alg"] != h.alg || h.hasID && m["kid"] != h.kid || h.hasTyp && m["typ"] != h.typ {
			t.Fatalf("%q is read as %+v", text, h)
		}
		for name := range m {
			if slices.Contains([]string{"crit", "jwk", "jku", "x5c", "x5u", "b64", "zip", "enc", "cty"}, strings.ToLower(name)) {
				t.Fatalf("%q is accepted", text)
			}
		}
	})
}

// anyClaims makes claims that can be issued.
func anyClaims(r *rand.Rand) *Claims {
	word := func() string {
		const letters = "aZ0 _-:/.\"\\\n\té😀\u2028<&'"
		runes := []rune(letters)
		n := 1 + r.IntN(12)
		var b strings.Builder
		for range n {
			b.WriteRune(runes[r.IntN(len(runes))])
		}
		return b.String()
	}
	words := func(most int) (list []string) {
		for range r.IntN(most + 1) {
			list = append(list, word())
		}
		return list
	}
	now := time.Unix(1767366245, 0).Add(time.Duration(r.Int64N(int64(time.Hour)))).UTC()
	c := &Claims{
		Issuer: word(), Subject: word(), Audience: append(words(3), word()), ID: word(), IssuedAt: now, ExpiresAt: now.Add(time.Minute + time.Duration(r.Int64N(int64(time.Minute)))),
		Roles: words(6), ClientID: strings.Repeat(word(), r.IntN(2)), SessionID: strings.Repeat(word(), r.IntN(2)), ACR: strings.Repeat(word(), r.IntN(2)),
	}
	if r.IntN(2) == 0 {
		c.NotBefore = now
	}
	if r.IntN(2) == 0 {
		c.AuthTime = now.Add(-time.Hour)
	}
	if r.IntN(2) == 0 {
		c.Scopes = []string{}
		for range r.IntN(12) {
			c.Scopes = append(c.Scopes, fmt.Sprintf("s:%d", r.IntN(9)))
		}
	}
	for range r.IntN(5) {
		at := []time.Time{{}, now, c.AuthTime, now.Add(-time.Minute)}[r.IntN(4)]
		c.Factors = append(c.Factors, auth.Factor{Kind: word(), At: at})
	}
	for i := range r.IntN(4) {
		if c.Attributes == nil {
			c.Attributes = make(map[string]string)
		}
		c.Attributes[fmt.Sprint("n", i, strings.ToLower(word()))] = word()
	}
	return c
}

func TestEncode(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	keys := make(map[Algorithm]*KeySet)
	for alg := range algorithms {
		if strings.HasPrefix(string(alg), "RS") || strings.HasPrefix(string(alg), "PS") {
			continue // TestKeyRoundTrip has them
		}
		k, err := GenerateKey("", alg)
		if err != nil {
			t.Fatal(err)
		}
		if keys[alg], err = NewKeySet(k); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("JWT-22 what is signed is verified, with the same claims", func(t *testing.T) {
		algs := slices.Sorted(maps.Keys(keys))
		for i := range testkit.Volume(3000) {
			c := anyClaims(r)
			custom := map[string]any{"plan": "gold", "nested": map[string]any{"a": []int{1, 2}}}
			payload, err := c.encode(custom)
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			set := keys[algs[i%len(algs)]]
			token, err := set.sign(DefaultType, payload)
			if err != nil {
				t.Fatal(err)
			}
			v, err := NewVerifier(set, VerifierConfig{Issuer: c.Issuer, Audience: c.Audience[r.IntN(len(c.Audience))], Now: func() time.Time { return c.IssuedAt }})
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Verify(t.Context(), token)
			if err != nil {
				t.Fatalf("JWT-22 %s: %v", payload, err)
			}
			if !c.equal(got) || !got.IssuedAt.Equal(c.IssuedAt.Truncate(time.Millisecond)) {
				t.Fatalf("JWT-22 %s is read as %+v", payload, got)
			}
			if !ClaimsOf(got.Principal()).Principal().Equal(func() *auth.Principal { p := got.Principal(); p.CredentialID = ""; return p }()) {
				t.Fatalf("the principal of %s changes on the way", payload)
			}
		}
	})
	good := func() *Claims {
		c := anyClaims(r)
		c.Subject, c.ID, c.Factors = "alice", "t1", nil
		return c
	}
	t.Run("J28 JWT-22 a custom claim cannot be a registered one", func(t *testing.T) {
		for _, name := range registered {
			for _, name := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], strings.ReplaceAll(name, "s", "\u017f")} {
				if b, err := good().encode(map[string]any{name: "x"}); b != nil || !errors.Is(err, ErrClaims) || !strings.Contains(err.Error(), "registered name") {
					t.Errorf("%s: %s, %v", name, b, err)
				}
			}
		}
	})
	for name, change := range map[string]func(c *Claims, custom map[string]any){
		"no subject":              func(c *Claims, _ map[string]any) { c.Subject = "" },
		"no id":                   func(c *Claims, _ map[string]any) { c.ID = "" },
		"no exp":                  func(c *Claims, _ map[string]any) { c.ExpiresAt = time.Time{} },
		"no iat":                  func(c *Claims, _ map[string]any) { c.IssuedAt = time.Time{} },
		"exp before 1970":         func(c *Claims, _ map[string]any) { c.ExpiresAt = time.Unix(-5, 0) },
		"invalid UTF-8":           func(c *Claims, _ map[string]any) { c.Subject = "al\xffice" },
		"a NUL":                   func(c *Claims, _ map[string]any) { c.Subject = "alice\x00" },
		"a scope with a space":    func(c *Claims, _ map[string]any) { c.Scopes = []string{"a b"} },
		"an empty scope of two":   func(c *Claims, _ map[string]any) { c.Scopes = []string{"a", ""} },
		"one empty scope":         func(c *Claims, _ map[string]any) { c.Scopes = []string{""} },
		"a scope that is é":       func(c *Claims, _ map[string]any) { c.Scopes = []string{"é"} },
		"attributes in two cases": func(c *Claims, _ map[string]any) { c.Attributes = map[string]string{"a": "1", "A": "2"} },
		"too large":               func(c *Claims, _ map[string]any) { c.ClientID = strings.Repeat("x", 8<<10) },
		"custom in two cases":     func(_ *Claims, m map[string]any) { m["plan"], m["Plan"] = 1, 2 },
		"custom too deep": func(_ *Claims, m map[string]any) {
			m["x"] = json.RawMessage(strings.Repeat("[", 8) + strings.Repeat("]", 8))
		},
		"custom doubled inside":    func(_ *Claims, m map[string]any) { m["x"] = json.RawMessage(`{"a":1,"a":2}`) },
		"custom that is no JSON":   func(_ *Claims, m map[string]any) { m["x"] = make(chan int) },
		"custom with a NUL inside": func(_ *Claims, m map[string]any) { m["x"] = "\x00" },
		"custom, 65 in all": func(_ *Claims, m map[string]any) {
			for i := range 65 {
				m[fmt.Sprint(i)] = i
			}
		},
	} {
		t.Run("JWT-22 "+name, func(t *testing.T) {
			c, custom := good(), make(map[string]any)
			change(c, custom)
			if b, err := c.encode(custom); b != nil || err == nil {
				t.Errorf("%s, %v", b, err)
			}
		})
	}
}
