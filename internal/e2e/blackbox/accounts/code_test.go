package accounts

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

const step = 30 * time.Second

// A holder is somebody with a second factor.
type holder struct {
	email    string
	secret   string // of the app
	recovery []string
	client   *running.Client // with the session that has enrolled
}

// code is that of the app, some steps from now.
func (h *holder) code(t testing.TB, steps int) string {
	t.Helper()
	return running.Code(t, h.secret, time.Duration(steps)*step)
}

// wrong is a code that is none of those around now, with another one for each n.
func (h *holder) wrong(t testing.TB, n int) string {
	t.Helper()
	near := map[string]bool{}
	for steps := -3; steps <= 3; steps++ {
		near[h.code(t, steps)] = true
	}
	for i := n * 7; ; i++ {
		digits := []byte{'0', byte('0' + i/10000%10), byte('0' + i/1000%10), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)}
		if !near[string(digits)] {
			return string(digits)
		}
	}
}

// settled waits for a moment after which codes stay what they are for a while, as the
// clock of the server cannot be set.
func settled() {
	const room = 3 * time.Second
	now := time.Now()
	if next := now.Truncate(step).Add(step); next.Sub(now) < room {
		<-time.After(time.Until(next.Add(50 * time.Millisecond)))
	}
}

// holder adds an account with a second factor, by the code of the step before this
// one: that of now is still good.
func (s *site) holder(t testing.TB, email string) *holder {
	t.Helper()
	h := &holder{email: email, client: s.member(t, email)}
	s.enrol(t, h)
	return h
}

// enrol gives h an app, or another one.
func (s *site) enrol(t testing.TB, h *holder) {
	t.Helper()
	c := h.client
	h.secret = c.Want(t, c.Call(t, "POST", v1+"/auth/mfa/enable", nil), 200).String("secret")
	settled()
	h.recovery = recoveryCodes(t, c.Want(t, c.Call(t, "POST", v1+"/auth/mfa/verify", object{"code": h.code(t, -1)}), 200))
}

// recoveryCodes are those in an answer.
func recoveryCodes(t testing.TB, a *running.Answer) (codes []string) {
	t.Helper()
	list, _ := a.JSON("recovery_codes").([]any)
	for _, entry := range list {
		code, _ := entry.(string)
		codes = append(codes, code)
	}
	if len(codes) < 10 {
		t.Fatalf("%d recovery codes", len(codes))
	}
	return codes
}

// begin signs in up to the factor.
func (s *site) begin(t testing.TB, email string) *running.Client {
	t.Helper()
	c := s.visitor()
	denied(t, try(t, c, email, words), 401, "MFA_REQUIRED")
	return c
}

// prove completes a sign-in.
func prove(t testing.TB, c *running.Client, in object) *running.Answer {
	t.Helper()
	return c.Call(t, "POST", v1+"/auth/mfa/challenge", in)
}

// finish is begin and prove with a factor that is good.
func (s *site) finish(t testing.TB, email string, in object) *running.Client {
	t.Helper()
	c := s.begin(t, email)
	c.Want(t, prove(t, c, in), 200)
	return c
}
