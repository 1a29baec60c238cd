package mfa_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/problem"
)

func TestJSONContract(t *testing.T) {
	g := newRig(t)
	b := g.browser
	members := func(body string) string {
		t.Helper()
		var m map[string]any
		g.must(json.Unmarshal([]byte(body), &m))
		var names []string
		for name := range m {
			names = append(names, name)
		}
		sort.Strings(names)
		return strings.Join(names, " ")
	}
	private := func(name string, h http.Header) {
		t.Helper()
		if h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, h)
		}
	}
	g.want(b.PostJSON("/login?user=alice", "{}"), 204)

	res := g.want(b.Fetch("POST", "/mfa/enable", nil), 200)
	var enrolled struct {
		Secret string
		URL    string `json:"otpauth_url"`
		QR     string
	}
	res.JSON(&enrolled)
	private("enable", res.Header)
	if members(res.Body) != "otpauth_url qr secret" || !strings.HasPrefix(enrolled.URL, "otpauth://totp/Example:alice%40example.com?secret="+enrolled.Secret) || !strings.HasPrefix(enrolled.QR, "data:image/png;base64,") {
		t.Errorf("enable: %s", res.Body)
	}
	f := &phone{g: g, secret: enrolled.Secret, subject: "alice"}
	g.want(b.PostJSON("/mfa/verify", object{"code": f.wrong()}), 401, problem.MFACodeInvalid)

	res = g.want(b.PostJSON("/mfa/verify", object{"code": f.code()}), 200)
	var codes struct {
		Codes []string `json:"recovery_codes"`
	}
	res.JSON(&codes)
	private("verify", res.Header)
	if members(res.Body) != "recovery_codes" || len(codes.Codes) != 10 {
		t.Errorf("verify: %s", res.Body)
	}
	g.want(b.PostJSON("/mfa/verify", object{"code": f.code()}), 409, problem.MFAEnrolmentInvalid)
	// The session that has confirmed has the factor.
	g.want(b.Fetch("GET", "/sensitive", nil), 204)

	g.clock.Advance(time.Minute)
	res = g.want(b.PostJSON("/mfa/recovery-codes", object{"code": f.code()}), 200)
	private("recovery codes", res.Header)
	if members(res.Body) != "recovery_codes" {
		t.Errorf("recovery codes: %s", res.Body)
	}
	g.want(b.Fetch("POST", "/mfa/recovery-codes", nil), 200) // the factor is fresh

	g.want(b.PostJSON("/mfa/disable", object{"code": f.wrong()}), 401, problem.MFACodeInvalid)
	g.want(b.Fetch("POST", "/mfa/disable", nil), 400, problem.BodyInvalid)
	g.clock.Advance(time.Minute)
	if res = g.want(b.PostJSON("/mfa/disable", object{"code": f.code()}), 204); res.Body != "" {
		t.Errorf("disable: %s", res.Body)
	}
	g.clock.Advance(time.Minute)
	g.want(b.PostJSON("/mfa/disable", object{"code": f.code()}), 409, problem.MFANotEnrolled)
	g.want(b.PostJSON("/mfa/recovery-codes", object{"code": f.code()}), 409, problem.MFANotEnrolled)
	g.want(b.PostJSON("/login?user=alice", "{}"), 204)
}

var handlerPaths = []string{"/mfa/challenge", "/mfa/enable", "/mfa/verify", "/mfa/disable", "/mfa/recovery-codes", "/mfa/devices/revoke"}

