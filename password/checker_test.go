package password_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newChecker(t testing.TB, lookup password.Lookup, cfg password.CheckerConfig) *password.Checker {
	t.Helper()
	if cfg.Hasher == nil {
		cfg.Hasher = cheap(t)
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return noon }
	}
	return must[*password.Checker](t)(password.NewChecker(lookup, cfg))
}

// one is a Lookup that knows alice, whose stored hash is encoded.
func one(encoded string) password.Lookup {
	return func(_ context.Context, login string) (string, *auth.Principal, error) {
		if login != "alice@example.com" {
			return "", nil, password.ErrNoAccount
		}
		return encoded, &auth.Principal{Subject: "17", Roles: []string{"customer"}}, nil
	}
}

// events collects what a Checker reports.
type events struct {
	mu  sync.Mutex
	all []auth.Event
}

func (e *events) OnEvent(_ context.Context, ev auth.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) of(kind auth.EventKind) []auth.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.all), func(ev auth.Event) bool { return ev.Kind != kind })
}

func TestNewChecker(t *testing.T) {
	if _, err := password.NewChecker(nil, password.CheckerConfig{}); err == nil {
		t.Error("XCT-05 a Checker without a Lookup")
	}
	if _, err := password.NewChecker(one(""), password.CheckerConfig{}); err != nil {
		t.Error(err)
	}
}

