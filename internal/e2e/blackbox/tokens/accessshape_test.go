package tokens_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func shapes(t *testing.T, f *forge) {
	part := strings.Split(f.genuine, ".")

	corpus.Case(t, "J13", "1, 2, 4 and 5 parts, empty parts, dots before, behind and alone", "401", func(t *testing.T) {
		for _, token := range []string{
			part[0], part[0] + "." + part[1], f.genuine + "." + part[2], f.genuine + "." + part[2] + "." + part[2], ".", "..", "...", "....",
			"." + f.genuine, f.genuine + ".", part[0] + ".." + part[2], "." + part[1] + "." + part[2], part[0] + "." + part[1] + ".", part[0] + "..", "token with 3 dots...",
			"a.b.c", part[1] + "." + part[0] + "." + part[2],
		} {
			f.refused(t, token, token)
		}
	})

	corpus.Case(t, "J14", "dots and letters: 8 KB, 30 KB, 1 MB; Bearer and 100 KB of spaces; what it takes of memory is proved in the tests of the package, here that the process does not grow", "401; 431 for what is no request any more", func(t *testing.T) {
		for _, c := range []string{".", "A", "a.", "=", "eyJ."} {
			for _, n := range []int{8 << 10, 30 << 10} {
				f.refused(t, c, strings.Repeat(c, n/len(c)))
			}
			f.tooLarge(t, c, "Bearer "+strings.Repeat(c, 1<<20/len(c)))
		}
		f.tooLarge(t, "spaces", "Bearer"+strings.Repeat(" ", 100<<10)+f.genuine)
		before, _ := f.Status("VmRSS") // 0 where that is not to be had
		dots := bearer(strings.Repeat(".", 30<<10))
		for range 300 {
			problem(t, f.h1.Send(t, "GET", profile, dots, nil), 401)
		}
		if after, _ := f.Status("VmRSS"); after > before+64<<10 {
			t.Errorf("the process has grown from %d to %d KiB by 9 MiB of dots", before, after)
		}
	})

	corpus.Case(t, "J15", "a header nested 5,000 deep, a payload of 9 levels, of 65 members, of 800, a name of 5 KB, all within the length of a token and signed by the true key; and those beyond it", "401", func(t *testing.T) {
		deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
		many := func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `"m%d":1,`, i)
			}
			return strings.TrimSuffix(b.String(), ",")
		}
		for name, token := range map[string]string{
			"deep header":    f.sign(`{"alg":"EdDSA","kid":"1","typ":"at+jwt","x":`+deep(5000)+`}`, f.payload(nil)),
			"deeper header":  f.sign(deep(10000), f.payload(nil)),
			"open header":    f.sign(strings.Repeat(`{"a":`, 4000), f.payload(nil)),
			"9 levels":       f.plus(`"x":` + deep(9)),
			"2,000 levels":   f.plus(`"x":` + deep(2000)),
			"65 members":     f.plus(many(65)),
			"500 members":    f.plus(many(500)),
			"2,000 members":  f.plus(many(2000)),
			"a name of 5 KB": f.plus(`"` + strings.Repeat("a", 5<<10) + `":` + deep(9)),
			"a name of 20KB": f.plus(`"` + strings.Repeat("a", 20<<10) + `":1`),
		} {
			f.refused(t, name, token)
		}
		f.tooLarge(t, "100,000 members", "Bearer "+f.plus(many(100_000)))
		f.tooLarge(t, "a name of 100 KB", "Bearer "+f.plus(`"`+strings.Repeat("a", 100<<10)+`":1`))
		f.accepted(t, f.plus(many(20)))
	})

	corpus.Case(t, "J27", "the JSON serialization of a genuine token, flat and general, as the header and as its base64", "401", func(t *testing.T) {
		flat := fmt.Sprintf(`{"protected":"%s","payload":"%s","signature":"%s"}`, part[0], part[1], part[2])
		general := fmt.Sprintf(`{"payload":"%s","signatures":[{"protected":"%s","signature":"%s"}]}`, part[1], part[0], part[2])
		for _, s := range []string{flat, general, b64.EncodeToString([]byte(flat)), b64.EncodeToString([]byte(general)), `"` + f.genuine + `"`, "<" + f.genuine + ">"} {
			f.refused(t, s, s)
		}
	})
}