func TestHandlersRefuse(t *testing.T) {
	g := newRig(t)
	f := g.enable("alice")
	g.signIn(g.browser, f)
	g.clock.Advance(time.Minute)
	code := f.code()
	for _, path := range handlerPaths {
		t.Run("CSR-02 "+path+" from another site", func(t *testing.T) {
			g.want(g.browser.PostJSON(path, object{"code": code}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), 403, problem.CrossOrigin)
			g.want(g.browser.PostJSON(path, object{"code": code}, "Origin", strings.Replace(g.browser.URL(""), "https:", "http:", 1), "Sec-Fetch-Site", ""), 403, problem.CrossOrigin)
		})
		t.Run("405 "+path, func(t *testing.T) {
			if res := g.want(g.browser.Fetch("GET", path, nil), 405, problem.MethodNotAllowed); res.Header.Get("Allow") != "POST" {
				t.Errorf("%v", res.Header)
			}
		})
		if path == "/mfa/enable" {
			continue // reads no body
		}
		t.Run("P19 "+path, func(t *testing.T) {
			for _, body := range []string{`{"code":["1"]}`, `{"code":"1","code":"2"}`, `{"isAdmin":true}`, `[]`, `{`, `{"code":1}`} {
				g.want(g.browser.PostJSON(path, body), 400, problem.BodyInvalid)
			}
			g.want(g.browser.PostJSON(path, `{"code":"`+strings.Repeat("1", 5000)+`"}`), 413, problem.BodyTooLarge)
			g.want(g.browser.PostJSON(path, `{}`, "Content-Type", "text/plain"), 415, problem.UnsupportedMediaType)
		})
	}
	t.Run("neither or both", func(t *testing.T) {
		for _, body := range []object{{}, {"code": ""}, {"code": code, "recovery_code": f.codes[0]}} {
			g.want(g.browser.PostJSON("/mfa/challenge", body), 400, problem.BodyInvalid)
		}
	})
	t.Run("CSR-02 a sign-in that waits is not completed by another site, and uses no code up", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		g.want(g.browser.Post("/mfa/challenge", form("code", f.code()), "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), 403, problem.CrossOrigin)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
	})
	t.Run("nothing of that was used up or counted", func(t *testing.T) {
		g.want(g.browser.PostJSON("/mfa/disable", object{"code": code}), 204)
	})
	t.Run("without a Gate in front there is nobody", func(t *testing.T) {
		for _, h := range []http.Handler{g.factors.EnableHandler(), g.factors.VerifyHandler(), g.factors.DisableHandler(), g.factors.RecoveryCodesHandler(), g.factors.RevokeDeviceHandler()} {
			if res := serve(t, h, `{"code":"123456"}`, "application/json"); res.Code != 401 && res.Code != 400 {
				t.Errorf("%d %s", res.Code, res.Body)
			}
		}
	})
}

func TestForms(t *testing.T) {
	var states []mfa.FormState
	g := newRig(t, func(c *mfa.Config) {
		c.Pages = mfa.Pages{Challenge: "/login/factor", Account: "/account"}
		c.Form = func(w http.ResponseWriter, _ *http.Request, s mfa.FormState) {
			states = append(states, s)
			if s.Err != nil {
				w.WriteHeader(s.Problem.Status)
			}
		}
	})
	last := func(flow mfa.Flow, code problem.Code) mfa.FormState {
		t.Helper()
		s := states[len(states)-1]
		if s.Flow != flow || s.Problem.Code != code || (s.Err == nil) != (code == "") {
			t.Fatalf("the form has %+v, want %s %s", s, flow, code)
		}
		return s
	}
	leads := func(h http.Header, to string) {
		t.Helper()
		if h.Get("Location") != to || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%v, want %s", h, to)
		}
	}
	b := g.browser
	g.want(b.Post("/login?user=alice", form()), 303)
	g.want(b.Post("/mfa/enable", form()), 200)
	f := &phone{g: g, secret: last(mfa.FlowEnable, "").Enrolment.Secret, subject: "alice"}
	g.want(b.Post("/mfa/verify", form("code", f.wrong())), 401)
	last(mfa.FlowVerify, problem.MFACodeInvalid)
	g.want(b.Post("/mfa/verify", form("code", f.code())), 200)
	f.codes = last(mfa.FlowVerify, "").RecoveryCodes
	if len(f.codes) != 10 {
		t.Errorf("%d codes", len(f.codes))
	}
	g.clock.Advance(time.Minute)
	g.want(b.Post("/mfa/recovery-codes", form("code", f.code())), 200)
	if codes := last(mfa.FlowRecoveryCodes, "").RecoveryCodes; len(codes) != 10 || codes[0] == f.codes[0] {
		t.Errorf("codes %v", codes)
	}

	other := b.Another(t)
	leads(g.want(other.Post("/login?user=alice&return_to=/orders", form()), 303).Header, "/login/factor")
	g.want(other.Post("/mfa/challenge", form("code", f.wrong())), 401)
	last(mfa.FlowChallenge, problem.MFACodeInvalid)
	g.clock.Advance(30 * time.Second)
	leads(g.want(other.Post("/mfa/challenge", form("code", f.code(), "return_to", "/elsewhere")), 303).Header, "/orders")

	// Stepping up.
	g.clock.Advance(time.Minute)
	for to, want := range map[string]string{"/danger": "/danger", "//evil.example": "", "": ""} {
		g.want(other.Post("/mfa/challenge", form("return_to", to)), 400)
		if s := last(mfa.FlowChallenge, problem.BodyInvalid); s.ReturnTo != want {
			t.Errorf("a form that was to lead to %q is shown with %q", to, s.ReturnTo)
		}
	}
	g.want(other.Post("/mfa/challenge", form("code", f.wrong(), "return_to", "/danger")), 401)
	if s := last(mfa.FlowChallenge, problem.MFACodeInvalid); s.ReturnTo != "/danger" {
		t.Errorf("the path is %q", s.ReturnTo)
	}
	leads(g.want(other.Post("/mfa/challenge", form("code", f.code(), "return_to", "/danger")), 303).Header, "/danger")
	g.clock.Advance(time.Minute)
	leads(g.want(other.Post("/mfa/challenge", form("code", f.code(), "return_to", "//evil.example")), 303).Header, "/account")

	for range 4 {
		g.want(other.Post("/mfa/disable", form("code", f.wrong())), 401)
	}
	g.clock.Advance(time.Minute)
	leads(g.want(other.Post("/mfa/disable", form("code", f.code())), 303).Header, "/account?notice=mfa-disable")
	g.want(other.Post("/mfa/disable", form("code", f.code())), 409)
	g.want(other.Post("/mfa/challenge", form("code", f.code())), 409)
	g.want(b.Another(t).Post("/mfa/challenge", form("code", f.code())), 401)
	last(mfa.FlowChallenge, problem.MFAChallengeInvalid)
}

