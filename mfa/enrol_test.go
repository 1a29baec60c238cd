package mfa_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/problem"
)

func TestEnrol(t *testing.T) {
	t.Run("MFA-01 a secret of 160 bits or more that is new each time and sealed", func(t *testing.T) {
		for a, size := range map[mfa.Algorithm]int{mfa.SHA1: 20, mfa.SHA256: 32, mfa.SHA512: 64} {
			g := newRig(t, func(c *mfa.Config) { c.Algorithm = a })
			seen := map[string]bool{}
			for range 20 {
				e, err := g.factors.Enrol(t.Context(), g.member("alice"))
				g.must(err)
				raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(e.Secret)
				g.must(err)
				if len(raw) != size || seen[e.Secret] {
					t.Fatalf("%s: %d bytes, seen %v", a, len(raw), seen[e.Secret])
				}
				seen[e.Secret] = true
				p, err := g.store.Store.Pending(t.Context(), "alice")
				g.must(err)
				sealed, err := base64.RawURLEncoding.DecodeString(p.Sealed)
				g.must(err)
				if bytes.Contains(sealed, raw) || len(p.Sealed) > mfa.MaxSealedSecret || len(p.ID) != mfa.IDSize {
					t.Errorf("the store has %+v", p)
				}
			}
		}
	})
	t.Run("MFA-01 a sealed secret opens for its user and its factor only", func(t *testing.T) {
		g := newRig(t)
		alice := g.enable("alice")
		g.enable("bob")
		st, err := g.store.Find(t.Context(), "alice")
		g.must(err)
		bob, err := g.store.Find(t.Context(), "bob")
		g.must(err)
		ok, err := g.store.Reseal(t.Context(), "bob", bob.TOTP.ID, bob.TOTP.Sealed, st.TOTP.Sealed)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if err := g.factors.Verify(t.Context(), "bob", alice.code()); problem.From(err).Status != 500 {
			t.Errorf("a secret that was copied to another row: %v", err)
		}
	})
	t.Run("MFA-01 nothing returns the secret after it was confirmed", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		st, err := g.factors.Status(t.Context(), "alice")
		g.must(err)
		if !st.Enabled() || !st.TOTPSince.Equal(g.clock.Now().Add(-time.Minute)) || st.CodesLeft != 10 {
			t.Errorf("%+v", st)
		}
		g.signIn(g.browser, f)
		res := g.want(g.browser.PostJSON("/mfa/enable", "{}"), 200)
		if strings.Contains(res.Body, f.secret) {
			t.Error("another enrolment shows the secret of the first")
		}
	})
	t.Run("MFA-02 nothing is enabled before a right code", func(t *testing.T) {
		g := newRig(t)
		e, err := g.factors.Enrol(t.Context(), g.member("alice"))
		g.must(err)
		f := &phone{g: g, secret: e.Secret, subject: "alice"}
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
		if _, err := g.factors.Confirm(t.Context(), g.member("alice"), f.wrong()); !errors.Is(err, mfa.ErrCode) {
			t.Errorf("wrong code: %v", err)
		}
		g.want(g.browser.Another(t).PostJSON("/login?user=alice", "{}"), 204)
		codes, err := g.factors.Confirm(t.Context(), g.member("alice"), f.code())
		g.must(err)
		if len(codes) != 10 {
			t.Errorf("%d recovery codes", len(codes))
		}
		g.want(g.browser.Another(t).PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
		if err := g.factors.Verify(t.Context(), "alice", f.code()); !errors.Is(err, mfa.ErrCode) {
			t.Errorf("M01 the code that has confirmed signs in as well: %v", err)
		}
	})
	t.Run("MFA-02 it is confirmed by the login that has begun it, in time", func(t *testing.T) {
		g := newRig(t)
		mine := g.member("alice")
		e, err := g.factors.Enrol(t.Context(), mine)
		g.must(err)
		f := &phone{g: g, secret: e.Secret, subject: "alice"}
		for name, change := range map[string]func(p *auth.Principal){
			"credential": func(p *auth.Principal) { p.CredentialID = "another" },
			"method":     func(p *auth.Principal) { p.Method = auth.MethodJWT },
			"sign-in":    func(p *auth.Principal) { p.AuthenticatedAt = p.AuthenticatedAt.Add(time.Second) },
			"subject":    func(p *auth.Principal) { p.Subject = "bob" },
		} {
			p := mine.Clone()
			change(p)
			if _, err := g.factors.Confirm(t.Context(), p, f.code()); !errors.Is(err, mfa.ErrEnrolment) {
				t.Errorf("another %s: %v, want ErrEnrolment", name, err)
			}
		}
		g.clock.Advance(10 * time.Minute)
		late := mine.Clone()
		if _, err := g.factors.Confirm(t.Context(), late, f.code()); !errors.Is(err, mfa.ErrEnrolment) {
			t.Errorf("after ten minutes: %v, want ErrEnrolment", err)
		}
	})
	t.Run("MFA-08 M09 over an active factor a fresh proof of it is wanted", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		var step *auth.StepUpError
		if _, err := g.factors.Enrol(t.Context(), g.member("alice")); !errors.As(err, &step) || len(step.Factors) != 2 {
			t.Errorf("with a fresh password: %v, want a *StepUpError", err)
		}
		mine := g.member("alice", auth.FactorOTP)
		e, err := g.factors.Enrol(t.Context(), mine)
		g.must(err)
		if _, err := g.factors.Confirm(t.Context(), g.member("alice"), (&phone{g: g, secret: e.Secret}).code()); !errors.As(err, &step) {
			t.Errorf("Confirm with a fresh password: %v, want a *StepUpError", err)
		}
		if err := g.factors.Verify(t.Context(), "alice", f.code()); err != nil {
			t.Errorf("the factor there is: %v", err)
		}
		g.clock.Advance(16 * time.Minute)
		if _, err := g.factors.Enrol(t.Context(), mine); !errors.As(err, &step) {
			t.Errorf("with an old proof: %v, want a *StepUpError", err)
		}
		if _, err := g.factors.Enrol(t.Context(), g.member("alice", auth.FactorRecovery)); err != nil {
			t.Errorf("whoever has lost the app cannot enrol another: %v", err)
		}
	})
	t.Run("MFA-08 an enrolment from before the factor does not replace it", func(t *testing.T) {
		g := newRig(t)
		thief := g.member("alice")
		thief.CredentialID = "stolen"
		e, err := g.factors.Enrol(t.Context(), thief)
		g.must(err)
		f := g.enable("alice")
		if _, err := g.factors.Confirm(t.Context(), thief, (&phone{g: g, secret: e.Secret}).code()); err == nil {
			t.Error("confirmed")
		}
		g.must(g.factors.Verify(t.Context(), "alice", f.code()))
	})
	t.Run("KEY-07 MFA-08 keys and old sign-ins change nothing", func(t *testing.T) {
		g := newRig(t)
		key := g.member("alice")
		key.Method, key.AuthenticatedAt = auth.MethodAPIKey, time.Time{}
		machine := g.member("alice")
		machine.AuthenticatedAt = time.Time{}
		for _, p := range []*auth.Principal{key, machine} {
			if _, err := g.factors.Enrol(t.Context(), p); !errors.Is(err, auth.ErrForbidden) {
				t.Errorf("Enrol: %v", err)
			}
			if _, err := g.factors.Confirm(t.Context(), p, "123456"); !errors.Is(err, auth.ErrForbidden) {
				t.Errorf("Confirm: %v", err)
			}
			if err := g.factors.Disable(t.Context(), p, mfa.Proof{Code: "123456"}); !errors.Is(err, auth.ErrForbidden) {
				t.Errorf("Disable: %v", err)
			}
			if _, err := g.factors.IssueCodes(t.Context(), p, mfa.Proof{Code: "123456"}); !errors.Is(err, auth.ErrForbidden) {
				t.Errorf("IssueCodes: %v", err)
			}
		}
		if _, err := g.factors.Enrol(t.Context(), nil); !errors.Is(err, auth.ErrNoCredentials) {
			t.Errorf("nobody: %v", err)
		}
		old := g.member("alice")
		g.clock.Advance(16 * time.Minute)
		if _, err := g.factors.Enrol(t.Context(), old); !errors.Is(err, auth.ErrStepUp) {
			t.Errorf("an old sign-in: %v", err)
		}
	})
}

