package accounts

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// inputs are what each endpoint takes, in the order of its members.
var inputs = map[string][]string{
	"/auth/register":        {"email", "password"},
	"/auth/verify-email":    {"token"},
	"/auth/login":           {"email", "password"},
	"/auth/token":           {"email", "password"},
	"/auth/forgot-password": {"email"},
	"/auth/reset-password":  {"token", "password"},
	"/auth/change-password": {"current_password", "password"},
	"/auth/mfa/challenge":   {"code"},
	"/auth/mfa/verify":      {"code"},
	"/auth/mfa/disable":     {"code"},
}

// values make a good body of most inputs.
var values = map[string]string{"email": alice, "password": words, "current_password": words, "token": "token-of-nobody", "code": "123456"}

// malformed are bodies that say more than one thing, or nothing. %s is a good member, %q
// its name.
var malformed = []struct {
	name, text string
	status     int
	code       string
}{
	{"a member twice", `{%s,%s}`, 400, "BODY_INVALID"},
	{"a member twice, once by an escape", `{%s,"\u%04x%s":"x"}`, 400, "BODY_INVALID"},
	{"in capitals", `{%U:"x"}`, 400, "BODY_INVALID"},
	{"a list", `{%q:["x"]}`, 400, "BODY_INVALID"},
	{"an object", `{%q:{"$ne":null}}`, 400, "BODY_INVALID"},
	{"a number", `{%q:1}`, 400, "BODY_INVALID"},
	{"true", `{%q:true}`, 400, "BODY_INVALID"},
	{"more than is asked for", `{%s,"isAdmin":true}`, 400, "BODY_INVALID"},
	{"roles", `{%s,"roles":["admin"]}`, 400, "BODY_INVALID"},
	{"a prototype", `{%s,"__proto__":{"isAdmin":true}}`, 400, "BODY_INVALID"},
	{"text behind", `{%s}{%s}`, 400, "BODY_INVALID"},
	{"not closed", `{%s`, 400, "BODY_INVALID"},
	{"an array", `[{%s}]`, 400, "BODY_INVALID"},
	{"null", `null`, 400, "BODY_INVALID"},
	{"nothing", ``, 400, "BODY_INVALID"},
	{"NaN", `{%q:NaN}`, 400, "BODY_INVALID"},
	{"a comment", `{%s/**/}`, 400, "BODY_INVALID"},
	{"half a surrogate", `{%q:"\ud800"}`, 400, "BODY_INVALID"},
	{"a byte order mark", "\ufeff{%s}", 400, "BODY_INVALID"},
	{"nested 1,000 deep", `{%q:` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, 400, "BODY_INVALID"},
	{"nested 100,000 deep", `{%q:` + strings.Repeat(`{"a":`, 100_000) + `1` + strings.Repeat("}", 100_000) + `}`, 413, "BODY_TOO_LARGE"},
	{"10 MB", `{%q:"` + strings.Repeat("x", 10<<20) + `"}`, 413, "BODY_TOO_LARGE"},
}

// fill writes a member into a pattern.
func fill(pattern, name string) string {
	member := fmt.Sprintf("%q:%q", name, values[name])
	return strings.NewReplacer(
		`"\u%04x%s"`, fmt.Sprintf(`"\u%04x%s"`, name[0], name[1:]),
		"%s", member, "%q", fmt.Sprintf("%q", name), "%U", fmt.Sprintf("%q", strings.ToUpper(name)),
	).Replace(pattern)
}

