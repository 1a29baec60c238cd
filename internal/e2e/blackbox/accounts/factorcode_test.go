package accounts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

const codeInvalid = "MFA_CODE_INVALID"

func TestCodes(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	refused := func(t *testing.T, h *holder, in object) {
		t.Helper()
		denied(t, prove(t, s.begin(t, h.email), in), 401, codeInvalid)
	}

	corpus.Case(t, "M01", "one code at two sign-ins, one after the other, at the login and at the token endpoint", "one success", func(t *testing.T) {
		h := s.holder(t, "m01@example.com")
		code := object{"code": h.code(t, 0)}
		s.finish(t, h.email, code)
		refused(t, h, code)
		v := s.visitor()
		denied(t, v.Call(t, "POST", v1+"/auth/token", running.Credentials(h.email, words)), 401, "MFA_REQUIRED")
		denied(t, prove(t, v, code), 401, codeInvalid)
	})
	corpus.Case(t, "M02", "the code of the step before, after that of this step", "401", func(t *testing.T) {
		h := s.holder(t, "m02@example.com")
		s.finish(t, h.email, object{"code": h.code(t, 0)})
		refused(t, h, object{"code": h.code(t, -1)})
	})
	corpus.Case(t, "M03", "the code of the next step, then that of this one, as after a clock that was ahead (M13, as far as a process can show it)", "200, then 401", func(t *testing.T) {
		h := s.holder(t, "m03@example.com")
		settled()
		now, next := object{"code": h.code(t, 0)}, object{"code": h.code(t, 1)}
		s.finish(t, h.email, next)
		refused(t, h, now)
		refused(t, h, next)
	})
	corpus.Case(t, "M04", "codes two steps off; of five, seven and eight digits; with spaces, a sign, a dash, full-width, other digits; empty", "401, or 400 for none at all", func(t *testing.T) {
		// Four of them at each user, who has five attempts.
		shapes := []func(h *holder) string{
			func(h *holder) string { return h.code(t, 2) },
			func(h *holder) string { return h.code(t, -2) },
			func(h *holder) string { return h.code(t, 0)[:5] },
			func(h *holder) string { return h.code(t, 0)[1:] },
			func(h *holder) string { return h.code(t, 0) + "0" },
			func(h *holder) string { return "0" + h.code(t, 0) },
			func(h *holder) string { return "00" + h.code(t, 0) },
			func(h *holder) string { return " " + h.code(t, 0) },
			func(h *holder) string { return h.code(t, 0) + " " },
			func(h *holder) string { return h.code(t, 0) + "\n" },
			func(h *holder) string { return h.code(t, 0)[:3] + " " + h.code(t, 0)[3:] },
			func(h *holder) string { return h.code(t, 0)[:3] + "-" + h.code(t, 0)[3:] },
			func(h *holder) string { return "+" + h.code(t, 0)[1:] },
			func(h *holder) string { return "+" + h.code(t, 0) },
			func(h *holder) string { return wide(h.code(t, 0), 0xff10) },
			func(h *holder) string { return wide(h.code(t, 0), 0x0660) },
			func(h *holder) string { return h.code(t, 0)[:5] + "\u0660" },
			func(h *holder) string { return "0x" + h.code(t, 0)[2:] },
			func(h *holder) string { return h.code(t, 0)[:4] + "e0" },
			func(h *holder) string { return strings.Repeat(h.code(t, 0), 100) },
		}
		for from := 0; from < len(shapes); from += 4 {
			h := s.holder(t, fmt.Sprintf("m04-%d@example.com", from))
			c := s.begin(t, h.email)
			settled()
			for i, shape := range shapes[from:min(from+4, len(shapes))] {
				if a := prove(t, c, object{"code": shape(h)}); a.StatusCode != 401 || a.Code() != codeInvalid {
					t.Errorf("shape %d: %d %s", from+i, a.StatusCode, a.Text)
				}
			}
			denied(t, prove(t, c, object{"code": ""}), 400, "BODY_INVALID")
			c.Want(t, prove(t, c, object{"code": h.code(t, 0)}), 200) // all of it was of this very code
		}
	})
	corpus.Case(t, "X-M1", "the code that has confirmed the enrolment, at a login", "401: it is used up", func(t *testing.T) {
		h := &holder{email: "xm1@example.com", client: s.member(t, "xm1@example.com")}
		c := h.client
		h.secret = c.Want(t, c.Call(t, "POST", v1+"/auth/mfa/enable", nil), 200).String("secret")
		code := object{"code": h.code(t, 0)}
		c.Want(t, c.Call(t, "POST", v1+"/auth/mfa/verify", code), 200)
		refused(t, h, code)
		refused(t, h, object{"code": h.code(t, -1)})
		s.finish(t, h.email, object{"code": h.code(t, 1)})
	})
	corpus.Case(t, "M14", "an account named a:b?secret=AAAA&issuer=x, in the row, and a?secret=AAAA&issuer=x@example.com by registration", "the URI has one secret, the true one, and one issuer", func(t *testing.T) {
		s.add(t, "m14@example.com")
		s.exec(t, "UPDATE auth_users SET email = ? WHERE canonical = ?", "a:b?secret=AAAA&issuer=x#", "m14@example.com")
		s.register(t, "a?secret=AAAA&issuer=x@example.com", words)
		for name, login := range map[string]string{"a:b?secret=AAAA&issuer=x#": "m14@example.com", "a?secret=AAAA&issuer=x@example.com": "a?secret=AAAA&issuer=x@example.com"} {
			c := s.login(t, login, words)
			a := c.Want(t, c.Call(t, "POST", v1+"/auth/mfa/enable", nil), 200)
			u := mustURL(t, a.String("otpauth_url"))
			q := u.Query()
			if len(q["secret"]) != 1 || q.Get("secret") != a.String("secret") || len(q["issuer"]) != 1 || q.Get("issuer") != "Sallyport Reference" || u.Fragment != "" {
				t.Errorf("%s", u)
			}
			if u.Path != "/Sallyport Reference:"+name || strings.Count(u.EscapedPath(), ":") != 1 {
				t.Errorf("the label is %q", u.EscapedPath())
			}
		}
	})
}

