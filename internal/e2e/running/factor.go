package running

import (
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// Code is what an authenticator app shows some time from now. A service takes those of
// the step before and after as well (RFC 6238 §5.2), and each of them once.
func Code(t testing.TB, secret string, ahead time.Duration) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(ahead))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// Enrol sets up an authenticator app for who has just signed in. It uses the code of the
// step before this one, so that that of this step is left.
func (c *Client) Enrol(t testing.TB) (secret string, recovery []string) {
	t.Helper()
	secret = c.Want(t, c.Call(t, "POST", "/api/v1/auth/mfa/enable", nil), 200).String("secret")
	a := c.Want(t, c.Call(t, "POST", "/api/v1/auth/mfa/verify", map[string]string{"code": Code(t, secret, -30*time.Second)}), 200)
	list, _ := a.JSON("recovery_codes").([]any)
	for _, code := range list {
		text, _ := code.(string)
		recovery = append(recovery, text)
	}
	if len(recovery) == 0 {
		t.Fatalf("no recovery codes: %s", a.Text)
	}
	return secret, recovery
}