func TestStepUp(t *testing.T) {
	t.Run("MFA-14 SES-18 a session is raised", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.signIn(g.browser, f)
		g.clock.Advance(10 * time.Minute)
		res := g.want(g.browser.Fetch("GET", "/sensitive", nil), 401, problem.StepUpRequired)
		if res.Problem().Extensions["max_age"] != 300.0 {
			t.Errorf("%v", res.Problem().Extensions)
		}
		old := g.browser.Cookie("__Host-session")
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.wrong()}), 401, problem.MFACodeInvalid)
		g.want(g.browser.Fetch("GET", "/sensitive", nil), 401)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
		g.want(g.browser.Fetch("GET", "/sensitive", nil), 204)
		g.want(g.browser.Fetch("GET", "/private", nil, "Cookie", "__Host-session="+old.Value), 401)
	})
	t.Run("MFA-14 a token is issued again, RFC 9470", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		var tokens struct {
			Access string `json:"access_token"`
		}
		g.want(g.browser.PostJSON("/token?user=alice", "{}"), 401)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 200).JSON(&tokens)
		bearer := []string{"Authorization", "Bearer " + tokens.Access}
		g.clock.Advance(10 * time.Minute)
		res := g.want(g.browser.Fetch("GET", "/sensitive", nil, bearer...), 401, problem.StepUpRequired)
		if !strings.Contains(strings.Join(res.Header.Values("WWW-Authenticate"), "\n"), `error="insufficient_user_authentication"`) {
			t.Errorf("%v", res.Header)
		}
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}, bearer...), 200).JSON(&tokens)
		g.want(g.browser.Fetch("GET", "/sensitive", nil, "Authorization", "Bearer "+tokens.Access), 204)
		g.want(g.browser.Fetch("GET", "/sensitive", nil, bearer...), 401)
	})
	for name, elevate := range map[string]func(context.Context, auth.Factor) error{
		"F01": func(context.Context, auth.Factor) error { return errDown },
		"F16": func(context.Context, auth.Factor) error { panic("the hook") },
	} {
		t.Run("MFA-08 SES-04 "+name+" a session that cannot be renewed after it has confirmed ends with the others", func(t *testing.T) {
			g := newRig(t, func(c *mfa.Config) { c.Elevate = elevate })
			g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
			copied := g.browser.Cookie("__Host-session")
			var out struct{ Secret string }
			g.want(g.browser.PostJSON("/mfa/enable", "{}"), 200).JSON(&out)
			f := &phone{g: g, secret: out.Secret, subject: "alice"}
			var codes struct {
				RecoveryCodes []string `json:"recovery_codes"`
			}
			g.want(g.browser.PostJSON("/mfa/verify", object{"code": f.code()}), 200).JSON(&codes)
			g.want(g.browser.Fetch("GET", "/private", nil), 401)
			g.want(g.browser.Another(t).Fetch("GET", "/private", nil, "Cookie", "__Host-session="+copied.Value), 401)
			if g.happened(mfa.EventFault) != 1 || g.happened(mfa.EventEnabled) != 1 || len(codes.RecoveryCodes) != 10 {
				t.Errorf("nobody was told, or the codes are lost: %d codes", len(codes.RecoveryCodes))
			}
			g.clock.Advance(time.Minute)
			g.signIn(g.browser, f)
		})
	}
	t.Run("MFA-08 SES-04 a session that can be neither renewed nor ended is not told as done", func(t *testing.T) {
		down := false
		g := newRig(t, func(c *mfa.Config) {
			c.Elevate = func(context.Context, auth.Factor) error { down = true; return errDown }
			c.Revokers = append(c.Revokers, auth.RevokerFunc(func(context.Context, string, string) error {
				if down {
					return errDown
				}
				return nil
			}))
		})
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
		var out struct{ Secret string }
		g.want(g.browser.PostJSON("/mfa/enable", "{}"), 200).JSON(&out)
		f := &phone{g: g, secret: out.Secret}
		g.want(g.browser.PostJSON("/mfa/verify", object{"code": f.code()}), 503)
		if g.happened(mfa.EventEnabled) != 1 || len(g.notices) != 1 {
			t.Error("the user was not told")
		}
	})
	t.Run("a session that cannot be raised is not told that it was", func(t *testing.T) {
		g := newRig(t, func(c *mfa.Config) { c.Elevate = func(context.Context, auth.Factor) error { return errDown } })
		f := g.enable("alice")
		g.signIn(g.browser, f)
		g.clock.Advance(10 * time.Minute)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 500)
		g.want(g.browser.Fetch("GET", "/sensitive", nil), 401)
	})
	t.Run("KEY-12 a key steps up nothing", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		key := g.member("alice")
		key.Method = auth.MethodAPIKey
		r, w := request("POST", "https://example.com/mfa/challenge", `{"code":"`+f.code()+`"}`)
		r.Header.Set("Content-Type", "application/json")
		g.factors.ChallengeHandler().ServeHTTP(w, authtest.As(r, key))
		if w.Code != 403 {
			t.Errorf("%d", w.Code)
		}
		g.must(g.factors.Verify(t.Context(), "alice", f.code()))
	})
	t.Run("KEY-12 nor does a token that nobody has signed in for", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		for _, method := range []string{auth.MethodJWT, auth.MethodSession} {
			machine := &auth.Principal{Subject: "alice", Method: method, CredentialID: "1"}
			r, w := request("POST", "https://example.com/mfa/challenge", `{"code":"`+f.code()+`"}`)
			r.Header.Set("Content-Type", "application/json")
			g.factors.ChallengeHandler().ServeHTTP(w, authtest.As(r, machine))
			if w.Code != 403 {
				t.Errorf("%s: %d", method, w.Code)
			}
		}
		g.must(g.factors.Verify(t.Context(), "alice", f.code()))
	})
	t.Run("what cannot be raised uses no code up", func(t *testing.T) {
		g := newRig(t, func(c *mfa.Config) { c.Elevate, c.Reissue = nil, nil })
		f := g.enable("alice")
		g.signIn(g.browser, f)
		g.clock.Advance(time.Minute)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 403, problem.Forbidden)
		g.must(g.factors.Verify(t.Context(), "alice", f.code()))
	})
	t.Run("a sign-in that waits comes first, and whoever is signed in stays so", func(t *testing.T) {
		g := newRig(t)
		alice, bob := g.enable("alice"), g.enable("bob")
		g.signIn(g.browser, alice)
		g.want(g.browser.PostJSON("/login?user=bob", "{}"), 401, problem.MFARequired)
		if res := g.want(g.browser.Fetch("GET", "/private", nil), 204); res.Header.Get("X-User") != "alice" {
			t.Error(res.Header.Get("X-User"))
		}
		g.clock.Advance(time.Minute)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": alice.code()}), 401, problem.MFACodeInvalid)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": bob.code()}), 204)
		if res := g.want(g.browser.Fetch("GET", "/private", nil), 204); res.Header.Get("X-User") != "bob" {
			t.Error(res.Header.Get("X-User"))
		}
	})
	t.Run("without anything there is nothing to complete", func(t *testing.T) {
		g := newRig(t)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": "123456"}), 401, problem.MFAChallengeInvalid)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": "123456"}, "Authorization", "Bearer x.y.z"), 401, problem.TokenInvalid)
		if n := g.happened(mfa.EventFailed); n != 2 {
			t.Errorf("%d events", n)
		}
	})
}

