package mfa_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/problem"
)

// A scene is one flow in which a fault may strike: prepared in peace, and then one
// request whose answer is its status.
type scene struct {
	name    string
	prepare func(g *rig) func() *authtest.Response
	done    int // the status of a success
}

var scenes = []scene{
	{"login", func(g *rig) func() *authtest.Response {
		g.enable("alice")
		return func() *authtest.Response { return g.browser.PostJSON("/login?user=alice", "{}") }
	}, 401},
	{"challenge", func(g *rig) func() *authtest.Response {
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		return func() *authtest.Response {
			return g.browser.PostJSON("/mfa/challenge", object{"code": f.code(), "trust_device": true})
		}
	}, 204},
	{"challenge by a recovery code", func(g *rig) func() *authtest.Response {
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		return func() *authtest.Response {
			return g.browser.PostJSON("/mfa/challenge", object{"recovery_code": f.codes[0]})
		}
	}, 204},
	{"step-up", func(g *rig) func() *authtest.Response {
		f := g.enable("alice")
		g.signIn(g.browser, f)
		g.clock.Advance(time.Minute)
		return func() *authtest.Response { return g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}) }
	}, 204},
	{"enable", func(g *rig) func() *authtest.Response {
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
		return func() *authtest.Response { return g.browser.PostJSON("/mfa/enable", "{}") }
	}, 200},
	{"verify", func(g *rig) func() *authtest.Response {
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 204)
		var out struct{ Secret string }
		g.want(g.browser.PostJSON("/mfa/enable", "{}"), 200).JSON(&out)
		g.secret = out.Secret
		return func() *authtest.Response {
			return g.browser.PostJSON("/mfa/verify", object{"code": (&phone{g: g, secret: out.Secret}).code()})
		}
	}, 200},
	{"disable", func(g *rig) func() *authtest.Response {
		f := g.enable("alice")
		g.signIn(g.browser, f)
		g.clock.Advance(time.Minute)
		return func() *authtest.Response { return g.browser.PostJSON("/mfa/disable", object{"code": f.code()}) }
	}, 204},
	{"recovery codes", func(g *rig) func() *authtest.Response {
		f := g.enable("alice")
		g.signIn(g.browser, f)
		g.clock.Advance(time.Minute)
		return func() *authtest.Response { return g.browser.PostJSON("/mfa/recovery-codes", object{"code": f.code()}) }
	}, 200},
}

// trusting lets the challenge have a device trusted, so that all calls occur.
func trusting(c *mfa.Config) { c.TrustDevices = time.Hour }

// each runs a scene once for each of its calls of the store, and is told which one
// it is. It says which calls there are.
func (sc scene) each(t *testing.T, strike func(t *testing.T, g *rig, act func() *authtest.Response, k int, call string)) {
	probe := newRig(t, trusting)
	act := sc.prepare(probe)
	probe.store.set(nil, nil)
	probe.want(act(), sc.done)
	calls := append([]string(nil), probe.store.calls...)
	if len(calls) == 0 {
		t.Fatal("the scene has no calls")
	}
	for k, call := range calls {
		t.Run(fmt.Sprintf("%s at call %d, %s", sc.name, k+1, call), func(t *testing.T) {
			g := newRig(t, trusting)
			strike(t, g, sc.prepare(g), k, call)
		})
	}
}

// at returns a hook that does f at the k-th call, and after that what later says.
func at(k int, f, later func() error) func(string) error {
	n := 0
	return func(string) error {
		n++
		switch {
		case n-1 == k:
			return f()
		case n-1 > k && later != nil:
			return later()
		}
		return nil
	}
}

func down() error { return errDown }

