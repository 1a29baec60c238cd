package jwtauth_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
)

// An attack is a token that must be refused, by the recipe of its number.
type attack struct{ name, token string }

// attacks are the tokens of J01 to J24 that need no more than a house of HS256 and
// one of ES256.
func attacks(t testing.TB, hs, es *house, canary string) []attack {
	t.Helper()
	now := hs.clock.Now()
	good := claimsAt(now)
	var list []attack
	add := func(name, token string) { list = append(list, attack{name, token}) }
	signed := func(name, header, payload string) { add(name, forge(header, payload, hs.sign)) }
	claims := func(name string, changes ...member) { signed(name, hs.header, claimsAt(now, changes...)) }

	for _, alg := range []string{"none", "None", "nOnE", "NONE", "NONE ", "", "HS256 ", "hs256", "HS384", "ES256", "PS256"} {
		h := fmt.Sprintf(`{"alg":%q,"kid":"k1","typ":"at+jwt"}`, alg)
		add("J01 alg "+alg+" with an empty signature", b64(h)+"."+b64(good)+".")
		signed("J01 alg "+alg+" with a signature", h, good)
	}
	add("J01 JWT-02 good header, empty signature", b64(hs.header)+"."+b64(good)+".")
	signed("J01 no alg", `{"kid":"k1","typ":"at+jwt"}`, good)
	signed("J01 alg null", `{"alg":null,"kid":"k1","typ":"at+jwt"}`, good)

	for name, text := range publicTexts(t) {
		add("J02 J03 HS256 with "+name, forge(header("HS256", "k1"), good, signHS256(text)))
		add("J02 J03 HS256 without kid with "+name, forge(`{"alg":"HS256","typ":"at+jwt"}`, good, signHS256(text)))
	}

	evil := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	evilKey := must(jwtauth.PublicKey("k1", jwtauth.ES256, &evil.PublicKey))
	der := must(x509.MarshalPKIXPublicKey(&evil.PublicKey))
	jwk := string(must(json.Marshal(evilKey)))
	cert := base64.StdEncoding.EncodeToString(der)
	add("J04 jwk", forge(`{"alg":"ES256","kid":"k1","typ":"at+jwt","jwk":`+jwk+`}`, good, signES256(evil)))
	add("J04 jwk without kid", forge(`{"alg":"ES256","typ":"at+jwt","jwk":`+jwk+`}`, good, signES256(evil)))
	add("J04 x5c", forge(`{"alg":"ES256","kid":"k1","typ":"at+jwt","x5c":["`+cert+`"]}`, good, signES256(evil)))
	add("J04 another key under the same kid", forge(es.header, good, signES256(evil)))
	for _, name := range []string{"jku", "x5u", "JKU", "Jwk"} {
		h := `{"alg":"ES256","kid":"k1","typ":"at+jwt","` + name + `":"` + canary + `"}`
		add("J05 "+name+" to a canary", forge(h, good, signES256(evil)))
		add("J05 "+name+" though it is well signed", forge(h, good, es.sign))
	}

	for _, kid := range []string{
		`"../../dev/null"`, `"' OR 1=1--"`, `""`, `"k1\u0000"`, `"K1"`, `"k1 "`, `"k2"`, `7`, `["k1"]`, `null`, `true`, `{"k1":1}`,
		`"` + strings.Repeat("k", 300) + `"`, `"` + strings.Repeat("k", 1<<20) + `"`,
	} {
		signed(fmt.Sprintf("J06 kid %.20s", kid), `{"alg":"HS256","kid":`+kid+`,"typ":"at+jwt"}`, good)
	}
	for _, crit := range []string{`"crit":["x"]`, `"crit":[]`, `"crit":"x"`, `"crit":["alg"]`, `"crit":null`, `"crit":["b64"],"b64":false`, `"b64":false`, `"Crit":["x"]`} {
		signed("JWT-07 J07 "+crit, `{"alg":"HS256","kid":"k1","typ":"at+jwt",`+crit+`}`, good)
	}

	for _, v := range []string{`"1767366245"`, `null`, `true`, `[]`, `{}`, `0`, `-0`, `-1`, `1e300`, `1e18`, `1e9`, `17673662450e-1`, `9223372036854775808`, `9007199254740993`, `1.5`, `01767366845`} {
		for _, name := range []string{"exp", "iat"} {
			text := claimsAt(now, member{name, 4242})
			signed("J08 JWT-10 "+name+" "+v, hs.header, strings.Replace(text, "4242", v, 1))
		}
		text := claimsAt(now, member{"nbf", 4242})
		signed("J08 J09 nbf "+v, hs.header, strings.Replace(text, "4242", v, 1))
	}
	soon := fmt.Sprint(now.Add(time.Minute).Unix())
	signed("J08 exp with a fraction", hs.header, strings.Replace(claimsAt(now, member{"exp", 4242}), "4242", soon+".0", 1))
	signed("J08 exp with an exponent", hs.header, strings.Replace(claimsAt(now, member{"exp", 4242}), "4242", soon+"e0", 1))
	for _, name := range []string{"exp", "iat", "sub", "jti"} {
		claims("J08 JWT-10 without "+name, member{name, absent})
	}
	claims("J09 iat tomorrow", member{"iat", now.Add(24 * time.Hour).Unix()}, member{"exp", now.Add(24*time.Hour + time.Minute).Unix()})
	claims("J09 ten years", member{"exp", now.AddDate(10, 0, 0).Unix()})
	claims("J09 exp before iat", member{"iat", now.Unix()}, member{"exp", now.Add(-time.Second).Unix()})

	past, future := fmt.Sprint(now.Add(-time.Hour).Unix()), fmt.Sprint(now.Add(5*time.Minute).Unix())
	twice := func(name, more string) {
		signed("J10 JWT-13 "+name, hs.header, strings.TrimSuffix(good, "}")+","+more+"}")
		signed("J10 JWT-13 "+name+" in front", hs.header, "{"+more+","+strings.TrimPrefix(good, "{"))
	}
	twice("exp twice", `"exp":`+future)
	twice("EXP", `"EXP":`+future)
	twice("Exp", `"Exp":`+past)
	twice("Aud", `"Aud":"x"`)
	twice("i\u017fs, which folds to iss", "\"i\u017f\u017f\":\"x\"")
	twice("escaped exp", `"\u0065xp":`+future)
	twice("escaped EXP", `"\u0045XP":`+future)
	twice("a custom claim twice", `"plan":1,"plan":2`)
	twice("a custom claim in two cases", `"plan":1,"Plan":2`)
	twice("a custom claim twice inside", `"plan":{"a":1,"a":2}`)
	signed("J10 SUB instead of sub", hs.header, claimsAt(now, member{"sub", absent}, member{"SUB", "alice"}))
	signed("J10 alg twice", `{"alg":"none","alg":"HS256","kid":"k1","typ":"at+jwt"}`, good)
	signed("J10 alg twice, other order", `{"alg":"HS256","alg":"none","kid":"k1","typ":"at+jwt"}`, good)
	signed("J10 alg and Alg", `{"alg":"HS256","Alg":"none","kid":"k1","typ":"at+jwt"}`, good)
	signed("J10 kid and KID", `{"alg":"HS256","kid":"k1","KID":"k2","typ":"at+jwt"}`, good)
	signed("J10 Alg instead of alg", `{"Alg":"HS256","kid":"k1","typ":"at+jwt"}`, good)

	claims("J11 without aud", member{"aud", absent})
	for _, aud := range []string{`""`, `[]`, `["https://other.example.com"]`, `[["` + testAudience + `"]]`, `{"` + testAudience + `":1}`, `7`, `null`, `true`,
		`"` + testAudience[:len(testAudience)-1] + `"`, `"` + testAudience + `\u0000"`, `"` + testAudience + `/"`, `"HTTPS://api.example.com"`,
		`["` + testAudience + `",7]`, `["` + testAudience + `",null]`, `"` + testAudience + ` https://other.example.com"`} {
		claims("J11 JWT-09 aud "+aud, member{"aud", raw(aud)})
	}
	claims("J12 JWT-09 without iss", member{"iss", absent})
	for _, iss := range []string{`"` + testIssuer + `/"`, `"HTTPS://ID.EXAMPLE.COM"`, `"http://id.example.com"`, `["` + testIssuer + `"]`, `""`, `null`, `7`, `"` + testIssuer + `\u0000"`} {
		claims("J12 JWT-09 iss "+iss, member{"iss", raw(iss)})
	}

	token := hs.token()
	parts := strings.Split(token, ".")
	for _, bad := range []string{
		parts[0], parts[0] + "." + parts[1], token + ".", token + ".x", token + ".." + parts[2], "..", ".", "", "...", "." + token, "." + parts[1] + "." + parts[2],
		parts[0] + ".." + parts[2], parts[0] + "." + parts[1] + ".", parts[0] + "." + parts[1] + "." + parts[2] + "." + parts[2], "token with 3 dots",
	} {
		add(fmt.Sprintf("J13 form %.12q of %d", bad, len(bad)), bad)
	}
	add("J14 a megabyte of dots", strings.Repeat(".", 1<<20))
	add("J14 a megabyte of A", strings.Repeat("A", 1<<20))
	add("J14 8 KiB of dots", strings.Repeat(".", 8<<10))
	signed("J14 J15 a header over 1 KiB", `{"alg":"HS256","kid":"k1","typ":"at+jwt","x":"`+strings.Repeat("x", 1<<10)+`"}`, good)
	add("J14 a token over 8 KiB", hs.token(member{"x", strings.Repeat("x", 8<<10)}))

	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	signed("J15 header 10,000 deep", `{"alg":"HS256","kid":"k1","typ":"at+jwt","x":`+deep+`}`, good)
	signed("J15 header 100 deep", `{"alg":"HS256","kid":"k1","typ":"at+jwt","x":`+deep[:500]+"1"+deep[len(deep)-100:]+`}`, good)
	claims("J15 payload 9 deep", member{"x", raw(strings.Repeat("[", 8) + strings.Repeat("]", 8))})
	claims("J15 a long name", member{strings.Repeat("n", 100<<10), 1})
	many := make([]member, 100)
	for i := range many {
		many[i] = member{fmt.Sprint("m", i), i}
	}
	claims("J15 JWT-13 100 members", many...)
	claims("J15 JWT-13 100 members inside", member{"x", manyMembers(100)})

	for _, payload := range []string{"null", "[]", `"x"`, "1", "{}", " ", "{", good + "{}", good + "xx", good + "\x00", good + ",", "[" + good + "]", strings.TrimSuffix(good, "}") + ",}", "{" + good + "}", "\xef\xbb\xbf" + good} {
		signed(fmt.Sprintf("J16 payload %.8q of %d", payload, len(payload)), hs.header, payload)
	}

	for i, form := range malleated(token) {
		add(fmt.Sprintf("J17 JWT-14 form %d", i), form)
	}
	for name, sub := range map[string]string{
		"invalid UTF-8": "\"al\xffice\"", "overlong": "\"\xc0\xaf\"", "half a surrogate pair": `"\ud800"`, "halves in the wrong order": `"\udc00\ud800"`,
		"a number": "123", "null": "null", "a list": `["alice"]`, "a NUL": `"\u0000"`, "empty": `""`, "a raw control": "\"\x01\"", "a broken escape": `"\x41"`,
		"a megabyte": `"` + strings.Repeat("s", 1<<20) + `"`,
	} {
		signed("J18 sub with "+name, hs.header, strings.Replace(good, `"alice"`, sub, 1))
	}
	for _, typ := range []string{`"typ":"JWT"`, `"typ":"logout+jwt"`, `"typ":"refresh+jwt"`, `"typ":"dpop+jwt"`, `"typ":""`, `"typ":null`, `"typ":"at+jwt "`, `"typ":"x/at+jwt"`, `"typ":"application/application/at+jwt"`, `"cty":"JWT","typ":"at+jwt"`, `"x":1`} {
		signed("J19 JWT-08 "+typ, `{"alg":"HS256","kid":"k1",`+typ+`}`, good)
	}
	claims("J20 for another service", member{"aud", "https://other.example.com"})

	input := b64(es.header) + "." + b64(good)
	ok := es.sign(input)
	order := elliptic.P256().Params().N
	rs := func(r, s *big.Int) string {
		b := make([]byte, 64)
		r.FillBytes(b[:32])
		s.FillBytes(b[32:])
		return string(b)
	}
	sum := sha256.Sum256([]byte(input))
	der = must(ecdsa.SignASN1(rand.Reader, ecTestKey(), sum[:]))
	r, s := new(big.Int).SetBytes(ok[:32]), new(big.Int).SetBytes(ok[32:])
	for name, sig := range map[string]string{
		"63 bytes": string(ok[:63]), "65 bytes": string(ok) + "\x00", "65 bytes, zero in front": "\x00" + string(ok), "DER": string(der), "r=0": rs(new(big.Int), s), "s=0": rs(r, new(big.Int)),
		"both 0": strings.Repeat("\x00", 64), "r=n": rs(order, s), "s=n": rs(r, order), "r=s=n": rs(order, order), "one byte": "\x01", "swapped": rs(s, r),
	} {
		add("J21 JWT-23 ES256 "+name, input+"."+b64(sig))
	}
	add("J27 JSON serialization", `{"payload":"`+parts[1]+`","protected":"`+parts[0]+`","signature":"`+parts[2]+`"}`)
	claims("J24 nbf in the future", member{"nbf", now.Add(time.Minute).Unix()})
	return list
}