func TestBodies(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	// rows is all that a body could change.
	rows := func() int {
		return s.count(t, "SELECT (SELECT count(*) FROM auth_users) * 1000000 + (SELECT count(*) FROM auth_user_tokens) * 1000 + (SELECT coalesce(sum(writes), 0) FROM auth_users)")
	}
	protocols := []string{"HTTP/1.1"}
	if running.Long() {
		protocols = append(protocols, "HTTP/2")
	}
	for _, proto := range protocols {
		corpus.Case(t, "P19", "at each endpoint, over "+proto+": a member twice, in capitals, a list, an object, isAdmin, roles, nested 100,000 deep, 10 MB, text behind it",
			"400 or 413, and nothing is done (XCT-10)", func(t *testing.T) {
				before, mail := rows(), len(s.mailbox(t))
				for path, names := range inputs {
					c := s.login(t, alice, words) // so that only the body is wrong
					if proto == "HTTP/2" {
						c = http2(c)
					}
					for _, body := range malformed {
						names := names
						if len(body.text) > 64<<10 {
							names = names[:1] // too large, whatever it says
						}
						for _, name := range names {
							status, code := body.status, body.code
							a, err := c.TryCall(t, "POST", v1+path, fill(body.text, name))
							if err != nil {
								t.Fatalf("%s of %s at %s: %v", body.name, name, path, err)
							}
							if a.StatusCode != status || a.Code() != code || strings.Contains(a.Text, words) {
								t.Errorf("%s of %s at %s: %d %.300s", body.name, name, path, a.StatusCode, a.Text)
							}
							if a.Proto != proto && a.Proto != proto+".0" {
								t.Fatal(a.Proto)
							}
							noCredential(t, a)
						}
					}
					if a := c.Call(t, "GET", v1+"/profile", nil); a.StatusCode != 200 {
						t.Errorf("after %s the session is gone", path)
					}
				}
				if now := rows(); now != before || len(s.mailbox(t)) != mail {
					t.Errorf("rows %d, before %d; mail %d, before %d", now, before, len(s.mailbox(t)), mail)
				}
			})
	}
	corpus.Case(t, "XCT-10", "a good body as text/plain, multipart, XML, without a type, compressed", "415", func(t *testing.T) {
		good := fmt.Sprintf(`{"email":%q,"password":%q}`, alice, words)
		for _, h := range []http.Header{
			{"Content-Type": {"text/plain"}}, {"Content-Type": {"text/plain; charset=application/json"}}, {"Content-Type": {"multipart/form-data; boundary=x"}}, {"Content-Type": {"application/xml"}}, {},
			{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, {"Content-Type": {"application/json; charset=utf-16"}}, {"Content-Type": {"application/jsonp"}},
		} {
			a := s.visitor().Send(t, "POST", v1+"/auth/login", h, strings.NewReader(good))
			noCredential(t, a)
			if a.StatusCode != 415 || a.Code() != "UNSUPPORTED_MEDIA_TYPE" {
				t.Errorf("%v: %d %s", h, a.StatusCode, a.Text)
			}
		}
	})
	corpus.Case(t, "X-P6", "a login that another site makes a browser send, by JSON and by form", "403 (a form of a factor without a sign-in: 303 to the login), and no session", func(t *testing.T) {
		for _, from := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"null"}}} {
			for media, text := range map[string]string{
				"application/json":                  fmt.Sprintf(`{"email":%q,"password":%q}`, alice, words),
				"application/x-www-form-urlencoded": "email=alice%40example.com&password=correct+horse+battery+staple",
			} {
				h := from.Clone()
				h.Set("Content-Type", media)
				h.Set("Accept", "application/json")
				for _, path := range []string{v1 + "/auth/login", v1 + "/auth/token", v1 + "/auth/register", v1 + "/auth/forgot-password", v1 + "/auth/logout", v1 + "/auth/mfa/challenge"} {
					a := s.visitor().Send(t, "POST", path, h, strings.NewReader(text))
					noCredential(t, a)
					// The form of a factor leads to the login where no sign-in waits.
					leads := a.StatusCode == 303 && a.Header.Get("Location") == "/login" && strings.HasSuffix(path, "challenge")
					if a.StatusCode != 403 && !leads {
						t.Errorf("%s %v: %d %s", path, h, a.StatusCode, a.Text)
					}
				}
			}
		}
	})
	corpus.Case(t, "X-P7", "GET, PUT, DELETE, PATCH of each endpoint, with a session and the input in the query", "404 or 405, and nothing is done", func(t *testing.T) {
		c := s.login(t, alice, words)
		before := rows()
		for path := range inputs {
			for _, method := range []string{"GET", "PUT", "DELETE", "PATCH"} {
				a := c.Call(t, method, v1+path+"?email=alice%40example.com&password=correct+horse+battery+staple&current_password=correct+horse+battery+staple", nil)
				if a.StatusCode != 404 && a.StatusCode != 405 {
					t.Errorf("%s %s: %d %s", method, path, a.StatusCode, a.Text)
				}
				noCredential(t, a)
			}
		}
		if now := rows(); now != before {
			t.Errorf("rows %d, before %d", now, before)
		}
	})
}
