package accounts

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pquerna/otp"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// What the README of the server promises, on each kind of backend.
func TestContract(t *testing.T) {
	running.Each(t, func(t *testing.T, b *running.Backend) {
		s := open(t, b, running.Options{})
		const email = "Contract@Example.com"
		contract := func(path, expect string, f func(t *testing.T)) {
			corpus.Case(t, "contract POST "+v1+path, "the happy way and its refusals, "+b.Name, expect, f)
		}
		var c *running.Client
		call := func(t *testing.T, path string, in any) *running.Answer {
			t.Helper()
			return c.Call(t, "POST", v1+path, in)
		}
		var id string

		contract("/auth/register", "202, empty; 422 PASSWORD_REJECTED with reasons, EMAIL_INVALID", func(t *testing.T) {
			c = s.visitor()
			a := empty(t, call(t, "/auth/register", running.Credentials(email, words)), 202)
			noCredential(t, a)
			a = denied(t, call(t, "/auth/register", running.Credentials(email, "short")), 422, "PASSWORD_REJECTED")
			members(t, a, nil, "type", "title", "status", "code", "reasons", "min_length")
			denied(t, call(t, "/auth/register", running.Credentials("no address", words)), 422, "EMAIL_INVALID")
			denied(t, try(t, c, email, words), 401, "INVALID_CREDENTIALS") // before the link is used there is no account
		})
		contract("/auth/verify-email", "204, empty, nobody signed in; 400 ONE_TIME_TOKEN_INVALID", func(t *testing.T) {
			token := s.mail(t, email, "verify", 1)[0].Token
			noCredential(t, empty(t, call(t, "/auth/verify-email", object{"token": token}), 204))
			denied(t, call(t, "/auth/verify-email", object{"token": token}), 400, "ONE_TIME_TOKEN_INVALID")
		})
		contract("/auth/login", "200 {data:{id,email,roles}} and the session cookie; 401 INVALID_CREDENTIALS", func(t *testing.T) {
			denied(t, try(t, c, email, other), 401, "INVALID_CREDENTIALS")
			a := c.Want(t, try(t, c, strings.ToUpper(email), words), 200)
			members(t, a, nil, "data")
			members(t, a, []string{"data"}, "id", "email", "roles")
			if id = a.String("data", "id"); id == "" || a.String("data", "email") != email {
				t.Error(a.Text)
			}
			if roles, _ := a.JSON("data", "roles").([]any); len(roles) != 1 || roles[0] != "customer" {
				t.Error(a.Text)
			}
			if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" {
				t.Error(a.Header)
			}
			if session := cookie(t, a, "session", "/", http.SameSiteLaxMode); session.MaxAge != 0 || !session.Expires.IsZero() {
				t.Errorf("the session outlives the browser: %s", session.Raw)
			}
			cookie(t, a, "known-device", "/", http.SameSiteLaxMode)
			a = c.Want(t, c.Call(t, "GET", v1+"/profile", nil), 200)
			members(t, a, []string{"data"}, "id", "email", "roles", "method")
			if a.String("data", "id") != id || a.String("data", "method") != "session" {
				t.Error(a.Text)
			}
		})
		contract("/auth/change-password", "204, empty; 401 without a login or with a wrong password; 403 for an API key", func(t *testing.T) {
			empty(t, call(t, "/auth/change-password", object{"current_password": words, "password": other}), 204)
			denied(t, call(t, "/auth/change-password", object{"current_password": words, "password": other}), 401, "INVALID_CREDENTIALS")
			denied(t, s.visitor().Call(t, "POST", v1+"/auth/change-password", object{"current_password": other, "password": words}), 401, "UNAUTHENTICATED")
			key := c.Want(t, call(t, "/api-keys", object{"name": "k", "scopes": []string{"orders:read"}, "expires_in": 3600}), 201).String("key")
			denied(t, s.visitor().With("X-API-Key", key).Call(t, "POST", v1+"/auth/change-password", object{"current_password": other, "password": words}), 403, "FORBIDDEN")
		})
		contract("/auth/forgot-password", "202, empty, always", func(t *testing.T) {
			for _, in := range []string{email, "nobody@example.com", "no address"} {
				noCredential(t, empty(t, s.visitor().Call(t, "POST", v1+"/auth/forgot-password", object{"email": in}), 202))
			}
		})
		contract("/auth/reset-password", "204, empty, nobody signed in; 400 ONE_TIME_TOKEN_INVALID; 422 leaves the token", func(t *testing.T) {
			token := s.mail(t, email, "reset", 1)[0].Token
			v := s.visitor()
			denied(t, setNew(t, v, token, "short"), 422, "PASSWORD_REJECTED")
			noCredential(t, empty(t, setNew(t, v, token, words), 204))
			denied(t, setNew(t, v, token, words), 400, "ONE_TIME_TOKEN_INVALID")
			if a := c.Call(t, "GET", v1+"/profile", nil); a.StatusCode != 401 {
				t.Errorf("after a reset the session lives: %d", a.StatusCode)
			}
		})
		h := &holder{email: email}
		contract("/auth/mfa/enable", "200 {secret,otpauth_url,qr}; 401 without a login", func(t *testing.T) {
			denied(t, s.visitor().Call(t, "POST", v1+"/auth/mfa/enable", nil), 401, "UNAUTHENTICATED")
			h.client = s.login(t, email, words)
			c = h.client
			a := c.Want(t, call(t, "/auth/mfa/enable", nil), 200)
			members(t, a, nil, "secret", "otpauth_url", "qr")
			k, err := otp.NewKeyFromURL(a.String("otpauth_url"))
			if err != nil || k.Secret() != a.String("secret") || k.AccountName() != email || k.Type() != "totp" || k.Digits() != otp.DigitsSix || k.Period() != 30 {
				t.Errorf("%v %v", err, k)
			}
			if !strings.HasPrefix(a.String("qr"), "data:image/png;base64,") || len(a.String("secret")) < 32 {
				t.Error(a.Text)
			}
			h.secret = a.String("secret")
		})
		contract("/auth/mfa/verify", "200 {recovery_codes}; 401 MFA_CODE_INVALID; 409 MFA_ENROLMENT_INVALID when nothing waits", func(t *testing.T) {
			denied(t, call(t, "/auth/mfa/verify", object{"code": h.wrong(t, 1)}), 401, "MFA_CODE_INVALID")
			settled()
			a := c.Want(t, call(t, "/auth/mfa/verify", object{"code": h.code(t, -1)}), 200)
			members(t, a, nil, "recovery_codes")
			h.recovery = recoveryCodes(t, a)
			denied(t, call(t, "/auth/mfa/verify", object{"code": h.code(t, 0)}), 409, "MFA_ENROLMENT_INVALID")
		})
		contract("/auth/mfa/challenge", "401 MFA_REQUIRED and the challenge cookie at the login, then as the sign-in: 200 and the session cookie; 401 MFA_CODE_INVALID, MFA_CHALLENGE_INVALID; 400 for none or both", func(t *testing.T) {
			v := s.visitor()
			a := denied(t, try(t, v, email, words), 401, "MFA_REQUIRED")
			members(t, a, nil, "type", "title", "status", "code", "factors", "expires_in")
			cookie(t, a, "mfa", "/", http.SameSiteLaxMode)
			denied(t, prove(t, v, object{"code": h.wrong(t, 2)}), 401, "MFA_CODE_INVALID")
			denied(t, prove(t, v, object{}), 400, "BODY_INVALID")
			denied(t, prove(t, v, object{"code": h.code(t, 0), "recovery_code": h.recovery[0]}), 400, "BODY_INVALID")
			a = v.Want(t, prove(t, v, object{"code": h.code(t, 0)}), 200)
			members(t, a, []string{"data"}, "id", "email", "roles")
			cookie(t, a, "session", "/", http.SameSiteLaxMode)
			if gone := a.Cookie("mfa"); gone == nil || gone.MaxAge >= 0 {
				t.Errorf("the challenge cookie stays: %q", a.Header["Set-Cookie"])
			}
			denied(t, prove(t, s.visitor(), object{"code": h.code(t, 1)}), 401, "MFA_CHALLENGE_INVALID")
			v = s.begin(t, email)
			v.Want(t, prove(t, v, object{"recovery_code": h.recovery[0]}), 200)
			c = v
			// The same factor, for tokens.
			v = s.visitor()
			denied(t, v.Call(t, "POST", v1+"/auth/token", running.Credentials(email, words)), 401, "MFA_REQUIRED")
			a = v.Want(t, prove(t, v, object{"recovery_code": h.recovery[1]}), 200)
			members(t, a, nil, "access_token", "token_type", "expires_in")
		})
		contract("/auth/mfa/recovery-codes", "200 {recovery_codes}, other ones; the old are void", func(t *testing.T) {
			a := c.Want(t, call(t, "/auth/mfa/recovery-codes", nil), 200)
			members(t, a, nil, "recovery_codes")
			denied(t, prove(t, s.begin(t, email), object{"recovery_code": h.recovery[2]}), 401, "MFA_CODE_INVALID")
			h.recovery = recoveryCodes(t, a)
		})
		contract("/auth/mfa/disable", "204, empty; 401 MFA_CODE_INVALID; 400 without a code; 409 MFA_NOT_ENROLLED", func(t *testing.T) {
			denied(t, call(t, "/auth/mfa/disable", object{"code": h.wrong(t, 3)}), 401, "MFA_CODE_INVALID")
			denied(t, call(t, "/auth/mfa/disable", nil), 400, "BODY_INVALID")
			empty(t, call(t, "/auth/mfa/disable", object{"recovery_code": h.recovery[0]}), 204)
			denied(t, call(t, "/auth/mfa/disable", object{"recovery_code": h.recovery[1]}), 409, "MFA_NOT_ENROLLED")
			s.login(t, email, words)
		})
		contract("/auth/logout", "204, empty, the cookie deleted; 204 also without a login", func(t *testing.T) {
			held := c.HTTP.Jar.Cookies(mustURL(t, s.URL))
			a := empty(t, call(t, "/auth/logout", nil), 204)
			if gone := a.Cookie("session"); gone == nil || gone.MaxAge >= 0 || gone.Value != "" {
				t.Errorf("%q", a.Header["Set-Cookie"])
			}
			thief := s.visitor()
			thief.HTTP.Jar.SetCookies(mustURL(t, s.URL), held)
			denied(t, thief.Call(t, "GET", v1+"/profile", nil), 401, "UNAUTHENTICATED")
			empty(t, s.visitor().Call(t, "POST", v1+"/auth/logout", nil), 204)
		})
	})
}
