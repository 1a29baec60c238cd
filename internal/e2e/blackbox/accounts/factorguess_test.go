package accounts

import (
	"fmt"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

const locked = "TOO_MANY_REQUESTS"

func TestGuessingCodes(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})

	more := several(30, 8)
	corpus.Case(t, "M05", fmt.Sprintf("one guess at each of 5 fresh logins, then %d more at logins, tokens, step-up, disable, recovery codes, confirmation of another app, and a reset of the password", more),
		"429 everywhere, also with a good code: one count for the user (MFA-05, MFA-10)", func(t *testing.T) {
			h := s.holder(t, "m05@example.com")
			for i := range attempts {
				c := s.begin(t, h.email)
				in := object{"code": h.wrong(t, i)}
				if i%2 == 1 {
					in = object{"recovery_code": "AAAA-AAAA-AAAA-AAAA"}
				}
				denied(t, prove(t, c, in), 401, codeInvalid)
			}
			good := object{"code": h.code(t, 0)}
			for range more {
				denied(t, prove(t, s.begin(t, h.email), good), 429, locked)
			}
			v := s.visitor()
			denied(t, v.Call(t, "POST", v1+"/auth/token", running.Credentials(h.email, words)), 401, "MFA_REQUIRED")
			denied(t, prove(t, v, good), 429, locked)
			denied(t, prove(t, s.begin(t, h.email), object{"recovery_code": h.recovery[0]}), 429, locked)
			denied(t, prove(t, h.client, good), 429, locked)
			for _, path := range []string{"/auth/mfa/disable", "/auth/mfa/recovery-codes"} {
				denied(t, h.client.Call(t, "POST", v1+path, good), 429, locked)
			}
			h.client.Want(t, h.client.Call(t, "POST", v1+"/auth/mfa/enable", nil), 200)
			denied(t, h.client.Call(t, "POST", v1+"/auth/mfa/verify", good), 429, locked)
			// Who reads the mail must not be able to guess on.
			empty(t, setNew(t, s.visitor(), s.reset(t, h.email, 1), words), 204)
			denied(t, prove(t, s.begin(t, h.email), good), 429, locked)
		})
	wrong := several(1000, 200)
	corpus.Case(t, "M11", fmt.Sprintf("disable with %d wrong codes, then with the right one", wrong), "5 are compared, then 429, and the factor stays", func(t *testing.T) {
		h := s.holder(t, "m11@example.com")
		by := make(map[int]int)
		for i := range wrong {
			by[h.client.Call(t, "POST", v1+"/auth/mfa/disable", object{"code": h.wrong(t, i)}).StatusCode]++
		}
		if by[401] != attempts || by[429] != wrong-attempts {
			t.Errorf("%v", by)
		}
		denied(t, h.client.Call(t, "POST", v1+"/auth/mfa/disable", object{"code": h.code(t, 0)}), 429, locked)
		denied(t, try(t, s.visitor(), h.email, words), 401, "MFA_REQUIRED")
	})
	corpus.Case(t, "MFA-05", "guesses at an enrolment that waits, and enrol again for more", "429 after 5, also for the new one", func(t *testing.T) {
		h := &holder{email: "mfa05@example.com", client: s.member(t, "mfa05@example.com")}
		for round := range 2 {
			h.secret = h.client.Want(t, h.client.Call(t, "POST", v1+"/auth/mfa/enable", nil), 200).String("secret")
			for i := range attempts {
				status, code := 401, codeInvalid
				if round > 0 {
					status, code = 429, locked
				}
				denied(t, h.client.Call(t, "POST", v1+"/auth/mfa/verify", object{"code": h.wrong(t, i)}), status, code)
			}
		}
		denied(t, h.client.Call(t, "POST", v1+"/auth/mfa/verify", object{"code": h.code(t, 0)}), 429, locked)
	})
	opened := several(60, 25)
	corpus.Case(t, "X-M2", fmt.Sprintf("an attacker with the password opens %d sign-ins, more than may wait, while the owner's waits", opened), "the owner's may end, but a fresh one of theirs works, and the attacker has no session", func(t *testing.T) {
		h := s.holder(t, "xm2@example.com")
		s.begin(t, h.email)
		for range opened {
			denied(t, try(t, s.visitor(), h.email, words), 401, "MFA_REQUIRED")
		}
		if n := s.count(t, "SELECT count(*) FROM auth_mfa_challenges"); n > 300 {
			t.Errorf("%d challenges are kept", n)
		}
		s.finish(t, h.email, object{"code": h.code(t, 0)})
	})
}
