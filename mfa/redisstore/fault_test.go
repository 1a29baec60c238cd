package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/redisstore"
)

func TestLostReplies(t *testing.T) {
	t.Parallel()
	s, proxy, _ := behindProxy(t, 5*time.Second)
	t.Run("F03 I3 I4 every command whose reply is lost is sent again and gets that reply", func(t *testing.T) {
		for _, c := range calls(t, s, "u-alice") {
			before := proxy.Faults()
			proxy.DropReply(1)
			if err := c.do(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if proxy.Faults() != before+1 {
				t.Errorf("%s: no reply was lost", c.name)
			}
			proxy.Pass()
		}
	})
	t.Run("F04 MFA-03 a connection that is cut after any byte accepts one code once", func(t *testing.T) {
		f, _ := enrol(t, s, "u-cut")
		step := f.Step
		for _, dir := range []faultproxy.Direction{faultproxy.Up, faultproxy.Down} {
			for n := range 40 {
				before := proxy.Faults()
				proxy.CutAfter(dir, n*5)
				step++
				if ok, err := s.Advance(t.Context(), "u-cut", f.ID, step, newCall()); err != nil || !ok {
					t.Fatalf("cut after %d: %v, %v", n*5, ok, err)
				}
				if proxy.Faults() == before {
					proxy.Pass()
				}
				if ok, err := s.Advance(t.Context(), "u-cut", f.ID, step, newCall()); err != nil || ok {
					t.Fatalf("cut after %d, another call: %v, %v", n*5, ok, err)
				}
			}
		}
	})
	t.Run("F04 MFA-09 M10 so is a recovery code, and a challenge", func(t *testing.T) {
		for n := range 20 {
			subject := fmt.Sprint("u-cut-", n)
			_, codes := enrol(t, s, subject)
			c := newChallenge(mfa.BucketOf(subject))
			must(t, s.OpenChallenge(t.Context(), c, long, 5))
			proxy.CutAfter(faultproxy.Up, n*10)
			used, left, err := s.ConsumeCode(t.Context(), subject, codes[0], newCall())
			if err != nil || !used || left != 2 {
				t.Fatalf("cut after %d: %v, %d left, %v", n*10, used, left, err)
			}
			proxy.CutAfter(faultproxy.Up, n*10)
			must(t, s.ClaimChallenge(t.Context(), c.ID, newCall()))
			proxy.Pass()
			if used, _, err := s.ConsumeCode(t.Context(), subject, codes[0], newCall()); err != nil || used {
				t.Fatalf("a code is used again: %v, %v", used, err)
			}
			if err := s.ClaimChallenge(t.Context(), c.ID, newCall()); !errors.Is(err, mfa.ErrNoChallenge) {
				t.Fatalf("a challenge is claimed again: %v", err)
			}
		}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("F02 F15 a stalled server costs no more than the timeout, or the deadline of the caller", func(t *testing.T) {
		s, proxy, _ := behindProxy(t, 300*time.Millisecond)
		f, _ := enrol(t, s, "u-alice")
		proxy.Stall()
		for _, limit := range []time.Duration{time.Hour, 100 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			start := time.Now()
			_, err := s.Advance(ctx, "u-alice", f.ID, f.Step+1, newCall())
			wantFailure(t, "Advance", err)
			_, err = s.Find(ctx, "u-alice")
			wantFailure(t, "MFA-12 Find", err)
			cancel()
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		}
	})
	t.Run("F01 MFA-12 M12 a server that is gone is a failure of every method", func(t *testing.T) {
		s, proxy, _ := behindProxy(t, 200*time.Millisecond)
		proxy.Refuse()
		for _, c := range calls(t, s, "u-alice") {
			err := c.do()
			if errors.Is(err, errAnswer) {
				t.Errorf("%s answers", c.name)
			}
			wantFailure(t, c.name, err)
		}
	})
	t.Run("F15 a client that goes away at any moment leaves a step done and told so, or not known", func(t *testing.T) {
		server := redistest.Start(t)
		s := newStore(t, server.Client(), redisstore.Config{Timeout: patience})
		f, _ := enrol(t, s, "u-alice")
		step, told := f.Step, 0
		for i := range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(time.Duration(i%50)*time.Microsecond, cancel)
			step++
			ok, err := s.Advance(ctx, "u-alice", f.ID, step, newCall())
			timer.Stop()
			cancel()
			st, findErr := s.Find(t.Context(), "u-alice")
			must(t, findErr)
			if ok && st.TOTP.Step != step || ok != (err == nil) {
				t.Fatalf("told %v, %v; the step is %d, want %d", ok, err, st.TOTP.Step, step)
			}
			if ok {
				told++
			}
		}
		t.Logf("%d of 200 were done", told)
	})
	t.Run("F11 what is no answer is a failure", func(t *testing.T) {
		server := redistest.Start(t)
		s, c := newStore(t, server.Client(), redisstore.Config{}), server.Client()
		f, codes := enrol(t, s, "u-alice")
		key := onlyKey(t, c, "factor:")
		good := c.HGetAll(t.Context(), key).Val()
		for field, bad := range map[string]string{"id": "", "step": "many", "confirmed": "once", "call": "short", "#": "", "#" + string(codes[0][:]): "x"} {
			must(t, c.HSet(t.Context(), key, field, bad).Err())
			_, err := s.Find(t.Context(), "u-alice")
			wantFailure(t, "I1 Find with a bad "+field[:1], err)
			must(t, c.Del(t.Context(), key).Err())
			must(t, c.HSet(t.Context(), key, good).Err())
		}
		for _, field := range []string{"id", "sealed", "step", "call", "confirmed"} {
			must(t, c.HDel(t.Context(), key, field).Err())
			_, err := s.Find(t.Context(), "u-alice")
			wantFailure(t, "I1 Find without "+field, err)
			must(t, c.HSet(t.Context(), key, good).Err())
		}
		for _, bad := range []string{"", "many", "7", "-1"} {
			must(t, c.HSet(t.Context(), key, "step", bad).Err())
			_, err := s.Advance(t.Context(), "u-alice", f.ID, 200, newCall())
			wantFailure(t, "I3 Advance from step "+bad, err)
		}
		must(t, c.Del(t.Context(), key).Err())
		must(t, c.Set(t.Context(), key, "a string", 0).Err())
		for _, call := range calls(t, s, "u-alice")[:9] {
			if call.name == "Begin" || call.name == "Pending" {
				continue // that key is a good one
			}
			wantFailure(t, "WRONGTYPE "+call.name, call.do())
		}
		_, f = begin(t, s, "u-bob")
		key = onlyKey(t, c, "enrolment:")
		must(t, c.HSet(t.Context(), key, "login", "short").Err())
		_, err := s.Pending(t.Context(), "u-bob")
		wantFailure(t, "Pending", err)
		must(t, c.Del(t.Context(), key).Err())
		if err := s.Activate(t.Context(), "u-bob", f, nil); !errors.Is(err, mfa.ErrNoPending) {
			t.Errorf("Activate: %v", err)
		}
	})
	t.Run("F11 a challenge or a device that cannot be read is none", func(t *testing.T) {
		server := redistest.Start(t)
		s, direct, ctx := newStore(t, server.Client(), redisstore.Config{}), server.Client(), t.Context()
		c, d := newChallenge(mfa.BucketOf("u-alice")), newDevice()
		must(t, s.OpenChallenge(ctx, c, long, 5))
		must(t, s.AddDevice(ctx, "u-alice", d, long, 5))
		for _, prefix := range []string{"challenges:", "devices:"} {
			key := onlyKey(t, direct, prefix)
			field := direct.HKeys(ctx, key).Val()[0]
			value := direct.HGet(ctx, key, field).Val()
			for _, bad := range []string{"", "x", value[:15], value[:47], value[:63], value[:64], "sixteen letters!" + value[16:], value[:64] + "sixteen letters!", strings.Repeat("\xff", 300)} {
				must(t, direct.HSet(ctx, key, field, bad).Err())
				_, findErr := s.FindChallenge(ctx, c.ID)
				must(t, direct.HSet(ctx, key, field, bad).Err())
				_, tryErr := s.TryChallenge(ctx, c.ID, 5)
				must(t, direct.HSet(ctx, key, field, bad).Err())
				_, deviceErr := s.FindDevice(ctx, "u-alice", d.Hash)
				list, listErr := s.ListDevices(ctx, "u-alice")
				if prefix == "challenges:" && (!errors.Is(findErr, mfa.ErrNoChallenge) || !errors.Is(tryErr, mfa.ErrNoChallenge)) {
					t.Errorf("%.20q: %v, %v", bad, findErr, tryErr)
				}
				if prefix == "devices:" && (!errors.Is(deviceErr, mfa.ErrNoDevice) || listErr != nil || len(list) != 0) {
					t.Errorf("%.20q: %v, %v, %v", bad, deviceErr, list, listErr)
				}
			}
			must(t, direct.Del(ctx, key).Err())
		}
	})
	t.Run("F06 without memory nothing is half done, and what ends something goes on", func(t *testing.T) {
		s, _, server := behindProxy(t, time.Second)
		ctx := t.Context()
		f, codes := enrol(t, s, "u-alice")
		_, next := begin(t, s, "u-alice")
		c, d, b := newChallenge(mfa.BucketOf("u-alice")), newDevice(), mfa.BucketOf("u-alice")
		must(t, s.OpenChallenge(ctx, c, long, 1))
		must(t, s.AddDevice(ctx, "u-alice", d, long, 1))
		server.Config("maxmemory", "1")
		_, advanceErr := s.Advance(ctx, "u-alice", f.ID, f.Step+1, newCall())
		_, _, consumeErr := s.ConsumeCode(ctx, "u-alice", codes[0], newCall())
		_, tryErr := s.TryChallenge(ctx, c.ID, 5)
		for doing, err := range map[string]error{
			"Advance": advanceErr, "ConsumeCode": consumeErr, "TryChallenge": tryErr,
			"Begin":          s.Begin(ctx, "u-alice", mfa.PendingTOTP{ID: newID()}, long),
			"Activate":       s.Activate(ctx, "u-alice", next, nil),
			"ReplaceCodes":   s.ReplaceCodes(ctx, "u-alice", []mfa.CodeHash{newHash()}),
			"OpenChallenge":  s.OpenChallenge(ctx, newChallenge(b), long, 1),
			"ClaimChallenge": s.ClaimChallenge(ctx, c.ID, newCall()),
			"AddDevice":      s.AddDevice(ctx, "u-alice", newDevice(), long, 1),
		} {
			wantFailure(t, doing, err)
		}
		wantState(t, s, "u-alice", mfa.State{TOTP: f, Codes: 3, CodesLeft: 3})
		if got, err := s.FindChallenge(ctx, c.ID); err != nil || got != c {
			t.Errorf("FindChallenge: %+v, %v", got, err)
		}
		if _, err := s.FindDevice(ctx, "u-alice", d.Hash); err != nil {
			t.Errorf("FindDevice: %v", err)
		}
		must(t, errors.Join(s.EndChallenges(ctx, b), s.DropDevice(ctx, "u-alice", d.ID), s.DropDevices(ctx, "u-alice"), s.Deactivate(ctx, "u-alice", f.ID, true), s.Remove(ctx, "u-alice")))
		wantState(t, s, "u-alice", mfa.State{})
	})
}

func TestFailover(t *testing.T) {
	t.Run("F09 what the replica had not got is lost whole: a step, a code, a claim", func(t *testing.T) {
		p := redistest.Failover(t)
		s, ctx := newStore(t, p.Client(), redisstore.Config{Timeout: patience}), t.Context()
		f, codes := enrol(t, s, "u-alice")
		c := newChallenge(mfa.BucketOf("u-alice"))
		must(t, s.OpenChallenge(ctx, c, long, 5))
		early := newCall()
		must(t, truth(s.Advance(ctx, "u-alice", f.ID, 200, early)))
		p.Sync()
		p.Link.BlackHole(faultproxy.Down)
		must(t, truth(s.Advance(ctx, "u-alice", f.ID, 201, newCall())))
		used, _, err := s.ConsumeCode(ctx, "u-alice", codes[0], newCall())
		must(t, truth(used, err))
		must(t, s.ClaimChallenge(ctx, c.ID, newCall()))
		p.Primary.Stop()
		p.Promote()
		// As the documentation says; and nothing from before.
		f.Step, f.Call = 200, early
		wantState(t, s, "u-alice", mfa.State{TOTP: f, Codes: 3, CodesLeft: 3})
		if ok, err := s.Advance(ctx, "u-alice", f.ID, 200, newCall()); err != nil || ok {
			t.Errorf("a step that the replica had: %v, %v", ok, err)
		}
		must(t, truth(s.Advance(ctx, "u-alice", f.ID, 201, newCall())))
		must(t, s.ClaimChallenge(ctx, c.ID, newCall()))
	})
}

// onlyKey is the one key of a kind.
func onlyKey(t testing.TB, c redis.UniversalClient, kind string) string {
	t.Helper()
	keys, err := c.Keys(t.Context(), redisstore.DefaultPrefix+kind+"*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%s: %v, %v", kind, keys, err)
	}
	return keys[0]
}