// whole holds a service to it that alice can get in, by a factor if she has one,
// and that nothing of hers is spent and valid.
func (g *rig) whole() {
	g.t.Helper()
	g.store.set(nil, nil)
	g.must(g.factors.Unlock(g.t.Context(), "alice"))
	g.clock.Advance(2 * time.Minute)
	st, err := g.store.Find(g.t.Context(), "alice")
	g.must(err)
	b := g.browser.Another(g.t)
	switch st.TOTP.ID {
	case "":
		if st.Codes != 0 {
			g.t.Errorf("there is no factor, and there are %d codes", st.Codes)
		}
		g.want(b.PostJSON("/login?user=alice", "{}"), 204)
	default:
		if st.CodesLeft < 9 {
			g.t.Errorf("%d codes are left", st.CodesLeft)
		}
		g.want(b.PostJSON("/login?user=alice", "{}"), 401, problem.MFARequired)
		f := phone{g: g, secret: g.secret}
		g.want(b.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
	}
}

func TestFaults(t *testing.T) {
	for _, sc := range scenes {
		t.Run("F13 I1 I8 the store is down from", func(t *testing.T) {
			sc.each(t, func(t *testing.T, g *rig, act func() *authtest.Response, k int, _ string) {
				g.store.set(at(k, down, down), nil)
				res := g.want(act(), 503)
				// Who enrols has a session before, and it is renewed once the factor is there.
				if c := res.Cookie("__Host-session"); c != nil && c.MaxAge >= 0 && sc.name != "verify" {
					t.Errorf("a session: %v", c)
				}
				g.whole()
			})
		})
		t.Run("F14 the process is killed after", func(t *testing.T) {
			sc.each(t, func(t *testing.T, g *rig, act func() *authtest.Response, k int, _ string) {
				// What the store has been asked for happens; nothing that follows does,
				// nor does anybody get an answer.
				g.store.set(at(k, func() error { return nil }, down), at(k, down, nil))
				if res := act(); res.StatusCode/100 == 2 {
					t.Errorf("%d", res.StatusCode)
				}
				g.whole()
			})
		})
		t.Run("F03 each write is sent twice", func(t *testing.T) {
			g := newRig(t, trusting)
			act := sc.prepare(g)
			g.store.Store = resending{g.store.Store}
			g.want(act(), sc.done)
			g.whole()
		})
		t.Run("F16 a panic at", func(t *testing.T) {
			sc.each(t, func(t *testing.T, g *rig, act func() *authtest.Response, k int, _ string) {
				g.store.set(at(k, func() error { panic("the store") }, nil), nil)
				g.want(act(), 500)
				g.whole()
			})
		})
	}
}

// A resending store does each write twice and returns the second answer, as a
// client does that has lost the first.
type resending struct{ mfa.Store }

func twice(f func() error) error {
	if err := f(); err != nil {
		return err
	}
	return f()
}

func (s resending) Begin(ctx context.Context, subject string, p mfa.PendingTOTP, ttl time.Duration) error {
	return twice(func() error { return s.Store.Begin(ctx, subject, p, ttl) })
}

func (s resending) Activate(ctx context.Context, subject string, f mfa.TOTP, codes []mfa.CodeHash) error {
	return twice(func() error { return s.Store.Activate(ctx, subject, f, codes) })
}

func (s resending) Advance(ctx context.Context, subject, id string, n uint64, call mfa.CallID) (ok bool, err error) {
	err = twice(func() error { ok, err = s.Store.Advance(ctx, subject, id, n, call); return err })
	return ok, err
}

func (s resending) Deactivate(ctx context.Context, subject, id string, codes bool) error {
	return twice(func() error { return s.Store.Deactivate(ctx, subject, id, codes) })
}

func (s resending) ReplaceCodes(ctx context.Context, subject string, codes []mfa.CodeHash) error {
	return twice(func() error { return s.Store.ReplaceCodes(ctx, subject, codes) })
}

func (s resending) ConsumeCode(ctx context.Context, subject string, code mfa.CodeHash, call mfa.CallID) (used bool, left int, err error) {
	err = twice(func() error { used, left, err = s.Store.ConsumeCode(ctx, subject, code, call); return err })
	return used, left, err
}

func (s resending) OpenChallenge(ctx context.Context, c mfa.Challenge, ttl time.Duration, limit int) error {
	return twice(func() error { return s.Store.OpenChallenge(ctx, c, ttl, limit) })
}

func (s resending) TryChallenge(ctx context.Context, id mfa.ChallengeID, limit int) (c mfa.Challenge, err error) {
	err = twice(func() error { c, err = s.Store.TryChallenge(ctx, id, limit); return err })
	return c, err
}

func (s resending) ClaimChallenge(ctx context.Context, id mfa.ChallengeID, call mfa.CallID) error {
	return twice(func() error { return s.Store.ClaimChallenge(ctx, id, call) })
}

func (s resending) AddDevice(ctx context.Context, subject string, d mfa.Device, ttl time.Duration, limit int) error {
	return twice(func() error { return s.Store.AddDevice(ctx, subject, d, ttl, limit) })
}

// TestClientGone is F15 for each method: what has begun to be written is finished.
func TestClientGone(t *testing.T) {
	for _, method := range []string{"Advance", "ConsumeCode", "Activate", "Deactivate", "ReplaceCodes", "DropDevices", "EndChallenges", "ClaimChallenge", "Remove"} {
		t.Run("F15 "+method+" is finished when the client has gone", func(t *testing.T) {
			g := newRig(t)
			f := g.enable("alice")
			mine := g.member("alice", auth.FactorOTP)
			e, err := g.factors.Enrol(t.Context(), mine)
			g.must(err)
			next := &phone{g: g, secret: e.Secret}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reached := false
			g.store.set(func(m string) error {
				if m == method {
					cancel()
					reached = true
				}
				return nil
			}, nil)
			switch method {
			case "Advance":
				err = g.factors.Verify(ctx, "alice", f.code())
			case "ConsumeCode":
				_, err = g.factors.Recover(ctx, "alice", f.codes[0])
			case "Activate", "DropDevices":
				_, err = g.factors.Confirm(ctx, mine, next.code())
			case "Deactivate":
				err = g.factors.Disable(ctx, mine, mfa.Proof{Code: f.code()})
			case "ReplaceCodes", "EndChallenges":
				_, err = g.factors.IssueCodes(ctx, mine, mfa.Proof{Code: f.code()})
			case "Remove":
				err = g.factors.Remove(ctx, "alice")
			case "ClaimChallenge":
				g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
				g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
			}
			if err != nil || !reached {
				t.Errorf("%v, reached %v", err, reached)
			}
		})
	}
}

func TestHooks(t *testing.T) {
	t.Run("F16 XCT-04 hooks that panic change nothing", func(t *testing.T) {
		g := newRig(t, func(c *mfa.Config) {
			c.OnEvent = func(context.Context, auth.Event) { panic("event") }
			c.Notify = func(context.Context, mfa.Notice) { panic("notice") }
		})
		f := g.enable("alice")
		g.signIn(g.browser, f)
		if _, err := g.factors.Recover(t.Context(), "alice", f.codes[0]); err != nil {
			t.Error(err)
		}
	})
	t.Run("F16 XCT-04 a notice that could not be given is told of", func(t *testing.T) {
		g := newRig(t, func(c *mfa.Config) { c.Notify = func(context.Context, mfa.Notice) { panic("notice") } })
		g.enable("alice")
		if n := g.happened(mfa.EventFault); n != 1 {
			t.Errorf("%d faults", n)
		}
	})
	t.Run("MFA-09 F15 the user is told of a recovery code whose thief goes early", func(t *testing.T) {
		var gone error
		g := newRig(t, func(c *mfa.Config) {
			c.Notify = func(ctx context.Context, n mfa.Notice) {
				if n.Kind == mfa.EventCodeUsed {
					gone = ctx.Err()
				}
			}
		})
		f := g.enable("alice")
		ctx, cancel := context.WithCancel(t.Context())
		g.store.set(nil, func(m string) error {
			if m == "ConsumeCode" {
				cancel()
			}
			return nil
		})
		if _, err := g.factors.Recover(ctx, "alice", f.codes[0]); err != nil || gone != nil {
			t.Errorf("%v; the notice: %v", err, gone)
		}
	})
	t.Run("F16 a panic of a Revoker is a 500 and nothing has changed", func(t *testing.T) {
		armed := false
		g := newRig(t, func(c *mfa.Config) {
			c.Revokers = append(c.Revokers, revoker(func() error {
				if armed {
					panic("revoker")
				}
				return nil
			}))
		})
		f := g.enable("alice")
		g.signIn(g.browser, f)
		g.clock.Advance(time.Minute)
		armed = true
		g.want(g.browser.PostJSON("/mfa/disable", object{"code": f.code()}), 500)
		armed = false
		g.whole()
	})
	t.Run("XCT-04 events name who, what and where", func(t *testing.T) {
		g := newRig(t)
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.wrong()}), 401)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
		for _, kind := range []auth.EventKind{mfa.EventEnrolling, mfa.EventEnabled, mfa.EventChallenged, mfa.EventFailed, mfa.EventVerified} {
			if g.happened(kind) == 0 {
				t.Errorf("no %s", kind)
			}
		}
		for _, e := range g.events {
			if e.Subject != "alice" || e.Time.IsZero() || e.Kind == mfa.EventFailed && (e.Err == nil || !e.Address.IsLoopback() || e.Resource != auth.FactorOTP) {
				t.Errorf("%+v", e)
			}
		}
	})
}