// change is one of the three changes of factors, by somebody who has signed in.
var changes = map[string]func(g *rig, b *authtest.Browser, f *phone) int{
	"enable": func(g *rig, b *authtest.Browser, _ *phone) int {
		var out struct{ Secret string }
		g.want(b.PostJSON("/mfa/enable", "{}"), 200).JSON(&out)
		return b.PostJSON("/mfa/verify", object{"code": (&phone{g: g, secret: out.Secret}).code()}).StatusCode - 200
	},
	"disable": func(_ *rig, b *authtest.Browser, f *phone) int {
		return b.PostJSON("/mfa/disable", object{"code": f.code()}).StatusCode - 204
	},
	"recovery codes": func(_ *rig, b *authtest.Browser, f *phone) int {
		return b.PostJSON("/mfa/recovery-codes", object{"code": f.code()}).StatusCode - 200
	},
}

func TestChangesOfFactors(t *testing.T) {
	for name, change := range changes {
		t.Run("MFA-08 "+name+" ends all else and tells the user", func(t *testing.T) {
			g := newRig(t, func(c *mfa.Config) { c.TrustDevices = 24 * time.Hour })
			f := g.enable("alice")
			other, waiting, trusted := g.browser.Another(t), g.browser.Another(t), g.browser.Another(t)
			g.signIn(other, f)
			g.clock.Advance(time.Minute)
			g.want(trusted.PostJSON("/login?user=alice", "{}"), 401)
			g.want(trusted.PostJSON("/mfa/challenge", object{"code": f.code(), "trust_device": true}), 204)
			g.clock.Advance(time.Minute)
			g.signIn(g.browser, f)
			g.clock.Advance(time.Minute)
			g.want(waiting.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
			g.told()

			if change(g, g.browser, f) != 0 {
				t.Fatal("refused")
			}
			g.want(g.browser.Fetch("GET", "/private", nil), 204)
			g.want(other.Fetch("GET", "/private", nil), 401)
			g.want(trusted.Fetch("GET", "/private", nil), 401)
			g.want(waiting.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
			if list, err := g.factors.Devices(t.Context(), "alice"); err != nil || len(list) != 0 {
				t.Errorf("devices: %v, %v", list, err)
			}
			if told := g.told(); len(told) != 1 {
				t.Errorf("the user was told %v", told)
			}
		})
	}
	t.Run("I2 a Revoker that fails stops the change, and is no success after it", func(t *testing.T) {
		for fails := range 2 {
			calls := 0
			g := newRig(t, func(c *mfa.Config) {
				c.Revokers = auth.Revokers{revoker(func() error {
					if calls++; calls == 3+fails {
						return errDown
					}
					return nil
				})}
			})
			f := g.enable("alice") // two calls
			err := g.factors.Disable(t.Context(), g.member("alice"), mfa.Proof{Code: f.code()})
			if problem.From(err).Status != 503 {
				t.Errorf("call %d fails: %v, want a 503", fails, err)
			}
			st, err := g.factors.Status(t.Context(), "alice")
			g.must(err)
			if st.Enabled() != (fails == 0) {
				t.Errorf("call %d fails: enabled %v", fails, st.Enabled())
			}
		}
	})
	t.Run("M11 ten thousand wrong codes disable nothing", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		mine := g.member("alice", auth.FactorOTP)
		wrong, code := 0, f.wrong()
		for range testkit.Volume(10_000) {
			if errors.Is(g.factors.Disable(t.Context(), mine, mfa.Proof{Code: code}), mfa.ErrCode) {
				wrong++
			}
		}
		if wrong != 5 {
			t.Errorf("%d codes were compared, want 5", wrong)
		}
		if err := g.factors.Disable(t.Context(), mine, mfa.Proof{Code: f.code()}); problem.From(err).Status != 429 {
			t.Errorf("the right code: %v, want a 429", err)
		}
	})
	t.Run("MFA-08 a fresh session alone disables nothing", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		mine := g.member("alice", auth.FactorOTP)
		for _, proof := range []mfa.Proof{{}, {Code: f.code(), RecoveryCode: f.codes[0]}} {
			if err := g.factors.Disable(t.Context(), mine, proof); problem.From(err).Status != 400 {
				t.Errorf("%v", err)
			}
		}
		g.must(g.factors.Disable(t.Context(), mine, mfa.Proof{RecoveryCode: f.codes[0]}))
		if err := g.factors.Disable(t.Context(), mine, mfa.Proof{RecoveryCode: f.codes[1]}); !errors.Is(err, mfa.ErrNotEnrolled) {
			t.Errorf("again: %v", err)
		}
	})
	t.Run("Remove takes all", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		b := g.browser
		g.signIn(b, f)
		g.told()
		for range 2 {
			g.must(g.factors.Remove(t.Context(), "alice"))
		}
		g.want(b.Fetch("GET", "/private", nil), 401)
		g.want(b.PostJSON("/login?user=alice", "{}"), 204)
		if _, err := g.factors.Recover(t.Context(), "alice", f.codes[0]); !errors.Is(err, mfa.ErrCode) {
			t.Errorf("a recovery code: %v", err)
		}
	})
}

