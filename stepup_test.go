package auth_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
)

func TestStepUp(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	at := func(d time.Duration) time.Time { return now.Add(d) }
	otp := func(d time.Duration) []auth.Factor {
		return []auth.Factor{{Kind: auth.FactorPassword, At: now}, {Kind: auth.FactorOTP, At: at(d)}}
	}

	for _, tc := range []struct {
		name string
		s    auth.StepUp
		p    auth.Principal
		ok   bool
	}{
		{"just signed in", auth.StepUp{MaxAge: time.Minute}, auth.Principal{AuthenticatedAt: now}, true},
		{"at the edge", auth.StepUp{MaxAge: time.Minute}, auth.Principal{AuthenticatedAt: at(-time.Minute)}, true},
		{"beyond the edge", auth.StepUp{MaxAge: time.Minute}, auth.Principal{AuthenticatedAt: at(-time.Minute - 1)}, false},
		{"never signed in (KEY-12: an API key)", auth.StepUp{MaxAge: time.Minute}, auth.Principal{Method: auth.MethodAPIKey}, false},
		{"never signed in, any age will do", auth.StepUp{MaxAge: 1 << 62}, auth.Principal{}, false},
		{"another machine's clock", auth.StepUp{MaxAge: time.Minute}, auth.Principal{AuthenticatedAt: at(time.Minute)}, true},
		{"a time in the future is not fresh for ever", auth.StepUp{MaxAge: time.Minute}, auth.Principal{AuthenticatedAt: at(time.Minute + 1)}, false},
		{"the zero StepUp", auth.StepUp{}, auth.Principal{AuthenticatedAt: now}, false},
		{"a negative age", auth.StepUp{MaxAge: -time.Hour}, auth.Principal{AuthenticatedAt: now}, false},
		{"the factor, fresh", auth.StepUp{MaxAge: time.Minute, Factors: []string{auth.FactorOTP}}, auth.Principal{Factors: otp(0)}, true},
		{"the factor, old", auth.StepUp{MaxAge: time.Minute, Factors: []string{auth.FactorOTP}}, auth.Principal{AuthenticatedAt: now, Factors: otp(-time.Hour)}, false},
		{"another factor", auth.StepUp{MaxAge: time.Minute, Factors: []string{auth.FactorHardware}}, auth.Principal{AuthenticatedAt: now, Factors: otp(0)}, false},
		{"one of two factors", auth.StepUp{MaxAge: time.Minute, Factors: []string{auth.FactorHardware, auth.FactorOTP}}, auth.Principal{Factors: otp(0)}, true},
	} {
		t.Run("SES-18 "+tc.name, func(t *testing.T) {
			tc.s.Now = clock
			err := tc.s.Check(&tc.p)
			if (err == nil) != tc.ok {
				t.Errorf("got %v", err)
			}
			if err != nil && !errors.Is(err, auth.ErrStepUp) {
				t.Errorf("%v is no ErrStepUp", err)
			}
		})
	}

	t.Run("RBA-10 without a Gate in front it denies", func(t *testing.T) {
		w := do(auth.RequireFresh(time.Hour)(who), request("X-key", "good"))
		if w.Code != 401 || code(t, w) != "UNAUTHENTICATED" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})

	t.Run("SES-18 the answer is that of RFC 9470", func(t *testing.T) {
		h := auth.Chain(auth.Require(scheme{name: "key"}), auth.RequireFresh(5*time.Minute, auth.FactorOTP))(who)
		w := do(h, request("X-key", "good"))
		challenge := w.Header().Get("WWW-Authenticate")
		if w.Code != 401 || !strings.HasPrefix(challenge, `key error="insufficient_user_authentication", `) || !strings.HasSuffix(challenge, `, max_age="300"`) {
			t.Errorf("%d %q", w.Code, challenge)
		}
		var m map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if m["code"] != "STEP_UP_REQUIRED" || m["max_age"] != 300.0 || len(m["factors"].([]any)) != 1 {
			t.Errorf("%v", m)
		}
	})

	t.Run("a fresh caller passes", func(t *testing.T) {
		p := &auth.Principal{Subject: "u1", Method: "x", AuthenticatedAt: time.Now()}
		h := auth.Chain(
			auth.Require(auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) { return p, nil })),
			auth.RequireFresh(5*time.Minute))(who)
		if w := do(h, request()); w.Code != 200 || w.Body.String() != "x" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})

	t.Run("XCT-05 an age that is none panics at start-up", func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		auth.RequireFresh(0)
	})

	t.Run("the text for the log says what is wanted", func(t *testing.T) {
		for _, err := range []error{
			&auth.StepUpError{MaxAge: time.Minute}, &auth.StepUpError{MaxAge: time.Minute, Factors: []string{"otp"}}, &auth.ScopeError{Scope: "orders:read"},
		} {
			if s := err.Error(); !strings.Contains(s, "1m0s") && !strings.Contains(s, "orders:read") {
				t.Errorf("%s", s)
			}
		}
	})
}