func TestCheckSucceeds(t *testing.T) {
	h := cheap(t)
	stored := &auth.Principal{
		Subject: "17", Roles: []string{"customer"}, Attributes: map[string]string{"tenant": "acme"},
		Factors: []auth.Factor{{Kind: auth.FactorOTP, At: noon}}, AuthenticatedAt: noon.Add(-time.Hour),
	}
	before := stored.Clone()
	encoded := hash(t, h, alice)
	c := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) { return encoded, stored, nil },
		password.CheckerConfig{Hasher: h})
	p, err := c.Check(t.Context(), "alice@example.com", alice)
	if err != nil {
		t.Fatal(err)
	}
	want := &auth.Principal{
		Subject: "17", Roles: []string{"customer"}, Attributes: map[string]string{"tenant": "acme"},
		Factors: []auth.Factor{{Kind: auth.FactorPassword, At: noon}}, AuthenticatedAt: noon,
	}
	if !p.Equal(want) {
		t.Errorf("%+v, want %+v", p, want)
	}
	if !stored.Equal(before) {
		t.Errorf("the principal of the Lookup was changed: %+v", stored)
	}
	t.Run("PWD-09 case and spaces count", func(t *testing.T) {
		for _, pw := range []string{alice + " ", " " + alice, strings.ToUpper(alice), alice + "\x00", alice + "\xff", ""} {
			if _, err := c.Check(t.Context(), "alice@example.com", pw); !errors.Is(err, password.ErrMismatch) {
				t.Errorf("P02 %q: %v", pw, err)
			}
			// Forgive the failure.
			if _, err := c.Check(t.Context(), "alice@example.com", alice); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A class is a kind of login that must not be told from others.
type class struct {
	name    string
	encoded string
	err     error
	unknown bool // no principal comes with err
	// approximate work: topped up, not the very same hashes
	topped bool
}

// TestFailuresAreAlike holds all classes to one answer and one amount of work.
func TestFailuresAreAlike(t *testing.T) {
	var mu sync.Mutex
	var work []string
	record := func(w string) {
		mu.Lock()
		defer mu.Unlock()
		work = append(work, w)
	}
	pool := newPool(t, password.PoolConfig{})
	hashers := []password.Hasher{
		password.CheapArgon2id(pool, 64, 2, 1, record),
		password.CheapArgon2id(pool, 40, 1, 1, record),
		password.CheapBcrypt(pool, 6, record),
		password.CheapScrypt(pool, 5, 2, 1, record),
	}
	h := must[password.Hasher](t)(password.Upgrade(hashers[0], hashers[1:3]...))
	h = must[password.Hasher](t)(password.Upgrade(h, hashers[3]))
	quiet := newPool(t, password.PoolConfig{})
	classes := []class{
		{name: "unknown", err: password.ErrNoAccount, unknown: true},
		{name: "unknown, said in many words", err: fmt.Errorf("table users: %w", password.ErrNoAccount), unknown: true},
		{name: "unknown, said with nothing", unknown: true},
		{name: "no password", encoded: ""},
		{name: "disabled", encoded: hash(t, hashers[0], alice), err: password.ErrNoAccount},
		{name: "wrong password", encoded: hash(t, hashers[0], "another one")},
		{name: "old parameters, named", encoded: hash(t, hashers[1], "another one")},
		{name: "bcrypt, named", encoded: hash(t, hashers[2], "another one")},
		{name: "scrypt, named", encoded: hash(t, hashers[3], "another one")},
		{name: "P04 hostile parameters", encoded: "$argon2id$v=19$m=4294967295,t=1,p=1$" + goodSalt + "$" + goodKey},
		{name: "P04 $2b$12$short", encoded: "$2b$12$short"},
		{name: "PWD-03 hex SHA-256", encoded: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"},
		{name: "PWD-03 the password itself", encoded: alice},
		{name: "cheaper argon2id", encoded: hash(t, password.CheapArgon2id(quiet, 48, 1, 1, nil), "another one"), topped: true},
		{name: "cheaper argon2id, more memory", encoded: hash(t, password.CheapArgon2id(quiet, 96, 1, 1, nil), "another one"), topped: true},
		{name: "cheaper bcrypt", encoded: hash(t, password.CheapBcrypt(quiet, 4, nil), "another one"), topped: true},
		{name: "cheaper scrypt", encoded: hash(t, password.CheapScrypt(quiet, 3, 2, 1, nil), "another one"), topped: true},
		{name: "cheaper scrypt, other block size", encoded: hash(t, password.CheapScrypt(quiet, 4, 1, 1, nil), "another one"), topped: true},
	}

	type answer struct {
		status int
		header http.Header
		body   string
		work   []string
	}
	ask := func(t *testing.T, c class) answer {
		var ev events
		checker := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) {
			if c.unknown {
				return c.encoded, nil, c.err
			}
			return c.encoded, &auth.Principal{Subject: "17"}, c.err
		}, password.CheckerConfig{Hasher: h, OnEvent: ev.OnEvent})
		work = nil
		p, err := checker.Check(t.Context(), "alice@example.com", alice)
		if p != nil || err != password.ErrMismatch { //nolint:errorlint // the very same, with nothing around it
			t.Fatalf("%v, %v, want ErrMismatch and nothing else", p, err)
		}
		failed := ev.of(auth.EventSignInFail)
		if len(failed) != 1 || c.unknown != (failed[0].Subject == "") {
			t.Errorf("events %+v", ev.all)
		}
		w := httptest.NewRecorder()
		problem.WriteError(w, httptest.NewRequest("POST", "/login", nil), err)
		slices.Sort(work)
		return answer{w.Code, w.Header(), w.Body.String(), slices.Clone(work)}
	}

	want := ask(t, classes[0])
	if !errors.Is(password.ErrMismatch, auth.ErrInvalidCredentials) || want.status != 401 || !strings.Contains(want.body, string(problem.InvalidCredentials)) {
		t.Errorf("the answer is %+v", want)
	}
	if !slices.Equal(want.work, []string{"argon2id 40 1 1", "argon2id 64 2 1", "bcrypt 6", "scrypt 32 2 1"}) {
		t.Errorf("PWD-13 an unknown login costs %v, want one hash of every scheme", want.work)
	}
	for _, c := range classes {
		t.Run("PWD-13 PWD-14 "+c.name, func(t *testing.T) {
			got := ask(t, c)
			if got.status != want.status || got.body != want.body || fmt.Sprint(got.header) != fmt.Sprint(want.header) {
				t.Errorf("answered with %+v, want %+v", got, want)
			}
			switch {
			case !c.topped && !slices.Equal(got.work, want.work):
				t.Errorf("costs %v, want %v", got.work, want.work)
			case c.topped && fmt.Sprint(total(t, got.work)) != fmt.Sprint(total(t, want.work)):
				t.Errorf("costs %v = %v, want %v = %v", got.work, total(t, got.work), want.work, total(t, want.work))
			}
		})
	}
	t.Run("PWD-14 one scheme alone is topped up as well", func(t *testing.T) {
		for _, tt := range []struct{ h, old password.Hasher }{
			{password.CheapArgon2id(pool, 64, 3, 1, record), password.CheapArgon2id(pool, 19, 2, 1, record)},
			{password.CheapArgon2id(pool, 128, 1, 2, record), password.CheapArgon2id(pool, 64, 1, 1, record)},
			{password.CheapBcrypt(pool, 7, record), password.CheapBcrypt(pool, 4, record)},
			{password.CheapScrypt(pool, 6, 2, 3, record), password.CheapScrypt(pool, 5, 2, 1, record)},
		} {
			c := newChecker(t, one(hash(t, tt.old, "another one")), password.CheckerConfig{Hasher: tt.h})
			spent := map[string]map[string]int{}
			for _, login := range []string{"alice@example.com", "nobody@example.com"} {
				work = nil
				if _, err := c.Check(t.Context(), login, alice); !errors.Is(err, password.ErrMismatch) {
					t.Fatal(err)
				}
				spent[login] = total(t, work)
			}
			for scheme, want := range spent["nobody@example.com"] {
				// The last few KiB times passes cannot be spent.
				if got := spent["alice@example.com"][scheme]; got > want || got < want*96/100 {
					t.Errorf("%T: %s: %d against an old hash, %d against none", tt.h, scheme, got, want)
				}
			}
		}
	})
	t.Run("PWD-14 a Hasher of a service's own hashes once for nobody", func(t *testing.T) {
		own := &countingHasher{}
		c := newChecker(t, one("own:another one"), password.CheckerConfig{Hasher: own})
		for _, login := range []string{"alice@example.com", "nobody@example.com"} {
			own.calls = 0
			if _, err := c.Check(t.Context(), login, alice); !errors.Is(err, password.ErrMismatch) || own.calls != 1 {
				t.Errorf("%s: %d hashes, %v", login, own.calls, err)
			}
		}
	})
	t.Run("a stored hash that cannot be read is an event", func(t *testing.T) {
		for _, encoded := range []string{"", "junk", "$2b$12$short"} {
			var ev events
			c := newChecker(t, one(encoded), password.CheckerConfig{OnEvent: ev.OnEvent})
			for _, login := range []string{"alice@example.com", "nobody@example.com"} {
				if _, err := c.Check(t.Context(), login, alice+strings.Repeat("!", 80)); !errors.Is(err, password.ErrMismatch) {
					t.Fatal(err)
				}
			}
			if n := len(ev.of(password.EventFault)); n != min(len(encoded), 1) {
				t.Errorf("%q: %d events: %+v", encoded, n, ev.all)
			}
		}
	})
	t.Run("a password that bcrypt cannot hash is not a fault", func(t *testing.T) {
		var ev events
		b := password.CheapBcrypt(pool, 4, nil)
		c := newChecker(t, one(hash(t, b, alice)), password.CheckerConfig{Hasher: b, OnEvent: ev.OnEvent})
		for _, login := range []string{"alice@example.com", "nobody@example.com"} {
			if _, err := c.Check(t.Context(), login, alice+strings.Repeat("!", 80)); err != password.ErrMismatch { //nolint:errorlint // the very same
				t.Errorf("P01 %v", err)
			}
		}
		if len(ev.of(password.EventFault)) > 0 {
			t.Errorf("events %+v", ev.all)
		}
	})
}

// total sums the work of each scheme in its own unit: KiB times passes, rounds,
// N times r times p.
func total(t *testing.T, work []string) map[string]int {
	t.Helper()
	sum := map[string]int{}
	for _, w := range work {
		var a, b, c int
		switch {
		case strings.HasPrefix(w, "argon2id"):
			if _, err := fmt.Sscanf(w, "argon2id %d %d %d", &a, &b, &c); err != nil {
				t.Fatal(err)
			}
			sum["argon2id"] += a * b
		case strings.HasPrefix(w, "bcrypt"):
			if _, err := fmt.Sscanf(w, "bcrypt %d", &a); err != nil {
				t.Fatal(err)
			}
			sum["bcrypt"] += 1 << a
		default:
			if _, err := fmt.Sscanf(w, "scrypt %d %d %d", &a, &b, &c); err != nil {
				t.Fatal(err)
			}
			sum["scrypt"] += a * b * c
		}
	}
	return sum
}

// A countingHasher is a service's own and counts the work that it does.
type countingHasher struct{ calls int }

func (h *countingHasher) Hash(context.Context, string) (string, error) {
	h.calls++
	return "", nil
}
func (h *countingHasher) Verify(_ context.Context, encoded, pw string) (ok, outdated bool, err error) {
	h.calls++
	return encoded == "own:"+pw, false, nil
}

func TestNothingMatchesNoHash(t *testing.T) {
	// A Hasher of a service's own that would take the empty string for a hash.
	for _, h := range []password.Hasher{legacyHasher{}, must[password.Hasher](t)(password.Upgrade(cheap(t), legacyHasher{}))} {
		for _, err := range []error{nil, password.ErrNoAccount} {
			c := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) {
				return "", &auth.Principal{Subject: "17"}, err
			}, password.CheckerConfig{Hasher: h})
			if p, err := c.Check(t.Context(), "alice@example.com", ""); p != nil || !errors.Is(err, password.ErrMismatch) {
				t.Errorf("PWD-14 an account without a password signs in with none: %+v, %v", p, err)
			}
		}
	}
	t.Run("PWD-14 a disabled account stays out with the right password", func(t *testing.T) {
		h := cheap(t)
		encoded := hash(t, h, alice)
		c := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) {
			return encoded, &auth.Principal{Subject: "17"}, fmt.Errorf("disabled: %w", password.ErrNoAccount)
		}, password.CheckerConfig{Hasher: h})
		if p, err := c.Check(t.Context(), "alice@example.com", alice); p != nil || !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%+v, %v", p, err)
		}
	})
	t.Run("a hash without a principal is nobody's", func(t *testing.T) {
		h := cheap(t)
		encoded := hash(t, h, alice)
		c := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) { return encoded, nil, nil },
			password.CheckerConfig{Hasher: h})
		if p, err := c.Check(t.Context(), "alice@example.com", alice); p != nil || !errors.Is(err, password.ErrMismatch) {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestOverlong(t *testing.T) {
	var hashes, lookups atomic.Int32
	h := password.CheapArgon2id(nil, 64, 1, 1, func(string) { hashes.Add(1) })
	c := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) {
		lookups.Add(1)
		return "", nil, password.ErrNoAccount
	}, password.CheckerConfig{Hasher: h})
	for _, args := range [][2]string{
		{"alice@example.com", strings.Repeat("x", 1025)},
		{"alice@example.com", strings.Repeat("x", 1<<20)},
		{strings.Repeat("x", 1025), alice},
	} {
		best := time.Hour
		for range 10 { // more than the limiter would admit
			start := time.Now()
			if _, err := c.Check(t.Context(), args[0], args[1]); err != password.ErrMismatch { //nolint:errorlint // the very same
				t.Errorf("PWD-05 P02 %d and %d bytes: %v", len(args[0]), len(args[1]), err)
			}
			best = min(best, time.Since(start))
		}
		if best > 50*time.Millisecond {
			t.Errorf("PWD-05 %d and %d bytes took %s", len(args[0]), len(args[1]), best)
		}
	}
	if hashes.Load() != 0 || lookups.Load() != 0 {
		t.Errorf("PWD-05 %d hashes, %d look-ups", hashes.Load(), lookups.Load())
	}
	long := strings.Repeat("🔑", 64)
	c = newChecker(t, one(hash(t, h, long)), password.CheckerConfig{Hasher: h})
	if _, err := c.Check(t.Context(), "alice@example.com", long); err != nil {
		t.Errorf("PWD-05 64 characters of 4 bytes: %v", err)
	}
}

