package mfa_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/problem"
)

// TestNoSecretLeaks walks all flows with a canary on every sink.
func TestNoSecretLeaks(t *testing.T) {
	t.Run("MFA-01 XCT-04 PRB-02 I7", func(t *testing.T) {
		canary := testkit.NewCanary(t)
		onError := problem.Log(canary.Logger(), func(w http.ResponseWriter, r *http.Request, err error) {
			problem.WriteError(w, r, canary.Error(err))
		})
		g := newRig(t, func(c *mfa.Config) {
			c.TrustDevices = time.Hour
			c.OnEvent = canary.OnEvent
			c.ErrorHandler = onError
		})
		mux := g.routes(&auth.Gate{Authenticators: []auth.Authenticator{g.sessions}, ErrorHandler: onError})
		b := authtest.NewBrowser(t, canary.Handler(g.sessions.Handler(mux)))
		wrong := canary.Secret("a code that is no code")

		g.want(b.PostJSON("/login?user=alice", "{}"), 204)
		var enrolled struct {
			Secret string
			URL    string `json:"otpauth_url"`
		}
		g.want(b.Fetch("POST", "/mfa/enable", nil), 200).JSON(&enrolled)
		canary.Watch("secret", enrolled.Secret)
		canary.Allow("secret", "POST /mfa/enable")
		f := &phone{g: g, secret: enrolled.Secret, subject: "alice"}
		g.want(b.PostJSON("/mfa/verify", object{"code": wrong}), 401)
		var codes struct {
			Codes []string `json:"recovery_codes"`
		}
		g.want(b.PostJSON("/mfa/verify", object{"code": f.code()}), 200).JSON(&codes)
		for _, c := range codes.Codes {
			canary.Watch("recovery code", c)
			canary.Watch("recovery code without dashes", strings.ReplaceAll(c, "-", ""))
		}
		canary.Allow("recovery code", "POST /mfa/verify")
		st, err := g.store.Find(t.Context(), "alice")
		g.must(err)
		canary.Watch("sealed secret", st.TOTP.Sealed)

		g.clock.Advance(time.Minute)
		other := b.Another(t)
		g.want(other.PostJSON("/login?user=alice", "{}"), 401)
		canary.Watch("challenge", other.Cookie(challengeCookie).Value)
		canary.Allow("challenge", "POST /login")
		g.want(other.PostJSON("/mfa/challenge", object{"code": wrong}), 401)
		g.want(other.PostJSON("/mfa/challenge", object{"recovery_code": wrong}), 401)
		g.store.failing("Advance")
		g.want(other.PostJSON("/mfa/challenge", object{"code": f.code()}), 503)
		g.store.set(nil, nil)
		g.want(other.PostJSON("/mfa/challenge", object{"recovery_code": codes.Codes[0], "trust_device": true}), 204)
		canary.Watch("device", other.Cookie("__Host-mfa-device").Value)
		canary.Allow("device", "POST /mfa/challenge")
		g.want(other.PostJSON("/mfa/disable", object{"code": wrong}), 401)
		g.clock.Advance(time.Minute)
		g.want(other.PostJSON("/mfa/disable", object{"code": f.code()}), 204)
		e := &mfa.Enrolment{Secret: enrolled.Secret, URL: enrolled.URL}
		canary.Logger().Info("enrolment", "pointer", e, "value", *e)
		if s := fmt.Sprintf("%v %+v %#v %v %+v %#v %+v", e, e, e, *e, *e, *e, mfa.FormState{Enrolment: e}); strings.Contains(s, enrolled.Secret) {
			t.Error("an Enrolment prints its secret")
		}
	})
}