func manyMembers(n int) map[string]int {
	m := make(map[string]int)
	for i := range n {
		m[fmt.Sprint("m", i)] = i
	}
	return m
}

// malleated are other writings of a token that a loose decoder takes for it.
func malleated(token string) []string {
	var forms []string
	last := token[len(token)-1]
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if byte(c) != last { // of 43 characters the last has two bits that do not count
			forms = append(forms, token[:len(token)-1]+string(c))
		}
	}
	i := strings.IndexByte(token, '.')
	for _, s := range []string{"=", "==", "\n", "\r", "\r\n", " ", "\t", "\x00", "%3D", "."} {
		forms = append(forms, token+s, s+token, token[:i]+s+token[i:], token[:len(token)-5]+s+token[len(token)-5:], token[:i+5]+s+token[i+5:])
	}
	if other := strings.NewReplacer("-", "+", "_", "/").Replace(token); other != token {
		forms = append(forms, other)
	}
	return append(forms, strings.ToUpper(token), token[:len(token)-1], token[:len(token)-2], token+"A")
}

// publicTexts are what everybody knows of the public keys of the tests.
func publicTexts(t testing.TB) map[string][]byte {
	t.Helper()
	pkcs1 := x509.MarshalPKCS1PublicKey(&rsaTestKey().PublicKey)
	pkix := must(x509.MarshalPKIXPublicKey(&rsaTestKey().PublicKey))
	ec := must(x509.MarshalPKIXPublicKey(&ecTestKey().PublicKey))
	point := must(ecTestKey().PublicKey.Bytes())
	text := func(typ string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}) }
	jwkOf := func(alg jwtauth.Algorithm, public any) []byte {
		return must(json.Marshal(must(jwtauth.PublicKey("k1", alg, public))))
	}
	return map[string][]byte{
		"the PKIX PEM of RSA":               text("PUBLIC KEY", pkix),
		"the PKIX PEM without a newline":    bytes.TrimSpace(text("PUBLIC KEY", pkix)),
		"the PKCS #1 PEM":                   text("RSA PUBLIC KEY", pkcs1),
		"the PKCS #1 PEM without a newline": bytes.TrimSpace(text("RSA PUBLIC KEY", pkcs1)),
		"the PKIX DER":                      pkix,
		"the PKCS #1 DER":                   pkcs1,
		"the PKIX DER as base64":            []byte(base64.StdEncoding.EncodeToString(pkix)),
		"the JWK of RSA":                    jwkOf(jwtauth.RS256, &rsaTestKey().PublicKey),
		"the JWK of EC":                     jwkOf(jwtauth.ES256, &ecTestKey().PublicKey),
		"the PEM of EC":                     text("PUBLIC KEY", ec),
		"the DER of EC":                     ec,
		"the point of EC":                   point,
	}
}