func TestLimit(t *testing.T) {
	t.Run("RLT-03 P06 1000 parallel guesses cost at most 5 hashes", func(t *testing.T) {
		for _, login := range []string{"alice@example.com", "nobody@example.com"} {
			var hashes, mismatches, locked atomic.Int32
			h := password.CheapArgon2id(newPool(t, password.PoolConfig{}), 64, 1, 1, func(string) { hashes.Add(1) })
			encoded := hash(t, h, alice)
			hashes.Store(0)
			c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h})
			var wg sync.WaitGroup
			for i := range 1000 {
				wg.Go(func() {
					_, err := c.Check(context.Background(), login, fmt.Sprint("guess ", i))
					switch {
					case errors.Is(err, password.ErrMismatch):
						mismatches.Add(1)
					case problem.From(err).Status == http.StatusTooManyRequests:
						locked.Add(1)
					}
				})
			}
			wg.Wait()
			if hashes.Load() != 5 || mismatches.Load() != 5 || locked.Load() != 995 {
				t.Errorf("%s: %d hashes, %d mismatches, %d locked", login, hashes.Load(), mismatches.Load(), locked.Load())
			}
		}
	})
	t.Run("a success forgives", func(t *testing.T) {
		h := cheap(t)
		c := newChecker(t, one(hash(t, h, alice)), password.CheckerConfig{Hasher: h})
		for range 10 {
			for range 4 {
				if _, err := c.Check(t.Context(), "alice@example.com", "wrong"); !errors.Is(err, password.ErrMismatch) {
					t.Fatal(err)
				}
			}
			if _, err := c.Check(t.Context(), "alice@example.com", alice); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("a locked account stays locked for the right password, and is reported", func(t *testing.T) {
		h := cheap(t)
		var ev events
		c := newChecker(t, one(hash(t, h, alice)), password.CheckerConfig{Hasher: h, OnEvent: ev.OnEvent})
		for range 5 {
			_, _ = c.Check(t.Context(), "alice@example.com", "wrong")
		}
		p, err := c.Check(t.Context(), "alice@example.com", alice)
		var le *throttle.LockedError
		if p != nil || !errors.As(err, &le) || le.RetryAfter != 15*time.Minute {
			t.Errorf("%v, %v", p, err)
		}
		failed := ev.of(auth.EventSignInFail)
		if len(failed) != 6 || failed[5].Subject != "17" || !errors.Is(failed[5].Err, throttle.ErrLocked) || !failed[5].Time.Equal(noon) {
			t.Errorf("events %+v", failed)
		}
	})
	t.Run("RLT-05 two logins of one account share its count", func(t *testing.T) {
		c := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) {
			return "", &auth.Principal{Subject: "17"}, nil
		}, password.CheckerConfig{})
		var err error
		for range 3 {
			_, _ = c.Check(t.Context(), "alice", "wrong")
			_, err = c.Check(t.Context(), "alice@example.com", "wrong")
		}
		if !errors.Is(err, throttle.ErrLocked) {
			t.Errorf("the sixth attempt: %v", err)
		}
	})
	t.Run("RLT-05 spellings of an unknown login share its count", func(t *testing.T) {
		c := newChecker(t, one(""), password.CheckerConfig{})
		var err error
		for _, login := range []string{"bob@example.com", "BOB@example.com", " bob@example.com", "Bob@Example.com ", "ｂob@example.com", "bob@example.com"} {
			_, err = c.Check(t.Context(), login, "wrong")
		}
		if !errors.Is(err, throttle.ErrLocked) {
			t.Errorf("the sixth attempt: %v", err)
		}
		if _, err := c.Check(t.Context(), "17", "wrong"); !errors.Is(err, password.ErrMismatch) {
			t.Error(err)
		}
	})
	t.Run("an unknown login cannot use up the attempts of a subject", func(t *testing.T) {
		h := cheap(t)
		encoded := hash(t, h, alice)
		for subject, login := range map[string]string{"17": "17", "18": "subject:18", "login:19": "19"} {
			c := newChecker(t, func(ctx context.Context, l string) (string, *auth.Principal, error) {
				if l != "alice@example.com" {
					return "", nil, password.ErrNoAccount
				}
				return encoded, &auth.Principal{Subject: subject}, nil
			}, password.CheckerConfig{Hasher: h})
			for range 6 {
				_, _ = c.Check(t.Context(), login, "wrong")
			}
			if _, err := c.Check(t.Context(), "alice@example.com", alice); err != nil {
				t.Errorf("subject %q: %v", subject, err)
			}
		}
	})
}

