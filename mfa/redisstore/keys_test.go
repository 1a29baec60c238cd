package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/redisstore"
)

func TestKeys(t *testing.T) {
	server := redistest.Start(t)
	c := server.Client()
	s, ctx := newStore(t, c, redisstore.Config{Timeout: patience}), t.Context()
	ttl := func(kind string) time.Duration { t.Helper(); return server.Keys()[onlyKey(t, c, kind)] }
	near := func(got, want time.Duration) bool { return got <= want && got > want-10*time.Second }
	t.Run("a key lives as long as what lasts longest in it", func(t *testing.T) {
		b := mfa.BucketOf("u-alice")
		for _, step := range []struct{ ttl, want time.Duration }{{time.Hour, time.Hour}, {3 * time.Hour, 3 * time.Hour}, {2 * time.Hour, 3 * time.Hour}} {
			must(t, s.OpenChallenge(ctx, newChallenge(b), step.ttl, 9))
			must(t, s.AddDevice(ctx, "u-alice", newDevice(), step.ttl, 9))
			for _, kind := range []string{"challenges:", "devices:"} {
				if got := ttl(kind); !near(got, step.want) {
					t.Errorf("%s lives for %v, want %v", kind, got, step.want)
				}
			}
		}
		must(t, s.EndChallenges(ctx, b))
		must(t, s.DropDevices(ctx, "u-alice"))
	})
	t.Run("an attempt and a claim leave the end where it is", func(t *testing.T) {
		ch := newChallenge(mfa.BucketOf("u-alice"))
		must(t, s.OpenChallenge(ctx, ch, time.Minute, 9))
		_, err := s.TryChallenge(ctx, ch.ID, 5)
		must(t, err)
		must(t, s.ClaimChallenge(ctx, ch.ID, newCall()))
		if got := ttl("challenges:"); !near(got, time.Minute) {
			t.Errorf("a challenge lives for %v", got)
		}
		value := c.HVals(ctx, onlyKey(t, c, "challenges:")).Val()[0]
		if strings.Contains(value, ch.Sealed) {
			t.Error("a challenge that was claimed keeps what it was for")
		}
		must(t, s.EndChallenges(ctx, ch.ID.Bucket()))
	})
	t.Run("a factor has no end, its enrolment has", func(t *testing.T) {
		_, f := begin(t, s, "u-alice")
		if got := ttl("enrolment:"); !near(got, long) {
			t.Errorf("an enrolment lives for %v", got)
		}
		must(t, s.Activate(ctx, "u-alice", f, nil))
		if got := ttl("factor:"); got != 0 {
			t.Errorf("a factor ends after %v", got)
		}
		if n := len(server.Keys()); n != 1 {
			t.Errorf("%d keys, want that of the factor alone", n)
		}
		must(t, s.Deactivate(ctx, "u-alice", f.ID, true))
		if n := len(server.Keys()); n != 0 {
			t.Errorf("%d keys are left behind", n)
		}
	})
	t.Run("I7 no key has a subject in its name", func(t *testing.T) {
		for _, call := range calls(t, s, "alice@example.com")[:7] {
			must(t, call.do())
		}
		must(t, s.AddDevice(ctx, "alice@example.com", newDevice(), long, 5))
		must(t, s.OpenChallenge(ctx, newChallenge(mfa.BucketOf("alice@example.com")), long, 5))
		for key := range server.Keys() {
			if strings.Contains(key, "alice") {
				t.Errorf("key %q", key)
			}
		}
	})
	t.Run("a device that was added with a limit of one is the only one", func(t *testing.T) {
		for range 3 {
			d := newDevice()
			must(t, s.AddDevice(ctx, "u-bob", d, long, 1))
			if list, err := s.ListDevices(ctx, "u-bob"); err != nil || len(list) != 1 || list[0].ID != d.ID {
				t.Errorf("%v, %v", list, err)
			}
		}
	})
}

