package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/problem"
)

// A fakeEpochs counts what it is asked.
type fakeEpochs struct {
	mu     sync.Mutex
	epochs map[string]time.Time
	err    error
	asked  int
	during func()
}

func (f *fakeEpochs) Epoch(_ context.Context, subject string) (time.Time, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.during != nil {
		f.during()
	}
	return f.epochs[subject], f.err
}

func (f *fakeEpochs) set(subject string, at time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epochs = map[string]time.Time{subject: at}
	f.err = err
}

func TestEpochs(t *testing.T) {
	for _, alg := range []Algorithm{HS256, ES256} {
		keys := testSet(t, testKey(t, "k", alg))
		setUp := func(t *testing.T, changes ...func(*VerifierConfig)) (*authtest.Clock, *fakeEpochs, *Verifier) {
			t.Helper()
			clock, epochs := authtest.NewClock(time.Time{}), new(fakeEpochs)
			changes = append([]func(*VerifierConfig){func(c *VerifierConfig) { c.Epochs = epochs }}, changes...)
			return clock, epochs, testVerifier(t, keys, clock.Now, changes...)
		}
		check := func(t *testing.T, v *Verifier, token string, want error) {
			t.Helper()
			if c, err := v.Verify(t.Context(), token); !errors.Is(err, want) || (err == nil) != (want == nil) || (c == nil) != (err != nil) {
				t.Errorf("got %v, %v, want %v", c, err, want)
			}
		}
		t.Run("JWT-19 log out everywhere ends access tokens within the delay: "+string(alg), func(t *testing.T) {
			clock, epochs, v := setUp(t)
			old := issue(t, keys, clock.Now(), "old")
			check(t, v, old, nil)
			clock.Advance(time.Second)
			epochs.set("alice", clock.Now(), nil)
			check(t, v, old, nil) // the answer of before counts for 10 s
			clock.Advance(DefaultEpochDelay - time.Second - time.Millisecond)
			check(t, v, old, nil)
			clock.Advance(time.Millisecond)
			check(t, v, old, ErrRevoked)
			check(t, v, issue(t, keys, clock.Now(), "new"), nil)
			if epochs.asked != 2 {
				t.Errorf("asked %d times", epochs.asked)
			}
		})
		t.Run("JWT-19 without a delay at once: "+string(alg), func(t *testing.T) {
			clock, epochs, v := setUp(t, func(c *VerifierConfig) { c.EpochDelay = -1 })
			old := issue(t, keys, clock.Now(), "old")
			check(t, v, old, nil)
			for _, tc := range []struct {
				epoch time.Duration
				want  error
			}{{-time.Millisecond, nil}, {-1, nil}, {0, ErrRevoked}, {1, ErrRevoked}, {time.Hour, ErrRevoked}} {
				epochs.set("alice", clock.Now().Add(tc.epoch), nil)
				check(t, v, old, tc.want)
			}
			epochs.set("bob", clock.Now().Add(time.Hour), nil)
			check(t, v, old, nil)
		})
		t.Run("JWT-19 two tokens of one second are told apart: "+string(alg), func(t *testing.T) {
			clock, epochs, v := setUp(t, func(c *VerifierConfig) { c.EpochDelay = -1 })
			clock.Advance(100 * time.Millisecond)
			old := issue(t, keys, clock.Now(), "old")
			clock.Advance(100 * time.Millisecond)
			epochs.set("alice", clock.Now(), nil)
			clock.Advance(100 * time.Millisecond)
			check(t, v, old, ErrRevoked)
			check(t, v, issue(t, keys, clock.Now(), "new"), nil)
		})
		t.Run("JWT-19 F01 a store that is down refuses with 503, and is asked again: "+string(alg), func(t *testing.T) {
			clock, epochs, v := setUp(t)
			token := issue(t, keys, clock.Now(), "t")
			epochs.set("alice", time.Time{}, errors.New("connection refused"))
			for range 2 {
				_, err := v.Verify(t.Context(), token)
				if d := problem.From(err); !errors.Is(err, ErrUnavailable) || d.Status != http.StatusServiceUnavailable || refuses(err) {
					t.Errorf("got %v", err)
				}
			}
			epochs.set("alice", time.Time{}, nil)
			check(t, v, token, nil)
			if epochs.asked != 3 {
				t.Errorf("asked %d times", epochs.asked)
			}
		})
		t.Run("JWT-19 F17 a clock that is set back does not stretch an answer: "+string(alg), func(t *testing.T) {
			clock, epochs, v := setUp(t)
			token := issue(t, keys, clock.Now().Add(-5*time.Second), "t")
			check(t, v, token, nil)
			epochs.set("alice", clock.Now(), nil)
			clock.Advance(-2 * time.Second)
			check(t, v, token, ErrRevoked)
		})
		t.Run("JWT-19 a slow answer is no younger than its question: "+string(alg), func(t *testing.T) {
			clock, epochs, v := setUp(t)
			token := issue(t, keys, clock.Now(), "t")
			epochs.during = func() { clock.Advance(8 * time.Second) }
			check(t, v, token, nil)
			clock.Advance(2 * time.Second)
			epochs.during = nil
			epochs.set("alice", clock.Now(), nil)
			check(t, v, token, ErrRevoked)
		})
		t.Run("JWT-19 JWT-21 a denylist by jti knows the token in no form: "+string(alg), func(t *testing.T) {
			var asked []string
			var fail error
			clock, _, v := setUp(t, func(c *VerifierConfig) {
				c.Revoked = func(_ context.Context, c *Claims) (bool, error) {
					asked = append(asked, c.ID)
					return c.ID == "stolen", fail
				}
			})
			stolen, other := issue(t, keys, clock.Now(), "stolen"), issue(t, keys, clock.Now(), "other")
			check(t, v, stolen, ErrRevoked)
			check(t, v, stolen, ErrRevoked)
			check(t, v, other, nil)
			if strings.Join(asked, " ") != "stolen stolen other" {
				t.Errorf("asked %q", asked)
			}
			// ECDSA and HMAC signatures in base64url have bits that do not count.
			for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
				if c, err := v.Verify(t.Context(), stolen[:len(stolen)-1]+string(c)); c != nil || err == nil {
					t.Fatalf("JWT-21 a copy of a revoked token is good: %v", c)
				}
			}
			fail = errors.New("down")
			check(t, v, other, ErrUnavailable)
		})
	}
	t.Run("JWT-19 the answers that are kept are bounded", func(t *testing.T) {
		epochs := new(fakeEpochs)
		c := &epochCache{source: epochs, delay: time.Minute, now: fixed(testNow), answers: newGenerations[string, epochAnswer](maxEpochAnswers)}
		for i := range 5 * maxEpochAnswers {
			if _, err := c.epoch(t.Context(), fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(c.answers.young) + len(c.answers.old); n > maxEpochAnswers {
			t.Errorf("%d answers", n)
		}
	})
}

func TestMemoryEpochs(t *testing.T) {
	ctx := t.Context()
	setUp := func(t *testing.T, size int) (*authtest.Clock, *MemoryEpochs) {
		t.Helper()
		clock := authtest.NewClock(time.Time{})
		m, err := NewMemoryEpochs(MemoryEpochsConfig{MaxSubjects: size, Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		return clock, m
	}
	epoch := func(t *testing.T, m *MemoryEpochs, subject string) time.Time {
		t.Helper()
		at, err := m.Epoch(ctx, subject)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	advance := func(t *testing.T, m *MemoryEpochs, subject string, at time.Time) {
		t.Helper()
		if err := m.Advance(ctx, subject, at); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("JWT-19 an epoch only moves forward, and the same call again changes nothing", func(t *testing.T) {
		clock, m := setUp(t, 0)
		at := clock.Now().Add(time.Minute)
		for _, d := range []time.Duration{0, 0, -time.Second, -time.Hour} {
			advance(t, m, "alice", at.Add(d))
			if got := epoch(t, m, "alice"); !got.Equal(at) {
				t.Errorf("got %s", got)
			}
		}
	})
	t.Run("JWT-19 tokens of an earlier process are refused, those of this moment are not", func(t *testing.T) {
		clock, m := setUp(t, 0)
		if e := epoch(t, m, "alice"); !revokedBy(e, clock.Now().Add(-time.Second)) || revokedBy(e, clock.Now().Truncate(time.Millisecond)) {
			t.Errorf("epoch %s, now %s", e, clock.Now())
		}
	})
	t.Run("JWT-19 a full store forgets nobody's revocation", func(t *testing.T) {
		clock, m := setUp(t, 100)
		revoked := make(map[string]time.Time)
		for i := range 1000 {
			clock.Advance(time.Second)
			subject := fmt.Sprint("user", i)
			revoked[subject] = clock.Now()
			advance(t, m, subject, clock.Now())
		}
		if len(m.subjects) > 100 || m.order.Len() != len(m.subjects) {
			t.Errorf("%d subjects", len(m.subjects))
		}
		for subject, at := range revoked {
			if epoch(t, m, subject).Before(at) {
				t.Fatalf("%s: tokens from before %s are good again", subject, at)
			}
		}
		if clock.Advance(time.Millisecond); revokedBy(epoch(t, m, "somebody else"), clock.Now()) {
			t.Error("new tokens are refused")
		}
	})
	t.Run("an epoch that outlived every token is dropped, and raises nothing", func(t *testing.T) {
		clock, m := setUp(t, 0)
		floor := epoch(t, m, "x")
		advance(t, m, "alice", clock.Now())
		clock.Advance(26 * time.Hour)
		advance(t, m, "bob", clock.Now())
		if len(m.subjects) != 1 || !epoch(t, m, "alice").Equal(floor) {
			t.Errorf("%d subjects, epoch %s", len(m.subjects), epoch(t, m, "alice"))
		}
	})
	t.Run("F17 an epoch of a clock that is ahead does not lock out everybody", func(t *testing.T) {
		clock, m := setUp(t, 1)
		advance(t, m, "alice", clock.Now().Add(1000*time.Hour))
		advance(t, m, "bob", clock.Now())
		if got := epoch(t, m, "carol"); got.After(clock.Now()) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a Verifier does not cache the answers of memory", func(t *testing.T) {
		clock, m := setUp(t, 0)
		keys := testSet(t, testKey(t, "k", ES256))
		v := testVerifier(t, keys, clock.Now, func(c *VerifierConfig) { c.Epochs = m })
		token := issue(t, keys, clock.Now(), "t")
		if _, err := v.Verify(ctx, token); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Millisecond)
		advance(t, m, "alice", clock.Now())
		if _, err := v.Verify(ctx, token); !errors.Is(err, ErrRevoked) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("XCT-05 negative settings", func(t *testing.T) {
		for _, c := range []MemoryEpochsConfig{{MaxSubjects: -1}, {Keep: -1}} {
			if _, err := NewMemoryEpochs(c); err == nil {
				t.Errorf("%+v is accepted", c)
			}
		}
	})
	t.Run("many at once", func(t *testing.T) {
		clock, m := setUp(t, 50)
		var group sync.WaitGroup
		for g := range 100 {
			group.Go(func() {
				for i := range 50 {
					subject := fmt.Sprint(i)
					at := clock.Now().Add(time.Duration(g) * time.Millisecond)
					_ = m.Advance(ctx, subject, at)
					if e, _ := m.Epoch(ctx, subject); e.Before(at) && !e.Equal(m.floor) {
						t.Errorf("%s: %s", subject, e)
					}
				}
			})
		}
		group.Wait()
	})
}