func TestAttacks(t *testing.T) {
	var asked atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer canary.Close()
	houses := []*house{newHouse(t, jwtauth.HS256), newHouse(t, jwtauth.ES256), newHouse(t, jwtauth.RS256), newHouse(t, jwtauth.EdDSA)}
	corpus := attacks(t, houses[0], houses[1], canary.URL+"/jwks.json")
	if len(corpus) < 250 {
		t.Fatalf("only %d attacks", len(corpus))
	}
	for _, a := range corpus {
		t.Run(a.name, func(t *testing.T) {
			for _, h := range houses {
				c, err := h.v.Verify(t.Context(), a.token)
				if c != nil || !errors.Is(err, jwtauth.ErrInvalid) || errors.Is(err, auth.ErrNoCredentials) {
					t.Errorf("%s: got %+v, %v", h.header, c, err)
				}
				p, err := h.v.Authenticate(request("Bearer " + a.token))
				if p != nil || err == nil {
					t.Errorf("%s: JWT-15 Authenticate returned %+v, %v", h.header, p, err)
				}
				w := serve(h.v, request("Bearer "+a.token))
				if w.Code != http.StatusUnauthorized || len(w.Result().Cookies()) > 0 || strings.Contains(w.Body.String(), "alice") {
					t.Errorf("%s: %d %.60q %v", h.header, w.Code, w.Body, w.Header())
				}
				if strings.HasPrefix(a.token, "eyJ") && codeOf(t, w) != "TOKEN_INVALID" {
					t.Errorf("%s: code %s", h.header, codeOf(t, w))
				}
			}
		})
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("J05 JWT-05 the canary was asked %d times", n)
	}
	// The corpus proves nothing if these houses refuse everything.
	for _, h := range houses {
		if w := serve(h.v, request("Bearer "+h.token())); w.Code != http.StatusOK || w.Body.String() != "alice" {
			t.Errorf("%s: a good token is refused: %d %s", h.header, w.Code, w.Body)
		}
	}
}

