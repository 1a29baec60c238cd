package mfa_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
)

func TestNewRefuses(t *testing.T) {
	good := func() mfa.Config { return mfa.Config{Issuer: "Example", Key: sealKey} }
	if m, err := mfa.New(nil, good()); err != nil || m == nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(c *mfa.Config)
		want   string
	}{
		"no issuer":              {func(c *mfa.Config) { c.Issuer = "" }, "Issuer is missing"},
		"a colon in the issuer":  {func(c *mfa.Config) { c.Issuer = "Ex:ample" }, "without a colon"},
		"a long issuer":          {func(c *mfa.Config) { c.Issuer = strings.Repeat("x", 101) }, "at most 100 bytes"},
		"an issuer of two lines": {func(c *mfa.Config) { c.Issuer = "a\nb" }, "Issuer"},
		"no key":                 {func(c *mfa.Config) { c.Key = nil }, "Key seals secrets and must be 32 random bytes"},
		"a short key":            {func(c *mfa.Config) { c.Key = c.Key[:31] }, "must have 32 bytes"},
		"a zero key":             {func(c *mfa.Config) { c.Key = make([]byte, 32) }, "all zero"},
		"a key twice":            {func(c *mfa.Config) { c.OldKeys = [][]byte{sealKey} }, "the same as the current key"},
		"7 digits":               {func(c *mfa.Config) { c.Digits = 7 }, "use 6 or 8"},
		"an algorithm":           {func(c *mfa.Config) { c.Algorithm = 3 }, "use SHA1, SHA256 or SHA512"},
		"MFA-09 9 codes":         {func(c *mfa.Config) { c.RecoveryCodes = 9 }, "use 10 to 50"},
		"51 codes":               {func(c *mfa.Config) { c.RecoveryCodes = 51 }, "use 10 to 50"},
		"a long enrolment":       {func(c *mfa.Config) { c.EnrolmentTTL = 2 * time.Hour }, "EnrolmentTTL"},
		"MFA-06 a long wait":     {func(c *mfa.Config) { c.ChallengeTTL = 11 * time.Minute }, "ChallengeTTL"},
		"a negative wait":        {func(c *mfa.Config) { c.ChallengeTTL = -1 }, "ChallengeTTL"},
		"FreshFor":               {func(c *mfa.Config) { c.FreshFor = -1 }, "FreshFor"},
		"trust for a year":       {func(c *mfa.Config) { c.TrustDevices = 365 * 24 * time.Hour }, "TrustDevices"},
		"a page elsewhere":       {func(c *mfa.Config) { c.Pages.Challenge = "//evil.example" }, "the page Challenge"},
		"a page with a query":    {func(c *mfa.Config) { c.Pages.Account = "/a?b=c" }, "the page Account"},
		"a nil Revoker":          {func(c *mfa.Config) { c.Revokers = auth.Revokers{nil} }, "Revokers is nil"},
	} {
		t.Run("XCT-05 "+name, func(t *testing.T) {
			c := good()
			tt.change(&c)
			if m, err := mfa.New(nil, c); err == nil || m != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want one that says %q", err, tt.want)
			}
		})
	}
	t.Run("XCT-05 everything at once, without the key", func(t *testing.T) {
		_, err := mfa.New(nil, mfa.Config{Digits: 7, Key: bytes.Repeat([]byte("k"), 32)})
		if err == nil || !strings.Contains(err.Error(), "Issuer") || !strings.Contains(err.Error(), "Digits") || strings.Contains(err.Error(), "kkk") {
			t.Error(err)
		}
	})
	t.Run("XCT-05 a Split with a hole", func(t *testing.T) {
		full, err := mfa.NewMemoryStore(mfa.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []mfa.Split{{ChallengeStore: full, DeviceStore: full}, {FactorStore: full, DeviceStore: full}, {FactorStore: full, ChallengeStore: full}} {
			if m, err := mfa.New(s, good()); err == nil || m != nil || !strings.Contains(err.Error(), "Split") {
				t.Errorf("%+v: %v", s, err)
			}
		}
		if _, err := mfa.New(mfa.Split{FactorStore: full, ChallengeStore: full, DeviceStore: full}, good()); err != nil {
			t.Error(err)
		}
	})
	t.Run("XCT-05 a store of a negative size", func(t *testing.T) {
		for _, c := range []mfa.MemoryConfig{{MaxSubjects: -1}, {MaxShortLived: -1}} {
			if _, err := mfa.NewMemoryStore(c); err == nil {
				t.Error("was taken")
			}
		}
	})
}

func TestMemoryStoreIsBounded(t *testing.T) {
	t.Run("I5 a full store enables nobody else and forgets nobody", func(t *testing.T) {
		g := newRig(t)
		memory, err := mfa.NewMemoryStore(mfa.MemoryConfig{MaxSubjects: 1, Now: g.clock.Now})
		g.must(err)
		g.store.Store = memory
		f := g.enable("alice")
		e, err := g.factors.Enrol(t.Context(), g.member("bob"))
		g.must(err)
		if _, err := g.factors.Confirm(t.Context(), g.member("bob"), (&phone{g: g, secret: e.Secret}).code()); err == nil {
			t.Error("bob is enabled")
		}
		g.signIn(g.browser, f)
		g.must(g.factors.Remove(t.Context(), "alice"))
		if n, _, _, _ := memory.Len(); n != 0 {
			t.Errorf("%d subjects", n)
		}
		g.enable("bob")
	})
}
