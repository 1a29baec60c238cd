package redisstore_test

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/redisstore"
)

// patience is for hundreds of calls at once on a slow machine, or on the stand-in
// for Redis where there is none.
const patience = time.Minute

// long is a ttl that no test waits for.
const long = time.Hour

// newStore returns all parts on Redis. The servers of tests forget everything.
func newStore(t testing.TB, c redis.UniversalClient, cfg redisstore.Config) mfa.Split {
	t.Helper()
	cfg.SkipDurabilityCheck = true
	s, err := redisstore.New(c, cfg)
	must(t, err)
	f, err := redisstore.NewFactorStore(t.Context(), c, cfg)
	must(t, err)
	return mfa.Split{FactorStore: f, ChallengeStore: s, DeviceStore: s}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantFailure wants an error that says that nothing is known.
func wantFailure(t testing.TB, doing string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, mfa.ErrNoPending) || errors.Is(err, mfa.ErrNoChallenge) || errors.Is(err, mfa.ErrNoDevice) {
		t.Errorf("%s: %v, want the store's failure", doing, err)
	}
}

func random(b []byte) { _, _ = rand.Read(b) }

func newCall() (c mfa.CallID) { random(c[:]); return c }
func newHash() (h [32]byte)   { random(h[:]); return h }
func newID() string           { return rand.Text()[:mfa.IDSize] }

func newChallenge(b mfa.Bucket) mfa.Challenge {
	c := mfa.Challenge{Sealed: "sealed " + rand.Text()}
	random(c.ID[:])
	copy(c.ID[:], b[:])
	return c
}

func newDevice() mfa.Device { return mfa.Device{ID: newID(), Hash: newHash(), Name: "a browser"} }

// begin makes an enrolment, and the factor that it becomes.
func begin(t testing.TB, s mfa.FactorStore, subject string) (mfa.PendingTOTP, mfa.TOTP) {
	t.Helper()
	p := mfa.PendingTOTP{ID: newID(), Sealed: "sealed " + rand.Text(), Login: newHash()}
	must(t, s.Begin(t.Context(), subject, p, long))
	return p, mfa.TOTP{ID: p.ID, Sealed: p.Sealed, Step: 100, Call: newCall(), ConfirmedAt: time.UnixMilli(1_790_000_000_123).UTC()}
}

// enrol makes a factor with three codes.
func enrol(t testing.TB, s mfa.FactorStore, subject string) (mfa.TOTP, []mfa.CodeHash) {
	t.Helper()
	_, f := begin(t, s, subject)
	codes := []mfa.CodeHash{newHash(), newHash(), newHash()}
	must(t, s.Activate(t.Context(), subject, f, codes))
	return f, codes
}

func wantState(t testing.TB, s mfa.FactorStore, subject string, want mfa.State) {
	t.Helper()
	if got, err := s.Find(t.Context(), subject); err != nil || got != want {
		t.Errorf("Find: %+v, %v; want %+v", got, err, want)
	}
}

// behindProxy is a store whose client is warm, and its scripts known to the server,
// so that the proxy counts the replies of the store only.
func behindProxy(t *testing.T, timeout time.Duration) (mfa.Split, *faultproxy.Proxy, *redistest.Server) {
	t.Helper()
	server := redistest.Start(t)
	proxy := faultproxy.New(t, server.Addr())
	c := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true, PoolSize: 1})
	t.Cleanup(func() { _ = c.Close() })
	s := newStore(t, c, redisstore.Config{Timeout: patience})
	for _, call := range calls(t, s, "u-warm") {
		must(t, call.do())
	}
	return newStore(t, c, redisstore.Config{Timeout: timeout}), proxy, server
}

// A call is one of a method, with what must be true after it.
type call struct {
	name string
	do   func() error
}

var errAnswer = errors.New("another answer than the first call gets")

func truth(ok bool, err error) error {
	if err == nil && !ok {
		return errAnswer
	}
	return err
}

// calls is one call of each method, in an order in which each one does something,
// and holds it to its answer.
func calls(t *testing.T, s mfa.Store, subject string) []call {
	t.Helper()
	ctx, b := t.Context(), mfa.BucketOf(subject)
	p := mfa.PendingTOTP{ID: newID(), Sealed: "sealed", Login: newHash()}
	f := mfa.TOTP{ID: p.ID, Sealed: p.Sealed, Step: 100, Call: newCall(), ConfirmedAt: time.UnixMilli(1_790_000_000_123).UTC()}
	codes := []mfa.CodeHash{newHash(), newHash(), newHash()}
	c, d := newChallenge(b), newDevice()
	step, consume, claim := newCall(), newCall(), newCall()
	return []call{
		{"Begin", func() error { return s.Begin(ctx, subject, p, long) }},
		{"Pending", func() error { got, err := s.Pending(ctx, subject); return truth(got == p, err) }},
		{"Activate", func() error { return s.Activate(ctx, subject, f, codes) }},
		{"Find", func() error {
			got, err := s.Find(ctx, subject)
			return truth(got == mfa.State{TOTP: f, Codes: 3, CodesLeft: 3}, err)
		}},
		{"Advance", func() error { return truth(s.Advance(ctx, subject, f.ID, 101, step)) }},
		{"Reseal", func() error { return truth(s.Reseal(ctx, subject, f.ID, f.Sealed, "resealed")) }},
		{"ConsumeCode", func() error {
			used, left, err := s.ConsumeCode(ctx, subject, codes[1], consume)
			return truth(used && left == 2, err)
		}},
		{"ReplaceCodes", func() error { return s.ReplaceCodes(ctx, subject, codes[:2]) }},
		{"Deactivate", func() error { return s.Deactivate(ctx, subject, f.ID, false) }},
		{"Remove", func() error { return s.Remove(ctx, subject) }},
		{"OpenChallenge", func() error { return s.OpenChallenge(ctx, c, long, 5) }},
		{"FindChallenge", func() error { got, err := s.FindChallenge(ctx, c.ID); return truth(got == c, err) }},
		{"TryChallenge", func() error {
			got, err := s.TryChallenge(ctx, c.ID, 5)
			return truth(got.Sealed == c.Sealed && got.Attempts > 0, err)
		}},
		{"ClaimChallenge", func() error { return s.ClaimChallenge(ctx, c.ID, claim) }},
		{"EndChallenges", func() error { return s.EndChallenges(ctx, b) }},
		{"AddDevice", func() error { return s.AddDevice(ctx, subject, d, long, 5) }},
		{"FindDevice", func() error { got, err := s.FindDevice(ctx, subject, d.Hash); return truth(got.ID == d.ID, err) }},
		{"ListDevices", func() error { got, err := s.ListDevices(ctx, subject); return truth(len(got) == 1, err) }},
		{"DropDevice", func() error { return s.DropDevice(ctx, subject, d.ID) }},
		{"DropDevices", func() error { return s.DropDevices(ctx, subject) }},
	}
}