// The corpus again through net/http, over HTTP/1.1 and HTTP/2.
func TestAttacksOnTheWire(t *testing.T) {
	hs, es := newHouse(t, jwtauth.HS256), newHouse(t, jwtauth.ES256)
	for _, version := range []int{1, 2} {
		srv := httptest.NewUnstartedServer(auth.Require(hs.v)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })))
		srv.EnableHTTP2 = version == 2
		srv.StartTLS()
		defer srv.Close()
		sent := 0
		do := func(token string) (int, bool) {
			r := must(http.NewRequest(http.MethodGet, srv.URL, http.NoBody))
			r.Header.Set("Authorization", "Bearer "+token)
			res, err := srv.Client().Do(r)
			if err != nil { // bytes that no header can carry, or too many
				return 0, false
			}
			defer res.Body.Close()
			if res.ProtoMajor != version {
				t.Fatalf("HTTP/%d", res.ProtoMajor)
			}
			return res.StatusCode, true
		}
		for _, a := range attacks(t, hs, es, "https://canary.example.com") {
			// A header has no spaces at its ends: the server takes them off.
			if strings.TrimSpace(a.token) == hs.token() || a.token == "" {
				continue
			}
			status, ok := do(a.token)
			if ok {
				sent++
			}
			if ok && status != http.StatusUnauthorized && status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("HTTP/%d: %s: %d", version, a.name, status)
			}
		}
		if sent < 200 {
			t.Errorf("HTTP/%d: only %d attacks were sent", version, sent)
		}
		if status, _ := do(hs.token()); status != http.StatusNoContent {
			t.Errorf("HTTP/%d: a good token: %d", version, status)
		}
	}
}

