package accounts

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

const stepUp = "STEP_UP_REQUIRED"

func TestFactors(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	// stolen is a session of h that has not proved the factor, as one of a browser that
	// h trusts.
	stolen := func(t *testing.T, h *holder) *running.Client {
		t.Helper()
		trusted := s.finish(t, h.email, object{"recovery_code": h.recovery[0], "trust_device": true})
		c := s.visitor()
		keepCookie(t, trusted, c, "mfa-device")
		c.Want(t, try(t, c, h.email, words), 200)
		return c
	}

	corpus.Case(t, "M09", "enrol another app, make recovery codes, and disable, with a stolen session that has not proved the factor", "401 STEP_UP_REQUIRED or 400 until the factor is proved (MFA-08, MFA-14)", func(t *testing.T) {
		h := s.holder(t, "m09@example.com")
		c := stolen(t, h)
		for _, path := range []string{"/auth/mfa/enable", "/auth/mfa/recovery-codes"} {
			denied(t, c.Call(t, "POST", v1+path, nil), 401, stepUp)
		}
		denied(t, c.Call(t, "POST", v1+"/auth/mfa/verify", object{"code": h.code(t, 0)}), 401, stepUp)
		denied(t, c.Call(t, "POST", v1+"/auth/mfa/disable", nil), 400, "BODY_INVALID")
		denied(t, c.Call(t, "POST", v1+"/auth/mfa/disable", object{"code": h.wrong(t, 1)}), 401, codeInvalid)
		// A token from the same browser is no better.
		a := c.Want(t, c.Call(t, "POST", v1+"/auth/token", running.Credentials(h.email, words)), 200)
		bearer := s.visitor().With("Authorization", "Bearer "+a.String("access_token"))
		denied(t, bearer.Call(t, "POST", v1+"/auth/mfa/enable", nil), 401, stepUp)
		// The factor opens it.
		a = prove(t, c, object{"code": h.code(t, 0)})
		empty(t, a, 204)
		cookie(t, a, "session", "/", http.SameSiteLaxMode)
		c.Want(t, c.Call(t, "POST", v1+"/auth/mfa/enable", nil), 200)
	})
	corpus.Case(t, "MFA-08", "enable, replace and disable a factor while other sessions and tokens are alive", "all others are 401, the user is told by mail", func(t *testing.T) {
		const email = "mfa08@example.com"
		held := s.credentials(t, email)
		h := &holder{email: email, client: s.login(t, email, words)}
		s.enrol(t, h)
		held.ended(t)
		h.client.Want(t, h.client.Call(t, "GET", v1+"/profile", nil), 200)
		s.mail(t, email, "factor-changed", 1)
		second := s.finish(t, email, object{"recovery_code": h.recovery[0]})
		empty(t, h.client.Call(t, "POST", v1+"/auth/mfa/disable", object{"code": h.code(t, 0)}), 204)
		if a := second.Call(t, "GET", v1+"/profile", nil); a.StatusCode != 401 {
			t.Errorf("the other session lives: %d", a.StatusCode)
		}
		s.mail(t, email, "factor-changed", 2)
	})
	corpus.Case(t, "MFA-02", "an enrolment without a code, with a wrong one, by another session, after another has begun, and when it is over", "no factor: the login asks for none", func(t *testing.T) {
		const email = "mfa02@example.com"
		first := s.member(t, email)
		second := s.login(t, email, words)
		enable := func(c *running.Client) *holder {
			return &holder{secret: c.Want(t, c.Call(t, "POST", v1+"/auth/mfa/enable", nil), 200).String("secret")}
		}
		verify := func(c *running.Client, code string) *running.Answer {
			return c.Call(t, "POST", v1+"/auth/mfa/verify", object{"code": code})
		}
		old := enable(first)
		denied(t, verify(first, old.wrong(t, 1)), 401, codeInvalid)
		denied(t, verify(second, old.code(t, 0)), 409, "MFA_ENROLMENT_INVALID")
		h := enable(first)
		denied(t, verify(first, old.code(t, 0)), 401, codeInvalid)
		s.exec(t, "UPDATE auth_mfa_enrolments SET expires_at = expires_at - ?", 600_000_000)
		denied(t, verify(first, h.code(t, 0)), 409, "MFA_ENROLMENT_INVALID")
		s.login(t, email, words)
		h = enable(first)
		if a := first.Want(t, verify(first, h.code(t, 0)), 200); strings.Contains(a.Text, h.secret) {
			t.Error("MFA-01: the secret is shown again")
		}
		denied(t, try(t, s.visitor(), email, words), 401, "MFA_REQUIRED")
	})
	corpus.Case(t, "M10", "a recovery code twice, of another user, after new ones were made, in small letters without dashes, cut, in full width", "each works once, in any case and grouping, and for its owner alone (MFA-09)", func(t *testing.T) {
		h, o := s.holder(t, "m10@example.com"), s.holder(t, "m10-other@example.com")
		use := func(code string) *running.Answer { return prove(t, s.begin(t, h.email), object{"recovery_code": code}) }
		again := func(code string) { t.Helper(); denied(t, use(code), 401, codeInvalid) }
		c := s.finish(t, h.email, object{"recovery_code": h.recovery[0]})
		s.mail(t, h.email, "recovery-used", 1)
		again(h.recovery[0])
		s.finish(t, h.email, object{"recovery_code": strings.ToLower(strings.ReplaceAll(h.recovery[1], "-", ""))})
		again(h.recovery[1])
		again(o.recovery[0])
		again(h.recovery[2][:len(h.recovery[2])-1])
		s.finish(t, h.email, object{"recovery_code": " " + strings.ReplaceAll(h.recovery[2], "-", " ") + " "})
		again(wide(h.recovery[3], 0xff10))
		fresh := recoveryCodes(t, c.Want(t, c.Call(t, "POST", v1+"/auth/mfa/recovery-codes", nil), 200))
		again(h.recovery[4])
		s.finish(t, h.email, object{"recovery_code": fresh[0]})
		s.finish(t, o.email, object{"recovery_code": o.recovery[0]})
	})
	corpus.Case(t, "X-M5", "disable, enrol again, and use a recovery code and a trusted browser of before", "401: both are void", func(t *testing.T) {
		h := s.holder(t, "xm5@example.com")
		browser := stolen(t, h)
		c := s.finish(t, h.email, object{"recovery_code": h.recovery[1]})
		empty(t, c.Call(t, "POST", v1+"/auth/mfa/disable", object{"recovery_code": h.recovery[2]}), 204)
		before := h.recovery
		h.client = s.login(t, h.email, words)
		s.enrol(t, h)
		denied(t, prove(t, s.begin(t, h.email), object{"recovery_code": before[3]}), 401, codeInvalid)
		denied(t, try(t, browser, h.email, words), 401, "MFA_REQUIRED")
	})
	corpus.Case(t, "MFA-13", "a browser trusted by A at the login of B; after a change of the password; after it was forgotten", "401 MFA_REQUIRED", func(t *testing.T) {
		a, b := s.holder(t, "mfa13-a@example.com"), s.holder(t, "mfa13-b@example.com")
		browser := stolen(t, a)
		denied(t, try(t, browser, b.email, words), 401, "MFA_REQUIRED")
		browser.Want(t, try(t, browser, a.email, words), 200)
		if n := s.count(t, "SELECT count(*) FROM auth_mfa_devices WHERE length(hash) = 32 AND subject = ?", []byte("id-mfa13-a-example-com")); n != 1 {
			t.Errorf("%d devices, of which the hash is kept, want 1", n)
		}
		empty(t, browser.Call(t, "POST", v1+"/auth/change-password", object{"current_password": words, "password": other}), 204)
		denied(t, try(t, browser, a.email, other), 401, "MFA_REQUIRED")

		browser = stolen(t, b)
		if a := browser.Post(t, "/account/devices/forget", nil); a.StatusCode != 303 {
			t.Errorf("%d %s", a.StatusCode, a.Text)
		}
		denied(t, try(t, browser, b.email, words), 401, "MFA_REQUIRED")
	})
	corpus.Case(t, "M12", "the table of factors is gone when somebody signs in, at the login, the token endpoint and the challenge", "503 and no session; when it is back the factor is asked for", func(t *testing.T) {
		h := s.holder(t, "m12@example.com")
		waiting := s.begin(t, h.email)
		s.exec(t, "ALTER TABLE auth_mfa_factors RENAME TO elsewhere")
		for _, email := range []string{h.email, alice} { // who has a factor is not known of anybody
			denied(t, try(t, s.visitor(), email, words), 503, "UNAVAILABLE")
			denied(t, s.visitor().Call(t, "POST", v1+"/auth/token", running.Credentials(email, words)), 503, "UNAVAILABLE")
		}
		denied(t, prove(t, waiting, object{"code": h.code(t, 0)}), 503, "UNAVAILABLE")
		denied(t, h.client.Call(t, "POST", v1+"/auth/mfa/enable", nil), 503, "UNAVAILABLE")
		s.exec(t, "ALTER TABLE elsewhere RENAME TO auth_mfa_factors")
		s.finish(t, h.email, object{"code": h.code(t, 0)})
		s.login(t, alice, words)
	})
}
