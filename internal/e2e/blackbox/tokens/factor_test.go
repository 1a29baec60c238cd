package tokens_test

import (
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// enrol sets up an authenticator app and returns its secret and the recovery codes.
func enrol(t *testing.T, c *running.Client) (secret string, recovery []string) {
	t.Helper()
	secret = c.Want(t, c.Call(t, "POST", "/api/v1/auth/mfa/enable", nil), 200).String("secret")
	a := c.Want(t, c.Call(t, "POST", "/api/v1/auth/mfa/verify", map[string]string{"code": code(t, secret)}), 200)
	list, _ := a.JSON("recovery_codes").([]any)
	for _, v := range list {
		recovery = append(recovery, v.(string))
	}
	if len(recovery) == 0 {
		t.Fatalf("no recovery codes: %s", a.Text)
	}
	return secret, recovery
}

func code(t *testing.T, secret string) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
