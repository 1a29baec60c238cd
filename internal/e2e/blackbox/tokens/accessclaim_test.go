package tokens_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
)

func claimTypes(t *testing.T, f *forge) {
	now := time.Now().Unix()
	soon := fmt.Sprint(now + 600)

	corpus.Case(t, "J08", "exp as string, null, true, [], {}, 0, -1, 1e300, 1e18, 2^53+1, 2^63, 1.5, with an exponent, absent; signed by the true key", "401", func(t *testing.T) {
		for _, v := range []string{
			`"` + soon + `"`, "null", "true", "[]", "{}", "[" + soon + "]", "0", "-1", "1e300", "1e18", "1000000000000000000", "9007199254740993",
			"9223372036854775808", "18446744073709551617", soon + "e0", soon + ".0", soon + ".5", "1.5", "-0", "0" + soon, "+" + soon, "NaN", "Infinity", "0x7fffffff",
		} {
			f.refused(t, "exp "+v, f.claim("exp", v), "TOKEN_INVALID", "TOKEN_EXPIRED")
		}
		f.refused(t, "no exp", f.claim("exp", ""))
	})

	corpus.Case(t, "J09", "nbf and iat of wrong types, iat in a day, a life of 10 years and of 15 minutes and a second, no iat, no jti; signed by the true key", "401", func(t *testing.T) {
		for _, name := range []string{"nbf", "iat"} {
			for _, v := range []string{fmt.Sprintf("%q", fmt.Sprint(now)), "null", "true", "[]", "1.5", "-1", "1e9", "9223372036854775808"} {
				f.refused(t, name+" "+v, f.claim(name, v))
			}
		}
		day := map[string]string{"iat": fmt.Sprint(now + 86400), "exp": fmt.Sprint(now + 86400 + 600)}
		f.refused(t, "tomorrow", f.token(day))
		f.refused(t, "nbf tomorrow", f.claim("nbf", fmt.Sprint(now+86400)))
		f.refused(t, "10 years", f.claim("exp", fmt.Sprint(now+10*365*86400)))
		f.refused(t, "901 seconds", f.token(map[string]string{"iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 901)}))
		f.refused(t, "exp before iat", f.token(map[string]string{"iat": fmt.Sprint(now + 20), "exp": fmt.Sprint(now + 10)}))
		for _, name := range []string{"iat", "jti", "sub", "iss", "aud"} {
			f.refused(t, "no "+name, f.claim(name, ""))
		}
		f.accepted(t, f.token(map[string]string{"iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 900)}))
	})

	corpus.Case(t, "J10", "exp, aud, iss, sub twice: the same name, other case, escaped; alg twice; signed by the true key", "401", func(t *testing.T) {
		past := fmt.Sprint(now - 3600)
		f.refused(t, "past then future", f.sign(goodHeader, `{"exp":`+past+`,`+strings.TrimPrefix(f.payload(nil), "{")))
		for _, members := range []string{
			`"exp":` + past, `"exp":` + soon, `"EXP":` + soon, `"Exp":` + past, `"e\u0078p":` + soon, `"aud":"other"`, `"Aud":"other"`, `"AUD":[]`,
			`"iss":"other"`, `"ISS":"other"`, `"i\u017fs":"other"`, `"Sub":"other"`, `"sub":"other"`, `"\u0073ub":"other"`, `"jti":"x"`, `"x":1,"x":1`, `"attrs":{"a":"1","a":"2"}`,
		} {
			f.refused(t, members, f.plus(members))
		}
		f.refused(t, "exp past, EXP future", f.sign(goodHeader, strings.Replace(f.payload(map[string]string{"exp": past}), "{", `{"EXP":`+soon+`,`, 1)))
		f.refused(t, "alg twice", f.sign(`{"alg":"none","alg":"EdDSA","kid":"1","typ":"at+jwt"}`, f.payload(nil)))
		f.refused(t, "alg twice, HS256", f.sign(`{"alg":"EdDSA","alg":"HS256","kid":"1","typ":"at+jwt"}`, f.payload(nil)))
	})

	corpus.Case(t, "J16", "a payload that is null, [], text, a number, empty; followed by {} or xx; in an array; with a byte order mark; signed by the true key", "401", func(t *testing.T) {
		good := f.payload(nil)
		for _, payload := range []string{"null", "[]", `"x"`, "1", "", " ", "{}", good + "{}", good + "xx", good + good, good + "\x00", "[" + good + "]", "\ufeff" + good, strings.TrimSuffix(good, "}"), good[1:]} {
			f.refused(t, payload, f.sign(goodHeader, payload))
		}
		f.accepted(t, f.sign(goodHeader, " "+good+"\r\n"))
	})

	corpus.Case(t, "J18", "sub of invalid UTF-8, with a lone surrogate, with NUL, a number, null, empty, 6 KB and 1 MB; signed by the true key", "401", func(t *testing.T) {
		for name, v := range map[string]string{
			"invalid UTF-8": "\"\xff\xfe\"", "overlong": "\"\xc0\xaf\"", "lone surrogate": `"\ud800"`, "half a pair": `"\udc00\ud800"`, "NUL": `"a\u0000"`, "a raw newline": "\"a\nb\"",
			"number": "123", "null": "null", "empty": `""`, "array": `["a"]`, "object": `{}`, "bad escape": `"\x41"`,
		} {
			f.refused(t, name, f.claim("sub", v))
		}
		f.refused(t, "somebody unknown", f.claim("sub", `"123"`), "TOKEN_INVALID", "INVALID_CREDENTIALS")
		f.refused(t, "6 KB", f.claim("sub", text(strings.Repeat("a", 6<<10))), "TOKEN_INVALID", "INVALID_CREDENTIALS")
		f.tooLarge(t, "1 MB", "Bearer "+f.claim("sub", text(strings.Repeat("a", 1<<20))))
	})
}

func claimValues(t *testing.T, f *forge) {
	base := f.Base

	corpus.Case(t, "J11", "aud missing, empty, nested, an object, a number, a prefix of the good one, with NUL, other case; a list that has the good one is good (RFC 7519 §4.1.3); signed by the true key", "401 but for the list", func(t *testing.T) {
		for _, v := range []string{
			"", `""`, "[]", `[["` + base + `"]]`, `{"` + base + `":1}`, "1", "null", "true", text(base[:len(base)-1]), `"` + base + `\u0000"`, text(base + "/"), text(base + " "),
			text("HTTP" + base[4:]), text("https" + base[4:]), `["other"]`, `["` + base + `",1]`, `["` + base + `",null]`, text("*"), text(base + ",other"),
		} {
			f.refused(t, "aud "+v, f.claim("aud", v))
		}
		f.accepted(t, f.claim("aud", `["other","`+base+`"]`))
	})

	corpus.Case(t, "J12", "iss with a trailing slash, other case, https for http, a path, a list, missing; signed by the true key", "401", func(t *testing.T) {
		for _, v := range []string{"", text(base + "/"), text("HTTP" + base[4:]), text("https" + base[4:]), text(base + "/x"), `["` + base + `"]`, `""`, "null", text(" " + base), text(strings.Replace(base, "127.0.0.1", "localhost", 1))} {
			f.refused(t, "iss "+v, f.claim("iss", v))
		}
	})

	corpus.Case(t, "J23", "expired by some seconds, within the leeway of 30, and by more; not yet valid, and issued in the future, by less and by more; a clock that is set back is proved in the tests of the package", "200 within, 401 beyond", func(t *testing.T) {
		at := func(changes map[string]int64) string {
			values := make(map[string]string)
			for name, offset := range changes {
				values[name] = fmt.Sprint(time.Now().Unix() + offset)
			}
			return f.token(values)
		}
		f.accepted(t, at(map[string]int64{"iat": -600, "exp": -1}))
		f.refused(t, "expired", at(map[string]int64{"iat": -600, "exp": -31}), "TOKEN_EXPIRED")
		f.refused(t, "expired by an hour", at(map[string]int64{"iat": -3700, "exp": -3600}), "TOKEN_EXPIRED")
		f.accepted(t, at(map[string]int64{"nbf": 20}))
		f.refused(t, "nbf", at(map[string]int64{"nbf": 300}))
		f.accepted(t, at(map[string]int64{"iat": 20}))
		f.refused(t, "iat", at(map[string]int64{"iat": 300, "exp": 600}))
	})

	corpus.Case(t, "JWT-20", "the token of a customer that says admin, manager and other attributes, signed by the true key: roles are read anew", "403 where the user may not, and the true roles", func(t *testing.T) {
		token := f.token(map[string]string{"roles": `["admin","manager"]`, "scope": `"users:read users:write orders:delete"`, "attrs": `{"email":"admin@example.com"}`})
		f.accepted(t, token)
		problem(t, f.h1.Send(t, "GET", "/api/v1/admin/users", bearer(token), nil), 403)
		problem(t, f.h1.Send(t, "DELETE", "/api/v1/orders/1", bearer(token), nil), 403)
		a := f.h1.Send(t, "GET", profile, bearer(token), nil)
		if roles := fmt.Sprint(a.JSON("data", "roles")); roles != "[customer]" || a.String("data", "email") != alice {
			t.Errorf("the profile believes the token: %s", a.Text)
		}
	})
}
