package mfa_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

func TestVerify(t *testing.T) {
	verify := func(t *testing.T, g *rig, code string, want error) {
		t.Helper()
		if err := g.factors.Verify(t.Context(), "alice", code); !errors.Is(err, want) {
			t.Errorf("Verify: %v, want %v", err, want)
		}
	}
	t.Run("MFA-03 M01 a code is accepted once", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		verify(t, g, f.code(), nil)
		verify(t, g, f.code(), mfa.ErrCode)
	})
	t.Run("MFA-03 M02 the code before it is not accepted after it", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		verify(t, g, f.code(), nil)
		verify(t, g, f.code(-30*time.Second), mfa.ErrCode)
		verify(t, g, f.code(30*time.Second), nil)
	})
	t.Run("MFA-03 M03 nor the current one after the next", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		verify(t, g, f.code(30*time.Second), nil)
		verify(t, g, f.code(), mfa.ErrCode)
		g.clock.Advance(30 * time.Second)
		verify(t, g, f.code(), mfa.ErrCode)
		g.clock.Advance(30 * time.Second)
		verify(t, g, f.code(), nil)
	})
	t.Run("MFA-04 M04 the window is one step either side", func(t *testing.T) {
		for offset := -3; offset <= 3; offset++ {
			g := newRig(t)
			f := g.enable("alice")
			g.clock.Advance(10 * time.Minute)
			want := mfa.ErrCode
			if offset >= -1 && offset <= 1 {
				want = nil
			}
			verify(t, g, f.code(time.Duration(offset)*30*time.Second), want)
		}
	})
	t.Run("M13 F17 a clock that goes back replays nothing", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		now := g.clock.Now()
		seen := f.code()
		verify(t, g, seen, nil)
		g.clock.Set(now.Add(-5 * time.Minute))
		verify(t, g, f.code(), mfa.ErrCode)
		verify(t, g, seen, mfa.ErrCode)
		g.clock.Set(now)
		verify(t, g, seen, mfa.ErrCode)
		g.clock.Set(now.Add(time.Minute))
		verify(t, g, f.code(), nil)
	})
	t.Run("no factor", func(t *testing.T) {
		g := newRig(t)
		verify(t, g, "123456", mfa.ErrNotEnrolled)
		for _, subject := range []string{"", strings.Repeat("x", 256)} {
			if err := g.factors.Verify(t.Context(), subject, "123456"); err == nil {
				t.Errorf("subject %q is taken", subject)
			}
		}
	})
	t.Run("8 digits and SHA256, and factors keep theirs", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		other, err := mfa.New(g.store, mfa.Config{Issuer: "Example", Key: sealKey, Digits: 8, Algorithm: mfa.SHA256, Now: g.clock.Now})
		g.must(err)
		g.must(other.Verify(t.Context(), "alice", f.code()))
		e, err := other.Enrol(t.Context(), g.member("bob"))
		g.must(err)
		if !strings.Contains(e.URL, "&algorithm=SHA256&digits=8&") {
			t.Error(e.URL)
		}
	})
	t.Run("MFA-03 M01 another process accepts the code between the look-up and the step", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		code := f.code()
		other, err := mfa.New(g.store.Store, mfa.Config{Issuer: "Example", Key: sealKey, Now: g.clock.Now})
		g.must(err)
		g.store.set(func(method string) error {
			if method == "Advance" {
				return other.Verify(t.Context(), "alice", code)
			}
			return nil
		}, nil)
		verify(t, g, code, mfa.ErrCode)
	})
	t.Run("MFA-03 M01 F18 of 200 submissions through two processes with skewed clocks, one succeeds", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		code := f.code()
		wide, err := throttle.NewMemoryStore(throttle.MemoryConfig{})
		g.must(err)
		var managers []*mfa.Manager
		for _, skew := range []time.Duration{0, 25 * time.Second} {
			m, err := mfa.New(g.store, mfa.Config{Issuer: "Example", Key: sealKey, Throttle: wide, Now: func() time.Time { return g.clock.Now().Add(skew) }})
			g.must(err)
			managers = append(managers, m)
		}
		var mu sync.Mutex
		won, other := 0, 0
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				err := managers[i%2].Verify(t.Context(), "alice", code)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case !errors.Is(err, mfa.ErrCode) && !errors.Is(err, throttle.ErrLocked):
					other++
				}
			})
		}
		wg.Wait()
		if won != 1 || other != 0 {
			t.Errorf("%d succeeded, %d had another error", won, other)
		}
	})
}