func TestTrustedDevices(t *testing.T) {
	const month = 30 * 24 * time.Hour
	trusting := func(c *mfa.Config) { c.TrustDevices = month }
	const name = "__Host-mfa-device"
	trust := func(g *rig, f *phone) {
		g.t.Helper()
		g.want(g.browser.PostJSON("/login?user="+f.subject, "{}"), 401)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code(), "trust_device": true}), 204)
	}
	t.Run("MFA-13 off by default", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		trust(g, f)
		if g.browser.Cookie(name) != nil {
			t.Error("there is a cookie")
		}
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
	})
	t.Run("MFA-13 a trusted device is asked for nothing, until it expires", func(t *testing.T) {
		g := newRig(t, trusting)
		f := g.enable("alice")
		g.told()
		trust(g, f)
		c := g.browser.Cookie(name)
		if c == nil || !c.HttpOnly || !c.Secure || c.MaxAge != int(month/time.Second) {
			t.Fatalf("%+v", c)
		}
		if told := g.told(); len(told) != 1 || told[0] != mfa.EventDeviceTrusted {
			t.Errorf("told %v", told)
		}
		list, err := g.factors.Devices(t.Context(), "alice")
		g.must(err)
		if len(list) != 1 || list[0].Name == "" || !list[0].ExpiresAt.Equal(list[0].CreatedAt.Add(month)) {
			t.Errorf("%+v", list)
		}
		g.clock.Advance(month - time.Hour)
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
		// It is no proof.
		g.want(g.browser.Fetch("GET", "/sensitive", nil), 401, problem.StepUpRequired)
		g.clock.Advance(time.Hour)
		g.want(g.browser.PostJSON("/login?user=alice", "{}", "Cookie", name+"="+c.Value), 401, problem.MFARequired)
	})
	t.Run("MFA-13 it is bound to its user and to its cookie", func(t *testing.T) {
		g := newRig(t, trusting)
		f := g.enable("alice")
		g.enable("bob")
		trust(g, f)
		g.want(g.browser.PostJSON("/login?user=bob", "{}"), 401, problem.MFARequired)
		g.want(g.browser.Another(t).PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
		value := g.browser.Cookie(name).Value
		for _, v := range []string{value[:42], value + "A", strings.ToUpper(value), ""} {
			g.want(g.browser.PostJSON("/login?user=alice", "{}", "Cookie", name+"="+v), 401, problem.MFARequired)
		}
		g.want(g.browser.PostJSON("/login?user=alice", "{}", "Cookie", name+"="+value+"; "+name+"="+value), 401, problem.MFARequired)
		if list, _ := g.store.ListDevices(t.Context(), "alice"); strings.Contains(string(list[0].Hash[:]), value) || list[0].ID == value {
			t.Error("the store has the token")
		}
	})
	t.Run("MFA-13 it ends when it is revoked, or the password changes", func(t *testing.T) {
		for how, end := range map[string]func(g *rig, id string){
			"one":      func(g *rig, id string) { g.want(g.browser.PostJSON("/mfa/devices/revoke", object{"id": id}), 204) },
			"all":      func(g *rig, _ string) { g.want(g.browser.PostJSON("/mfa/devices/revoke", object{}), 204) },
			"password": func(g *rig, _ string) { g.must(g.factors.RevokeSubject(t.Context(), "alice", "anything")) },
		} {
			g := newRig(t, trusting)
			f := g.enable("alice")
			trust(g, f)
			list, err := g.factors.Devices(t.Context(), "alice")
			g.must(err)
			g.want(g.browser.PostJSON("/mfa/devices/revoke", object{"id": "another"}), 204)
			g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
			end(g, list[0].ID)
			if res := g.browser.PostJSON("/login?user=alice", "{}"); res.StatusCode != 401 {
				t.Errorf("%s: %d", how, res.StatusCode)
			}
		}
	})
	t.Run("MFA-12 F13 a store that fails lets nobody in, and trusts nobody", func(t *testing.T) {
		g := newRig(t, trusting)
		f := g.enable("alice")
		g.store.failing("AddDevice")
		trust(g, f)
		if g.browser.Cookie(name) != nil || g.happened(mfa.EventFault) != 1 {
			t.Error("trusted, or not told of")
		}
		g.store.set(nil, nil)
		g.clock.Advance(time.Minute)
		trust(g, f)
		g.store.failing("FindDevice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 503)
	})
	t.Run("MFA-08 M09 in a trusted browser what another provider says of a factor changes none", func(t *testing.T) {
		g := newRig(t, trusting)
		f := g.enable("alice")
		trust(g, f)
		var got *auth.Principal
		gate := g.factors.Gate(auth.SignInFunc(func(_ http.ResponseWriter, _ *http.Request, p *auth.Principal) error { got = p; return nil }))
		for _, kind := range []string{auth.FactorOTP, auth.FactorRecovery} {
			r, w := request("GET", "https://example.com/callback", "")
			r.AddCookie(g.browser.Cookie(name))
			g.must(gate.SignIn(w, r, g.member("alice", kind)))
			if got == nil || got.FactorAt(auth.FactorPassword).IsZero() {
				t.Fatalf("%s: %+v", kind, got)
			}
			if _, err := g.factors.Enrol(t.Context(), got); !errors.Is(err, auth.ErrStepUp) {
				t.Errorf("%s enrols another app: %v", kind, err)
			}
		}
	})
	t.Run("MFA-13 one that is trusted while the password changes is not", func(t *testing.T) {
		for _, call := range []string{"AddDevice", "ClaimChallenge"} {
			g := newRig(t, trusting)
			f := g.enable("alice")
			g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
			g.store.set(nil, func(m string) error {
				if m == call {
					g.store.set(nil, nil)
					return g.factors.RevokeSubject(t.Context(), "alice", "")
				}
				return nil
			})
			g.browser.PostJSON("/mfa/challenge", object{"code": f.code(), "trust_device": true})
			if list, err := g.factors.Devices(t.Context(), "alice"); err != nil || len(list) != 0 {
				t.Errorf("after %s: %+v, %v", call, list, err)
			}
		}
	})
	t.Run("MFA-13 one whose challenge another request has claimed is not kept", func(t *testing.T) {
		g := newRig(t, trusting)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		g.store.failing("ClaimChallenge")
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code(), "trust_device": true}), 503)
		if list, err := g.factors.Devices(t.Context(), "alice"); err != nil || len(list) != 0 || g.browser.Cookie(name) != nil {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("an id that is none reaches no store", func(t *testing.T) {
		g := newRig(t, trusting)
		for _, id := range []string{"another", strings.Repeat("\x00", mfa.IDSize), strings.Repeat("A", mfa.IDSize-1) + "=", strings.Repeat("A", mfa.IDSize+1), strings.Repeat("é", mfa.IDSize/2)} {
			g.store.set(nil, nil)
			g.must(g.factors.RevokeDevice(t.Context(), "alice", id))
			if len(g.store.calls) != 0 {
				t.Errorf("%q: %v", id, g.store.calls)
			}
		}
	})
	t.Run("a shorter configuration counts at once", func(t *testing.T) {
		g := newRig(t, trusting)
		f := g.enable("alice")
		trust(g, f)
		shorter, err := mfa.New(g.store, mfa.Config{Issuer: "Example", Key: sealKey, TrustDevices: time.Hour, Now: g.clock.Now})
		g.must(err)
		g.clock.Advance(2 * time.Hour)
		r, w := request("POST", "https://example.com/login", "")
		r.AddCookie(g.browser.Cookie(name))
		g.must(shorter.Gate(g.sessions).SignIn(w, r, g.principal("alice")))
		if w.Code != 401 {
			t.Errorf("%d", w.Code)
		}
	})
}
