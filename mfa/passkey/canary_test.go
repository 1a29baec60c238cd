package passkey_test

import (
	"testing"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/problem"
)

// No event, error or log line holds what would let its reader sign in, or go on with
// what another has begun.
func TestNoSecretLeaves(t *testing.T) {
	t.Run("XCT-04 I7", func(t *testing.T) {
		canary := testkit.NewCanary(t)
		g, d := newRig(t, func(c *passkey.Config) {
			c.OnEvent = canary.OnEvent
			c.ErrorHandler = problem.Log(canary.Logger(), nil)
		}), newDevice(t)
		d.count = 5
		b := g.enrolled("alice", d)
		watch := func(begun begun, answer map[string]any) {
			canary.Watch("state", begun.State)
			canary.Watch("challenge", begun.PublicKey.Challenge)
			canary.Watch("cookie", b.Cookie("__Host-passkey").Value)
			if s, ok := answer["signature"].(string); ok {
				canary.Watch("signature", s)
			}
		}
		for _, tw := range []twist{
			{client: set("challenge", text(random(32)))}, {client: set("origin", "https://evil.example")}, {client: set("type", "x")},
			{signature: func([]byte) []byte { return random(70) }}, {authData: count(5)}, {answer: set("id", text(random(16)))}, {handle: func([]byte) []byte { return random(64) }}, {},
		} {
			for _, road := range []string{"login", "factor"} {
				begun := g.begin(b, road)
				answer := d.get(begun, tw)
				watch(begun, answer)
				g.finish(b, road, answer)
				g.finish(b, road, answer)
			}
			begun := g.begin(b, "register")
			made := d.create(begun, twist{client: tw.client})
			watch(begun, made)
			g.finish(b, "register", made)
			d.keys = d.keys[:1]
		}
		g.store.on(func(string) error { return errDown }, nil)
		begun := g.begin(b, "login")
		answer := d.get(begun, twist{})
		watch(begun, answer)
		if res := g.finish(b, "login", answer); res.StatusCode != 503 {
			t.Error(res.Status)
		}
	})
}
