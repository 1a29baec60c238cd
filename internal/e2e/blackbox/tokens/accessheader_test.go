package tokens_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
)

func headers(t *testing.T, f *forge) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := func(header string) string {
		return attacker(header, f.payload(nil), func(input string) []byte { return ed25519.Sign(private, []byte(input)) })
	}
	jwk := `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"1","x":"` + b64.EncodeToString(public) + `"}`
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "1"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}

	corpus.Case(t, "J04", "jwk and x5c headers with the attacker's key, signed by it; and by the true key", "401", func(t *testing.T) {
		for name, member := range map[string]string{
			"jwk": `"jwk":` + jwk, "x5c": `"x5c":["` + base64.StdEncoding.EncodeToString(der) + `"]`, "JWK": `"JWK":` + jwk,
			"empty jwk": `"jwk":{}`, "null jwk": `"jwk":null`, "empty x5c": `"x5c":[]`, "escaped": `"j\u0077k":` + jwk,
		} {
			for _, kid := range []string{`"kid":"1",`, `"kid":"mine",`, ""} {
				header := `{"alg":"EdDSA",` + kid + `"typ":"at+jwt",` + member + `}`
				f.refused(t, name, own(header))
				f.refused(t, name+", signed by the true key", f.sign(header, f.payload(nil)))
			}
		}
	})

	corpus.Case(t, "J05", "jku and x5u that name a server of the attacker, and one's own host", "401, and nobody is asked", func(t *testing.T) {
		var asked atomic.Int64
		canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			_, _ = w.Write([]byte(`{"keys":[` + jwk + `]}`))
		}))
		defer canary.Close()
		for _, at := range []string{canary.URL, canary.URL + "/.well-known/jwks.json", f.URL + "/login?return_to=" + canary.URL, f.URL + "/.well-known/jwks.json", "file:///etc/passwd"} {
			for _, name := range []string{"jku", "x5u", "JKU"} {
				header := `{"alg":"EdDSA","kid":"1","typ":"at+jwt","` + name + `":"` + at + `"}`
				f.refused(t, name+" "+at, own(header))
				f.refused(t, name+" "+at+", signed by the true key", f.sign(header, f.payload(nil)))
			}
		}
		if n := asked.Load(); n != 0 {
			t.Errorf("the attacker's server was asked %d times", n)
		}
	})

	corpus.Case(t, "J06", "kid as a path, SQL, 30 KB and 1 MB, number, array, null, empty, other case, that of another tenant; signed by the true key", "401; 4xx for what is no request any more", func(t *testing.T) {
		for name, kid := range map[string]string{
			"path": `"../../dev/null"`, "SQL": `"' OR 1=1--"`, "NUL": `"1\u0000"`, "number": `1`, "float": `1.0`, "array": `["1"]`, "object": `{"1":"1"}`,
			"null": `null`, "empty": `""`, "space": `"1 "`, "another": `"2"`, "tenant": `"tenant/1"`, "URL": `"` + f.URL + `/.well-known/jwks.json"`,
			"700 bytes": text(strings.Repeat("1", 700)), "5 KB": text(strings.Repeat("1", 5<<10)), "full width": `"１"`,
		} {
			f.refused(t, name, f.sign(`{"alg":"EdDSA","kid":`+kid+`,"typ":"at+jwt"}`, f.payload(nil)))
		}
		f.refused(t, "20 KB", f.sign(`{"alg":"EdDSA","kid":`+text(strings.Repeat("1", 20<<10))+`,"typ":"at+jwt"}`, f.payload(nil)))
		f.tooLarge(t, "1 MB", "Bearer "+f.sign(`{"alg":"EdDSA","kid":`+text(strings.Repeat("1", 1<<20))+`,"typ":"at+jwt"}`, f.payload(nil)))
	})

	corpus.Case(t, "J07", "crit in every form, b64, zip, enc, cty; signed by the true key", "401", func(t *testing.T) {
		for _, member := range []string{
			`"crit":["x"]`, `"crit":[]`, `"crit":"x"`, `"crit":null`, `"crit":["alg"]`, `"crit":["b64"],"b64":false`, `"b64":false`, `"b64":true`,
			`"Crit":["x"]`, `"c\u0072it":["x"]`, `"crit":["exp"],"exp":1`, `"zip":"DEF"`, `"enc":"A256GCM"`, `"cty":"JWT"`,
		} {
			f.refused(t, member, f.sign(`{"alg":"EdDSA","kid":"1","typ":"at+jwt",`+member+`}`, f.payload(nil)))
		}
		f.accepted(t, f.sign(`{"alg":"EdDSA","kid":"1","typ":"at+jwt","x":["an unknown member has no effect"]}`, f.payload(nil)))
	})

	corpus.Case(t, "X-J2", "a header whose members are doubled, the second in escapes, other case or behind a byte order mark, so that two readers see two headers; signed by the true key", "401", func(t *testing.T) {
		for _, header := range []string{
			`{"alg":"none","\u0061lg":"EdDSA","kid":"1","typ":"at+jwt"}`, `{"alg":"EdDSA","\u0061lg":"none","kid":"1","typ":"at+jwt"}`,
			`{"alg":"EdDSA","ALG":"none","kid":"1","typ":"at+jwt"}`, `{"alg":"EdDSA","kid":"2","\u006bid":"1","typ":"at+jwt"}`,
			`{"alg":"EdDSA","kid":"1","typ":"JWT","typ":"at+jwt"}`, `{"alg":"EdDSA","kid":"1","typ":"at+jwt","Typ":"JWT"}`,
			"\ufeff" + goodHeader, goodHeader + "{}", goodHeader + " x", "[" + goodHeader + "]", `{"alg":"EdDSA","kid":"1","typ":"at+jwt",}`,
			`{"alg":["EdDSA"],"kid":"1","typ":"at+jwt"}`, `{"alg":"EdDSA","\u212Aid":"2","kid":"1","typ":"at+jwt"}`, // the Kelvin sign folds to k
			"{'alg':'EdDSA','kid':'1','typ':'at+jwt'}", `{"alg":"EdDSA","kid":"1","typ":"at+jwt"/**/}`,
		} {
			f.refused(t, header, f.sign(header, f.payload(nil)))
		}
		f.accepted(t, f.sign(" {\n\"typ\" : \"application/AT+JWT\",\"\\u0061lg\":\"EdDSA\", \"kid\":\"1\" }\t", f.payload(nil)))
	})
}