func TestBudgetIsShared(t *testing.T) {
	t.Run("MFA-05 M05 six guesses over a hundred logins are five", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		compared, locked := 0, 0
		for range 100 {
			b := g.browser.Another(t)
			g.want(b.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
			for range 6 {
				res := b.PostJSON("/mfa/challenge", object{"code": f.wrong()})
				switch res.StatusCode {
				case 401:
					compared++
				case 429:
					locked++
					if res.Header.Get("Retry-After") == "" {
						t.Fatal("RLT-08 no Retry-After")
					}
				}
				if locked > 20 {
					break
				}
			}
			if locked > 20 {
				break
			}
		}
		if compared != 5 {
			t.Errorf("%d guesses were compared, want 5", compared)
		}
		g.clock.Advance(15 * time.Minute)
		g.signIn(g.browser, f)
	})
	// Each way of guessing takes from the same budget.
	ways := map[string]func(g *rig, f *phone) error{
		"Verify": func(g *rig, f *phone) error { return g.factors.Verify(g.t.Context(), "alice", f.wrong()) },
		"Recover": func(g *rig, _ *phone) error {
			_, err := g.factors.Recover(g.t.Context(), "alice", "0000-0000-0000-0000")
			return err
		},
		"Recover junk": func(g *rig, _ *phone) error { _, err := g.factors.Recover(g.t.Context(), "alice", "!"); return err },
		"Disable": func(g *rig, f *phone) error {
			return g.factors.Disable(g.t.Context(), g.member("alice"), mfa.Proof{Code: f.wrong()})
		},
		"IssueCodes": func(g *rig, f *phone) error {
			_, err := g.factors.IssueCodes(g.t.Context(), g.member("alice"), mfa.Proof{Code: f.wrong()})
			return err
		},
		"Confirm": func(g *rig, f *phone) error {
			mine := g.member("alice", auth.FactorOTP)
			e, err := g.factors.Enrol(g.t.Context(), mine)
			g.must(err)
			_, err = g.factors.Confirm(g.t.Context(), mine, (&phone{g: g, secret: e.Secret}).wrong())
			return err
		},
		"challenge": func(g *rig, f *phone) error {
			b := g.browser.Another(g.t)
			g.want(b.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
			return fromStatus(b.PostJSON("/mfa/challenge", object{"code": f.wrong()}).StatusCode)
		},
		"challenge with a recovery code": func(g *rig, _ *phone) error {
			b := g.browser.Another(g.t)
			g.want(b.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
			return fromStatus(b.PostJSON("/mfa/challenge", object{"recovery_code": "0000-0000-0000-0000"}).StatusCode)
		},
	}
	for name, way := range ways {
		t.Run("MFA-05 MFA-10 RLT-09 "+name, func(t *testing.T) {
			g := newRig(t)
			f := g.enable("alice")
			for i := range 5 {
				if err := way(g, f); !errors.Is(err, mfa.ErrCode) {
					t.Fatalf("attempt %d: %v, want ErrCode", i+1, err)
				}
			}
			for other, way := range ways {
				if err := way(g, f); !errors.Is(err, throttle.ErrLocked) {
					t.Errorf("then %s: %v, want ErrLocked", other, err)
				}
			}
			if _, err := g.factors.Recover(t.Context(), "alice", f.codes[0]); !errors.Is(err, throttle.ErrLocked) {
				t.Errorf("the right recovery code: %v, want ErrLocked", err)
			}
			if err := g.factors.Verify(t.Context(), "alice", f.code()); !errors.Is(err, throttle.ErrLocked) {
				t.Errorf("the right code: %v, want ErrLocked", err)
			}
			g.must(g.factors.Unlock(t.Context(), "alice"))
			g.must(g.factors.Verify(t.Context(), "alice", f.code()))
		})
	}
	t.Run("MFA-05 step-up", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.signIn(g.browser, f)
		for range 5 {
			g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.wrong()}), 401, problem.MFACodeInvalid)
		}
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.wrong()}), 429)
		if err := g.factors.Verify(t.Context(), "alice", f.code()); !errors.Is(err, throttle.ErrLocked) {
			t.Errorf("%v", err)
		}
	})
}

func fromStatus(status int) error {
	switch status {
	case 401:
		return mfa.ErrCode
	case 429:
		return throttle.ErrLocked
	}
	return fmt.Errorf("status %d", status)
}

func TestKeyRotation(t *testing.T) {
	second := bytes.Repeat([]byte{7}, 32)
	manager := func(g *rig, key []byte, old ...[]byte) *mfa.Manager {
		m, err := mfa.New(g.store, mfa.Config{Issuer: "Example", Key: key, OldKeys: old, Now: g.clock.Now})
		g.must(err)
		return m
	}
	t.Run("MFA-01 a new key opens what the old one has sealed, and Verify seals it again", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.must(manager(g, second, sealKey).Verify(t.Context(), "alice", f.code()))
		g.clock.Advance(time.Minute)
		g.must(manager(g, second).Verify(t.Context(), "alice", f.code()))
		g.clock.Advance(time.Minute)
		if err := g.factors.Verify(t.Context(), "alice", f.code()); problem.From(err).Status != 500 {
			t.Errorf("with the old key alone: %v, want a 500", err)
		}
	})
	t.Run("MFA-01 Reseal does so for somebody who does not come", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		m := manager(g, second, sealKey)
		for i, want := range []bool{true, false} {
			if done, err := m.Reseal(t.Context(), "alice"); done != want || err != nil {
				t.Errorf("call %d: %v, %v", i, done, err)
			}
		}
		if done, err := m.Reseal(t.Context(), "nobody"); done || err != nil {
			t.Errorf("nobody: %v, %v", done, err)
		}
		g.must(manager(g, second).Verify(t.Context(), "alice", f.code()))
	})
	t.Run("a failure to seal again refuses nobody", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.store.failing("Reseal")
		g.must(manager(g, second, sealKey).Verify(t.Context(), "alice", f.code()))
	})
}