func TestRehash(t *testing.T) {
	pool := newPool(t, password.PoolConfig{})
	old, current := password.CheapBcrypt(pool, 4, nil), password.CheapArgon2id(pool, 64, 1, 1, nil)
	h := must[password.Hasher](t)(password.Upgrade(current, old))
	stored := hash(t, old, alice)

	t.Run("PWD-10 an outdated hash is replaced after a success", func(t *testing.T) {
		var ev events
		var calls [][3]string
		c := newChecker(t, one(stored), password.CheckerConfig{Hasher: h, OnEvent: ev.OnEvent, Rehash: func(_ context.Context, subject, oldHash, newHash string) error {
			calls = append(calls, [3]string{subject, oldHash, newHash})
			return nil
		}})
		if _, err := c.Check(t.Context(), "alice@example.com", "wrong"); err == nil || len(calls) > 0 {
			t.Fatalf("a failure: %v, %v", err, calls)
		}
		if _, err := c.Check(t.Context(), "alice@example.com", alice); err != nil {
			t.Fatal(err)
		}
		if len(calls) != 1 || calls[0][0] != "17" || calls[0][1] != stored {
			t.Fatalf("calls %v", calls)
		}
		if ok, outdated := verify(t, h, calls[0][2], alice); !ok || outdated {
			t.Errorf("the new hash: ok %t, outdated %t", ok, outdated)
		}
		if e := ev.of(password.EventRehashed); len(e) != 1 || e[0].Subject != "17" || e[0].Err != nil {
			t.Errorf("events %+v", e)
		}
	})
	t.Run("a current hash is left alone", func(t *testing.T) {
		c := newChecker(t, one(hash(t, current, alice)), password.CheckerConfig{Hasher: h, Rehash: func(context.Context, string, string, string) error {
			t.Error("called")
			return nil
		}})
		if _, err := c.Check(t.Context(), "alice@example.com", alice); err != nil {
			t.Error(err)
		}
	})
	t.Run("PWD-10 F16 a Rehash that fails does not fail the login", func(t *testing.T) {
		for name, rehash := range map[string]func(context.Context, string, string, string) error{
			"error": func(context.Context, string, string, string) error { return errors.New("read-only") },
			"panic": func(context.Context, string, string, string) error { panic("no") },
			"none":  nil,
		} {
			var ev events
			c := newChecker(t, one(stored), password.CheckerConfig{Hasher: h, OnEvent: ev.OnEvent, Rehash: rehash})
			if p, err := c.Check(t.Context(), "alice@example.com", alice); err != nil || p.Subject != "17" {
				t.Errorf("%s: %v, %v", name, p, err)
			}
			want := 1
			if rehash == nil {
				want = 0
			}
			if n := len(ev.of(password.EventFault)); n != want || len(ev.of(password.EventRehashed)) > 0 {
				t.Errorf("%s: events %+v", name, ev.all)
			}
		}
	})
	t.Run("PWD-10 a password change at the same time wins", func(t *testing.T) {
		changed := hash(t, current, "the new password of alice")
		for range testkit.Rounds(200) {
			var mu sync.Mutex
			row := stored
			c := newChecker(t, func(context.Context, string) (string, *auth.Principal, error) {
				mu.Lock()
				defer mu.Unlock()
				return row, &auth.Principal{Subject: "17"}, nil
			}, password.CheckerConfig{Hasher: h, Rehash: func(_ context.Context, _, oldHash, newHash string) error {
				mu.Lock()
				defer mu.Unlock()
				if row == oldHash {
					row = newHash
				}
				return nil
			}})
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = c.Check(context.Background(), "alice@example.com", alice) })
			wg.Go(func() {
				mu.Lock()
				defer mu.Unlock()
				row = changed
			})
			wg.Wait()
			if row != changed {
				t.Fatal("the old password is back")
			}
		}
	})
}