// What a clock does that jumps is done to the values: they say what Redis will
// compare with its clock.
func TestF17Clock(t *testing.T) {
	server := redistest.Start(t)
	c := server.Client()
	s, ctx := newStore(t, c, redisstore.Config{Timeout: patience}), t.Context()
	b := mfa.BucketOf("u-alice")
	// shift moves the times of all values by d: as if the clock had gone the other way.
	shift := func(t *testing.T, kind string, d time.Duration) {
		t.Helper()
		key := onlyKey(t, c, kind)
		for field, value := range c.HGetAll(ctx, key).Val() {
			var expires, created, order int64
			_, err := fmt.Sscanf(value[:48], "%16d%16d%16d", &expires, &created, &order)
			must(t, err)
			value = fmt.Sprintf("%016d%016d%016d", expires+d.Milliseconds(), created+d.Milliseconds(), order+d.Microseconds()) + value[48:]
			must(t, c.HSet(ctx, key, field, value).Err())
		}
	}
	t.Run("F17 what was added after the clock went back is still the latest", func(t *testing.T) {
		old := newChallenge(b)
		must(t, s.OpenChallenge(ctx, old, long, 5))
		must(t, s.AddDevice(ctx, "u-alice", newDevice(), long, 5))
		shift(t, "challenges:", time.Hour)
		shift(t, "devices:", time.Hour)
		for range 3 {
			next, d := newChallenge(b), newDevice()
			must(t, s.OpenChallenge(ctx, next, long, 1))
			must(t, s.AddDevice(ctx, "u-alice", d, long, 1))
			if _, err := s.FindChallenge(ctx, next.ID); err != nil {
				t.Errorf("the latest challenge: %v", err)
			}
			if _, err := s.FindChallenge(ctx, old.ID); !errors.Is(err, mfa.ErrNoChallenge) {
				t.Errorf("an older one: %v", err)
			}
			list, err := s.ListDevices(ctx, "u-alice")
			if err != nil || len(list) != 1 || list[0].ID != d.ID || list[0].ExpiresAt.Sub(list[0].CreatedAt) != long || time.Since(list[0].CreatedAt).Abs() > time.Minute {
				t.Errorf("%+v, %v", list, err)
			}
			old = next
		}
	})
	t.Run("F17 what has expired for one who asked does not come back", func(t *testing.T) {
		for _, ask := range []func(ch mfa.Challenge, d mfa.Device){
			func(ch mfa.Challenge, d mfa.Device) {
				_, _ = s.FindChallenge(ctx, ch.ID)
				_, _ = s.FindDevice(ctx, "u-alice", d.Hash)
			},
			func(ch mfa.Challenge, _ mfa.Device) {
				_, _ = s.TryChallenge(ctx, ch.ID, 5)
				_, _ = s.ListDevices(ctx, "u-alice")
			},
			func(ch mfa.Challenge, _ mfa.Device) {
				_ = s.ClaimChallenge(ctx, ch.ID, newCall())
				_ = s.AddDevice(ctx, "u-alice", newDevice(), time.Millisecond, 5)
			},
		} {
			must(t, s.EndChallenges(ctx, b))
			must(t, s.DropDevices(ctx, "u-alice"))
			ch, other, d := newChallenge(b), newChallenge(b), newDevice()
			must(t, s.OpenChallenge(ctx, ch, long, 5))
			must(t, s.AddDevice(ctx, "u-alice", d, long, 5))
			shift(t, "challenges:", -2*time.Hour)
			shift(t, "devices:", -2*time.Hour)
			must(t, s.OpenChallenge(ctx, other, time.Minute, 5)) // so that the key goes on
			must(t, s.AddDevice(ctx, "u-alice", newDevice(), time.Minute, 5))
			ask(ch, d)
			shift(t, "challenges:", 2*time.Hour)
			shift(t, "devices:", 2*time.Hour)
			if _, err := s.FindChallenge(ctx, ch.ID); !errors.Is(err, mfa.ErrNoChallenge) {
				t.Errorf("a challenge: %v", err)
			}
			if _, err := s.FindDevice(ctx, "u-alice", d.Hash); !errors.Is(err, mfa.ErrNoDevice) {
				t.Errorf("a device: %v", err)
			}
		}
	})
	t.Run("F17 a ttl of nothing keeps nothing", func(t *testing.T) {
		server.FlushAll()
		for _, ttl := range []time.Duration{0, -time.Hour, time.Microsecond} {
			ch, d, p := newChallenge(b), newDevice(), mfa.PendingTOTP{ID: newID(), Sealed: "s"}
			must(t, errors.Join(s.OpenChallenge(ctx, ch, ttl, 5), s.AddDevice(ctx, "u-alice", d, ttl, 5), s.Begin(ctx, "u-alice", p, ttl)))
			_, challengeErr := s.FindChallenge(ctx, ch.ID)
			_, deviceErr := s.FindDevice(ctx, "u-alice", d.Hash)
			_, pendingErr := s.Pending(ctx, "u-alice")
			if !errors.Is(challengeErr, mfa.ErrNoChallenge) || !errors.Is(deviceErr, mfa.ErrNoDevice) || !errors.Is(pendingErr, mfa.ErrNoPending) {
				t.Errorf("%v: %v, %v, %v", ttl, challengeErr, deviceErr, pendingErr)
			}
			if keys := server.Keys(); len(keys) != 0 {
				t.Errorf("%v: %v", ttl, keys)
			}
		}
	})
}