func TestRecover(t *testing.T) {
	t.Run("MFA-09 ten codes of 80 bits, as digests", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		seen := map[string]bool{}
		for _, code := range f.codes {
			if len(code) != 19 || strings.Trim(code, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-") != "" || seen[code] {
				t.Errorf("code %q", code)
			}
			seen[code] = true
		}
		if len(seen) != 10 {
			t.Errorf("%d codes", len(seen))
		}
	})
	t.Run("MFA-09 M10 once, in whatever form it is typed, and the user is told", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.enable("bob")
		g.told()
		plain := strings.ReplaceAll(f.codes[1], "-", "")
		for i, typed := range []string{f.codes[0], plain, strings.ToLower(f.codes[2]), " " + strings.ReplaceAll(f.codes[3], "-", " ") + " ", strings.NewReplacer("0", "o", "1", "l").Replace(f.codes[4]), strings.NewReplacer("0", "O", "1", "I").Replace(f.codes[5])} {
			left, err := g.factors.Recover(t.Context(), "alice", typed)
			if err != nil || left != 9-i {
				t.Errorf("%q: %d left, %v", typed, left, err)
			}
			if _, err := g.factors.Recover(t.Context(), "alice", f.codes[i]); !errors.Is(err, mfa.ErrCode) {
				t.Errorf("%q again: %v", typed, err)
			}
			if told := g.told(); len(told) != 1 || told[0] != mfa.EventCodeUsed {
				t.Errorf("told %v", told)
			}
		}
		for _, typed := range []string{"", plain + "0", plain[1:], plain + "\n", "U" + plain[1:], plain[:15] + "é", strings.Repeat("-", 100)} {
			g.must(g.factors.Unlock(t.Context(), "alice"))
			if _, err := g.factors.Recover(t.Context(), "alice", typed); !errors.Is(err, mfa.ErrCode) {
				t.Errorf("%q: %v", typed, err)
			}
		}
		if _, err := g.factors.Recover(t.Context(), "bob", f.codes[6]); !errors.Is(err, mfa.ErrCode) {
			t.Errorf("of another user: %v", err)
		}
	})
	t.Run("MFA-09 M10 new codes void the old ones", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		codes, err := g.factors.IssueCodes(t.Context(), g.member("alice"), mfa.Proof{Code: f.code()})
		g.must(err)
		if _, err := g.factors.Recover(t.Context(), "alice", f.codes[0]); !errors.Is(err, mfa.ErrCode) {
			t.Errorf("an old code: %v", err)
		}
		left, err := g.factors.Recover(t.Context(), "alice", codes[0])
		if err != nil || left != 9 {
			t.Errorf("%d, %v", left, err)
		}
	})
	t.Run("MFA-08 new codes want a proof or a fresh factor", func(t *testing.T) {
		g := newRig(t)
		g.enable("alice")
		if _, err := g.factors.IssueCodes(t.Context(), g.member("alice"), mfa.Proof{}); !errors.Is(err, auth.ErrStepUp) {
			t.Errorf("with a fresh password: %v", err)
		}
		if _, err := g.factors.IssueCodes(t.Context(), g.member("alice", auth.FactorOTP), mfa.Proof{}); err != nil {
			t.Errorf("with a fresh factor: %v", err)
		}
		if _, err := g.factors.IssueCodes(t.Context(), g.member("bob", auth.FactorOTP), mfa.Proof{}); !errors.Is(err, mfa.ErrNotEnrolled) {
			t.Errorf("without a factor: %v", err)
		}
	})
	t.Run("MFA-09 a sign-in with the last code", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		for i, code := range f.codes {
			g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
			g.want(g.browser.PostJSON("/mfa/challenge", object{"recovery_code": code}), 204)
			g.want(g.browser.PostJSON("/sensitive", "{}"), 204)
			if i == 9 {
				g.want(g.browser.PostJSON("/mfa/enable", "{}"), 200)
			}
		}
		res := g.want(g.browser.Another(t).PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
		if got := fmt.Sprint(res.Problem().Extensions["factors"]); got != "[otp]" {
			t.Errorf("factors %s", got)
		}
	})
}