func TestAttacksCost(t *testing.T) {
	h := newHouse(t, jwtauth.HS256)
	allocated := func(do func()) uint64 {
		var before, after runtime.MemStats
		least := uint64(math.MaxUint64)
		do()          // pools are filled
		for range 5 { // others allocate too, and the garbage collector empties pools
			runtime.ReadMemStats(&before)
			do()
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		return least
	}
	for name, value := range map[string]string{
		"J14 JWT-14 a megabyte of dots":     "Bearer " + strings.Repeat(".", 1<<20),
		"J14 a megabyte of A":               "Bearer " + strings.Repeat("A", 1<<20),
		"J14 Bearer and 100 KB of spaces":   "Bearer" + strings.Repeat(" ", 100<<10),
		"J14 dots up to the limit":          "Bearer " + strings.Repeat(".", 8<<10),
		"J14 one dot more than a token has": "Bearer " + h.token() + ".",
		"400 bytes of garbage":              "Bearer " + strings.Repeat("g4rb", 100),
		"a bad signature":                   "Bearer " + h.token()[:20] + h.token()[20:len(h.token())-4] + "AAAA",
	} {
		r := request(value)
		t.Run(name, func(t *testing.T) {
			var err error
			if n := allocated(func() { _, err = h.v.Authenticate(r) }); n > 1024 && !raceEnabled {
				t.Errorf("%d bytes are allocated", n)
			}
			if n := testing.AllocsPerRun(100, func() { _, err = h.v.Authenticate(r) }); n != 0 && !raceEnabled {
				t.Errorf("%v allocations", n)
			}
			if !errors.Is(err, jwtauth.ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOneAudienceOfSeveral(t *testing.T) {
	h := newHouse(t, jwtauth.HS256)
	t.Run("J11 JWT-09 RFC 7519 §4.1.3 one of a list is enough", func(t *testing.T) {
		c, err := h.verify(h.token(member{"aud", []string{"https://other.example.com", testAudience}}))
		if err != nil || len(c.Audience) != 2 {
			t.Errorf("got %+v, %v", c, err)
		}
	})
}