func TestF25Unfinished(t *testing.T) {
	server := redistest.Start(t)
	c := server.Client()
	s, ctx := newStore(t, c, redisstore.Config{Timeout: patience}), t.Context()
	const n = 2000
	t.Run("F25 I5 whoever begins without end fills nothing", func(t *testing.T) {
		b := mfa.BucketOf("u-mallory")
		for i := range n {
			must(t, s.OpenChallenge(ctx, newChallenge(b), 10*time.Minute, 5))
			must(t, s.AddDevice(ctx, "u-mallory", newDevice(), time.Hour, 20))
			must(t, s.Begin(ctx, "u-mallory", mfa.PendingTOTP{ID: newID(), Sealed: "sealed"}, 10*time.Minute))
			if i%10 == 0 {
				ch := newChallenge(b)
				must(t, s.OpenChallenge(ctx, ch, time.Millisecond, 5))
				_ = s.ClaimChallenge(ctx, ch.ID, newCall()) // may have expired
			}
		}
		<-time.After(5 * time.Millisecond)
		must(t, s.OpenChallenge(ctx, newChallenge(b), 10*time.Minute, 5))
		if got := c.HLen(ctx, onlyKey(t, c, "challenges:")).Val(); got != 5 {
			t.Errorf("%d challenges", got)
		}
		if got := c.HLen(ctx, onlyKey(t, c, "devices:")).Val(); got != 20 {
			t.Errorf("%d devices", got)
		}
		if keys := server.Keys(); len(keys) != 3 {
			t.Errorf("%d keys", len(keys))
		}
	})
	t.Run("F25 what thousands have begun expires", func(t *testing.T) {
		server.FlushAll()
		for i := range n {
			subject := fmt.Sprint("u-", i)
			must(t, s.OpenChallenge(ctx, newChallenge(mfa.BucketOf(subject)), 300*time.Millisecond, 5))
			must(t, s.Begin(ctx, subject, mfa.PendingTOTP{ID: newID(), Sealed: "sealed"}, 300*time.Millisecond))
		}
		must(t, s.Begin(ctx, "u-alice", mfa.PendingTOTP{ID: newID(), Sealed: "sealed"}, long))
		for key := range server.Keys() {
			if endless(t, c, key) {
				t.Errorf("key %q never expires", key)
			}
		}
		for end := time.Now().Add(patience); len(server.Keys()) > 1; {
			if time.Now().After(end) {
				t.Fatalf("%d keys are left", len(server.Keys()))
			}
		}
	})
}