// wide writes a code with other digits, of which zero is the first.
func wide(code string, zero rune) string {
	return strings.Map(func(r rune) rune { return zero + r - '0' }, code)
}

// One code and one recovery code at once, at two processes of each kind of backend.
func TestCodesAtOnce(t *testing.T) {
	running.Each(t, func(t *testing.T, b *running.Backend) {
		s := pair(t, b)
		const rounds = 2                                // the few that are compared do not always meet
		n, waiting := several(200, 60), several(20, 10) // each that waits has cost a hash
		won := func(t *testing.T, answers []*running.Answer, good int) {
			t.Helper()
			for _, a := range answers {
				if a.StatusCode != good {
					noCredential(t, a)
				}
			}
			by := outcomes(answers)
			// 503: the database has had its transactions in each other's way too often.
			if by[good] != 1 || by[good]+by[401]+by[429]+by[503] != len(answers) {
				t.Errorf("%v: want one %d, the rest 401, 429 or 503", by, good)
			}
			if by[503] > 0 && strings.Contains(s.Log()+s.two.Log(), "panic") {
				t.Error("the log tells of a panic")
			}
		}
		corpus.Case(t, "M01", fmt.Sprintf("%d times one code at once for %d sign-ins, of 20 that may wait, at two processes, %s", n, waiting, b.Name), "one success (MFA-03)", func(t *testing.T) {
			for round := range rounds {
				h := s.holder(t, fmt.Sprintf("m01-%d@example.com", round))
				clients := make([]*running.Client, waiting)
				for i := range clients {
					clients[i] = s.begin(t, h.email)
				}
				body := fmt.Sprintf(`{"code":%q}`, h.code(t, 0))
				won(t, crowd(t, n, func(i int) (*running.Answer, error) {
					return s.turn(clients[i%len(clients)], i/len(clients)).TryCall(t, "POST", v1+"/auth/mfa/challenge", body)
				}), 200)
			}
		})
		corpus.Case(t, "M01", fmt.Sprintf("%d times one code at once in %d sessions that step up, at two processes, %s", n, waiting/2, b.Name), "one success", func(t *testing.T) {
			for round := range rounds {
				h := s.holder(t, fmt.Sprintf("m01-sessions-%d@example.com", round))
				trusted := s.finish(t, h.email, object{"recovery_code": h.recovery[0], "trust_device": true})
				clients := make([]*running.Client, waiting/2)
				for i := range clients {
					clients[i] = s.visitor()
					keepCookie(t, trusted, clients[i], "mfa-device")
					clients[i].Want(t, try(t, clients[i], h.email, words), 200)
				}
				body := fmt.Sprintf(`{"code":%q}`, h.code(t, 0))
				won(t, crowd(t, n, func(i int) (*running.Answer, error) {
					return s.turn(clients[i%len(clients)], i/len(clients)).TryCall(t, "POST", v1+"/auth/mfa/challenge", body)
				}), 204)
			}
		})
		corpus.Case(t, "M10", fmt.Sprintf("%d times one recovery code at once for %d sign-ins at two processes, %s", n, waiting/2, b.Name), "one success (MFA-09)", func(t *testing.T) {
			for round := range rounds {
				h := s.holder(t, fmt.Sprintf("m10-%d@example.com", round))
				clients := make([]*running.Client, waiting/2)
				for i := range clients {
					clients[i] = s.begin(t, h.email)
				}
				body := fmt.Sprintf(`{"recovery_code":%q}`, h.recovery[0])
				won(t, crowd(t, n, func(i int) (*running.Answer, error) {
					return s.turn(clients[i%len(clients)], i/len(clients)).TryCall(t, "POST", v1+"/auth/mfa/challenge", body)
				}), 200)
				s.mail(t, h.email, "recovery-used", 1)
			}
		})
	})
}

// keepCookie copies a cookie from one browser to another.
func keepCookie(t testing.TB, from, to *running.Client, name string) {
	t.Helper()
	u := mustURL(t, from.Server.URL)
	for _, c := range from.HTTP.Jar.Cookies(u) {
		if c.Name == name {
			c.Path = "/"
			to.HTTP.Jar.SetCookies(u, append(to.HTTP.Jar.Cookies(u)[:0:0], c))
			return
		}
	}
	t.Fatalf("there is no cookie %s", name)
}