func revoker(f func() error) auth.Revoker {
	return auth.RevokerFunc(func(context.Context, string, string) error { return f() })
}

func TestURI(t *testing.T) {
	for _, account := range []string{
		"alice@example.com", "a:b?secret=AAAA&issuer=x", "a%3Ab", "a b+c", "ünï/cödé#x", "\"'<>\\", "/../..", "&digits=1&algorithm=MD5&period=1", strings.Repeat("é", 127),
	} {
		t.Run("MFA-11 M14 "+account, func(t *testing.T) {
			g := newRig(t, func(c *mfa.Config) { c.Issuer = "Ex & ample?" })
			p := g.member("alice")
			p.Attributes["email"] = account
			e, err := g.factors.Enrol(t.Context(), p)
			g.must(err)
			u, err := url.Parse(e.URL)
			g.must(err)
			q, err := url.ParseQuery(u.RawQuery)
			g.must(err)
			want := url.Values{"secret": {e.Secret}, "issuer": {"Ex & ample?"}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
			if u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Ex & ample?:"+account || q.Encode() != want.Encode() || u.Fragment != "" {
				t.Errorf("%s parses to %q %v", e.URL, u.Path, q)
			}
			if strings.ContainsAny(e.URL, "+ ") || strings.Count(e.URL, ":") != 2 {
				t.Errorf("%s has characters that apps read differently", e.URL)
			}
			key, err := otp.NewKeyFromURL(e.URL)
			g.must(err)
			if key.Secret() != e.Secret || key.Issuer() != "Ex & ample?" || key.AccountName() != account {
				t.Errorf("an app reads %q %q %q", key.Secret(), key.Issuer(), key.AccountName())
			}
		})
	}
	t.Run("MFA-11 names that no app can show are refused", func(t *testing.T) {
		g := newRig(t, func(c *mfa.Config) { c.Account = func(p *auth.Principal) string { return p.Attributes["email"] } })
		for _, account := range []string{"", "a\nb", "\xff", strings.Repeat("x", 256)} {
			p := g.member("alice")
			p.Attributes["email"] = account
			if _, err := g.factors.Enrol(t.Context(), p); err == nil {
				t.Errorf("%q was taken", account)
			}
		}
	})
	t.Run("without an address an app shows the subject", func(t *testing.T) {
		g := newRig(t)
		p := g.member("alice")
		p.Attributes = nil
		e, err := g.factors.Enrol(t.Context(), p)
		g.must(err)
		if !strings.HasPrefix(e.URL, "otpauth://totp/Example:alice?") {
			t.Error(e.URL)
		}
	})
	t.Run("the QR code is an image", func(t *testing.T) {
		g := newRig(t)
		e, err := g.factors.Enrol(t.Context(), g.member("alice"))
		g.must(err)
		data, err := e.QR()
		g.must(err)
		b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(data, "data:image/png;base64,"))
		g.must(err)
		img, err := png.Decode(bytes.NewReader(b))
		g.must(err)
		if img.Bounds().Dx() != 256 || img.Bounds().Dy() != 256 {
			t.Errorf("%v", img.Bounds())
		}
		if b, err = e.PNG(1024); err != nil || len(b) == 0 {
			t.Error(err)
		}
		for _, size := range []int{0, -1, 127, 2049} {
			if _, err := e.PNG(size); err == nil {
				t.Errorf("%d pixels", size)
			}
		}
	})
}