func spellings(t *testing.T, f *forge) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	variants := func(token string) map[string]string {
		last := strings.IndexByte(alphabet, token[len(token)-1])
		list := map[string]string{
			"padding": token + "=", "padding twice": token + "==", "padded header": strings.Replace(token, ".", "=.", 1),
			"standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(token), "percent": token[:9] + "%" + fmt.Sprintf("%02X", token[9]) + token[10:],
			"a space inside": token[:40] + " " + token[40:], "a tab inside": token[:40] + "\t" + token[40:], "a space in the signature": token[:len(token)-3] + " " + token[len(token)-3:],
			"lower case": strings.ToLower(token), "upper case": strings.ToUpper(token), "a comma": token + ",", "quoted": `"` + token + `"`,
		}
		for i := 1; i < 16; i++ { // the last of 86 characters has four bits that are in no byte
			list[fmt.Sprintf("unused bits %d", i)] = token[:len(token)-1] + string(alphabet[last^i])
		}
		if list["standard alphabet"] == token {
			delete(list, "standard alphabet") // it has neither character
		}
		return list
	}

	corpus.Case(t, "J17", "other spellings of a genuine token: unused bits, padding, the other alphabet, spaces, newlines, escapes; and of one that has been revoked", "401", func(t *testing.T) {
		for name, token := range variants(f.genuine) {
			f.refused(t, name, token)
		}
		for _, break_ := range []string{"\n", "\r\n", "\r\n ", "\n\t", "\x00", "\x7f", "\u00a0"} {
			status, header, _ := f.raw(t, "GET "+profile+" HTTP/1.1", "Authorization: Bearer "+f.genuine[:len(f.genuine)-3]+break_+f.genuine[len(f.genuine)-3:])
			if status != 0 && status != 400 && status != 401 || header.Get("Set-Cookie") != "" {
				t.Errorf("%q inside: %d", break_, status)
			}
		}

		// By a session, for a request with a token would have the server remember
		// bob's epoch from before, for as long as JWT-19 allows.
		f.user(t, bob)
		_, revoked := f.TokenFor(t, bob, password)
		c, _ := f.session(t, bob)
		c.Want(t, c.Call(t, "POST", "/api/v1/auth/change-password", map[string]string{"current_password": password, "password": password + " 2"}), 204)
		f.refused(t, "revoked", revoked, "TOKEN_EXPIRED")
		for name, token := range variants(revoked) {
			f.refused(t, "revoked, "+name, token)
		}
	})
}

func transport(t *testing.T, f *forge) {
	both := []*running.Client{f.h1, f.h2}
	token := f.genuine

	corpus.Case(t, "J25", "two Authorization headers, good and bad in either order, and twice the same; two tokens in one; a bare token; Basic with a token; other schemes, blanks and tabs; a lower-case scheme is good (RFC 9110 §11.1)", "401 but for the case of the scheme", func(t *testing.T) {
		bad := token[:len(token)-4] + "AAAA"
		for _, values := range [][]string{
			{"Bearer " + token, "Bearer " + bad}, {"Bearer " + bad, "Bearer " + token}, {"Bearer " + token, "Bearer " + token}, {"Bearer " + token, "Basic YTpi"}, {"Basic YTpi", "Bearer " + token}, {"", "Bearer " + token},
			{"Bearer " + token + ", Bearer " + token}, {"Bearer " + bad + ", Bearer " + token}, {"Bearer " + token + "," + token}, {"Bearer"}, {"Bearer  " + token}, {"Bearer\t" + token}, {"Bearer," + token}, {"Bearer Bearer " + token}, {"Bearer " + token + " x"},
		} {
			for _, c := range both {
				problem(t, c.Send(t, "GET", profile, http.Header{"Authorization": values}, nil), 401, "TOKEN_INVALID")
			}
		}
		for _, value := range []string{token, "Basic " + token, "JWT " + token, "Token " + token, "DPoP " + token, "Bearer:" + token, "Bearer=" + token, "XBearer " + token, "Bearer" + token} {
			for _, c := range both {
				problem(t, c.Send(t, "GET", profile, http.Header{"Authorization": {value}}, nil), 401)
			}
		}
		for _, scheme := range []string{"bearer", "BEARER", "bEaReR"} {
			for _, c := range both {
				c.Want(t, c.Send(t, "GET", profile, http.Header{"Authorization": {scheme + " " + token}}, nil), 200)
			}
		}
	})

	corpus.Case(t, "J26", "a token in the query, in a form body, in cookies of likely names, in other headers, as user and password of Basic", "401", func(t *testing.T) {
		for _, c := range both {
			for _, name := range []string{"access_token", "token", "authorization", "bearer_token"} {
				problem(t, c.Send(t, "GET", profile+"?"+name+"="+token, nil, nil), 401, "UNAUTHENTICATED")
				problem(t, c.Send(t, "GET", profile, cookies(name+"="+token, "session="+token, "refresh="+token), nil), 401, "UNAUTHENTICATED")
				form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
				problem(t, c.Send(t, "POST", "/api/v1/orders", form, strings.NewReader(name+"="+token+"&item=x")), 401, "UNAUTHENTICATED")
			}
			for _, name := range []string{"Proxy-Authorization", "X-Authorization", "X-Forwarded-Authorization", "X-Access-Token", "X-Original-Authorization", "X-API-Key"} {
				problem(t, c.Send(t, "GET", profile, http.Header{name: {"Bearer " + token}}, nil), 401)
			}
		}
		f.watch("token in a URL", token)
	})
}