func TestClocks(t *testing.T) {
	t.Run("F17 what has expired does not come back with the clock", func(t *testing.T) {
		g := newRig(t, trusting)
		f := g.enable("alice")
		start := g.clock.Now()
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		c := g.browser.Cookie(challengeCookie)
		_, err := g.factors.Enrol(t.Context(), g.member("bob"))
		g.must(err)
		g.clock.Advance(time.Hour)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}, "Cookie", challengeCookie+"="+c.Value), 401, problem.MFAChallengeInvalid)
		if _, err := g.store.Pending(t.Context(), "bob"); !errors.Is(err, mfa.ErrNoPending) {
			t.Error(err)
		}
		g.clock.Set(start)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}, "Cookie", challengeCookie+"="+c.Value), 401, problem.MFAChallengeInvalid)
		if _, err := g.store.Pending(t.Context(), "bob"); !errors.Is(err, mfa.ErrNoPending) {
			t.Error(err)
		}
	})
	t.Run("F17 a store whose clock stands still does not prolong a challenge", func(t *testing.T) {
		g := newRig(t)
		memory, err := mfa.NewMemoryStore(mfa.MemoryConfig{Now: func() time.Time { return time.Unix(1_700_000_000, 0) }})
		g.must(err)
		g.store.Store = memory
		f := g.enable("alice")
		g.want(g.browser.PostJSON("/login?user=alice", "{}"), 401)
		c := g.browser.Cookie(challengeCookie)
		g.clock.Advance(5 * time.Minute)
		g.want(g.browser.PostJSON("/mfa/challenge", object{"code": f.code()}, "Cookie", challengeCookie+"="+c.Value), 401, problem.MFAChallengeInvalid)
	})
}
