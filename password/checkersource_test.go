package password_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/legacy"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

var home = netip.MustParseAddr("192.0.2.1")

// is reports which of the answers of a Checker err is.
func is(err error) string {
	switch {
	case err == nil:
		return "signed in"
	case errors.Is(err, throttle.ErrLocked):
		return "locked"
	case errors.Is(err, password.ErrMismatch):
		return "mismatch"
	}
	return err.Error()
}

func TestCheckFrom(t *testing.T) {
	h := cheap(t)
	encoded := hash(t, h, alice)
	check := func(t *testing.T, c *password.Checker, from throttle.Source, login, pw, want string) {
		t.Helper()
		if _, err := c.CheckFrom(t.Context(), from, login, pw); is(err) != want {
			t.Errorf("%s from %v: %v, want %s", login, from, err, want)
		}
	}
	t.Run("RLT-01 an address is limited over all logins, and locks none", func(t *testing.T) {
		var ev events
		c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h, OnEvent: ev.OnEvent})
		from := throttle.Source{Address: home}
		for i := range 20 {
			check(t, c, from, fmt.Sprintf("user%d@example.com", i), "Password123!", "mismatch")
		}
		check(t, c, from, "alice@example.com", alice, "locked")
		check(t, c, throttle.Source{Address: home.Next()}, "alice@example.com", alice, "signed in")
		check(t, c, throttle.Source{}, "alice@example.com", alice, "signed in")
		failed := ev.of(auth.EventSignInFail)
		if len(failed) != 21 || failed[20].Address != home || failed[20].Subject != "17" {
			t.Errorf("events %+v", failed[len(failed)-1])
		}
	})
	t.Run("RLT-02 P10 the owner on a known device, and after a reset", func(t *testing.T) {
		c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h})
		for range 5 {
			check(t, c, throttle.Source{}, "alice@example.com", "wrong", "mismatch")
		}
		known := throttle.Source{Address: home, Device: throttle.Device{ID: "phone", Subject: "17"}}
		check(t, c, throttle.Source{Address: home}, "alice@example.com", alice, "locked")
		check(t, c, throttle.Source{Device: throttle.Device{ID: "phone", Subject: "66"}}, "alice@example.com", alice, "locked")
		check(t, c, known, "alice@example.com", alice, "signed in")
		check(t, c, throttle.Source{Address: home}, "alice@example.com", alice, "locked")
		if err := c.Unlock(t.Context(), "17"); err != nil {
			t.Fatal(err)
		}
		check(t, c, throttle.Source{Address: home}, "alice@example.com", alice, "signed in")
		if err := c.Unlock(t.Context(), ""); err == nil {
			t.Error("Unlock of nobody")
		}
	})
	t.Run("what the caller says of the account does not count", func(t *testing.T) {
		c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: h})
		for i := range 5 {
			check(t, c, throttle.Source{Account: fmt.Sprint(i), Subject: fmt.Sprint(i)}, "alice@example.com", "wrong", "mismatch")
		}
		check(t, c, throttle.Source{Account: "x", Subject: "x"}, "alice@example.com", alice, "locked")
		var ev events
		c = newChecker(t, one(encoded), password.CheckerConfig{Hasher: h, OnEvent: ev.OnEvent})
		for range 6 {
			_, _ = c.CheckFrom(t.Context(), throttle.Source{Subject: "17", Device: throttle.Device{ID: "phone", Subject: "17"}}, "nobody@example.com", alice)
		}
		for _, e := range ev.all {
			if e.Subject != "" {
				t.Errorf("%+v", e)
			}
		}
	})
	t.Run("RLT-05 P08 spellings that the service knows share a count, also of nobody", func(t *testing.T) {
		canonical := func(login string) string { // dots and what follows a plus mean nothing
			user, domain, _ := strings.Cut(strings.ToLower(strings.TrimSpace(login)), "@")
			user, _, _ = strings.Cut(user, "+")
			return strings.ReplaceAll(user, ".", "") + "@" + domain
		}
		lookup := func(ctx context.Context, login string) (string, *auth.Principal, error) {
			return one(encoded)(ctx, canonical(login))
		}
		for _, name := range []string{"alice", "nobody"} {
			c := newChecker(t, lookup, password.CheckerConfig{Hasher: h, Canonical: canonical})
			for i, form := range []string{"%s@example.com", "%s+a@example.com", "%s+b@EXAMPLE.com", ".%s@example.com", " %s.@example.com"} {
				check(t, c, throttle.Source{}, fmt.Sprintf(form, name), fmt.Sprint("guess", i), "mismatch")
			}
			check(t, c, throttle.Source{}, name+"+c@example.com", alice, "locked")
		}
	})
	t.Run("RLT-05 P08 user name and e-mail alternately", func(t *testing.T) {
		c := newChecker(t, func(_ context.Context, login string) (string, *auth.Principal, error) {
			switch strings.ToLower(strings.TrimSpace(login)) {
			case "alice", "alice@example.com":
				return encoded, &auth.Principal{Subject: "17"}, nil
			}
			return "", nil, password.ErrNoAccount
		}, password.CheckerConfig{Hasher: h})
		for i, login := range []string{"alice", "ALICE@example.com", "Alice", " alice@example.com", "alice"} {
			check(t, c, throttle.Source{}, login, fmt.Sprint("guess", i), "mismatch")
		}
		check(t, c, throttle.Source{}, "alice", alice, "locked")
		check(t, c, throttle.Source{}, "alice@example.com", alice, "locked")
	})
	t.Run("RLT-05 RLT-07 P08 a spelling that the Lookup does not know locks as much of somebody as of nobody", func(t *testing.T) {
		for _, spelling := range []string{"ALICE@example.com", " alice@example.com", "\u00a0alice@example.com", "ａlice@example.com", "alice＠example.com"} {
			var after []string
			for _, known := range []bool{true, false} {
				lookup := one(encoded) // which compares byte by byte
				if !known {
					lookup = func(context.Context, string) (string, *auth.Principal, error) { return "", nil, password.ErrNoAccount }
				}
				c := newChecker(t, lookup, password.CheckerConfig{Hasher: h})
				for i := range 5 {
					check(t, c, throttle.Source{}, spelling, fmt.Sprint("guess", i), "mismatch")
				}
				_, err := c.Check(t.Context(), "alice@example.com", "guess")
				after = append(after, is(err))
			}
			if after[0] != "locked" || after[1] != "locked" {
				t.Errorf("%q: then alice@example.com is %s if it has an account, and %s if not", spelling, after[0], after[1])
			}
		}
	})
	t.Run("RLT-07 PWD-14 a lock is the same answer for everybody, with any password", func(t *testing.T) {
		lookup := func(_ context.Context, login string) (string, *auth.Principal, error) {
			switch login {
			case "alice@example.com":
				return encoded, &auth.Principal{Subject: "17"}, nil
			case "disabled@example.com":
				return encoded, &auth.Principal{Subject: "18"}, password.ErrNoAccount
			case "oauth@example.com":
				return "", &auth.Principal{Subject: "19"}, nil
			}
			return "", nil, password.ErrNoAccount
		}
		c := newChecker(t, lookup, password.CheckerConfig{Hasher: h})
		var want string
		for _, login := range []string{"alice@example.com", "disabled@example.com", "oauth@example.com", "nobody@example.com"} {
			var got []string
			for i := range 8 {
				pw := fmt.Sprint("guess", i)
				if i == 7 {
					pw = alice
				}
				_, err := c.Check(t.Context(), login, pw)
				w := httptest.NewRecorder()
				problem.WriteError(w, httptest.NewRequest("POST", "/login", nil), err)
				got = append(got, fmt.Sprint(w.Code, w.Header(), w.Body))
			}
			if got[5] != got[7] {
				t.Errorf("%s: the right password is answered with\n%s, a wrong one with\n%s", login, got[7], got[5])
			}
			all := strings.Join(got, "\n")
			if want == "" {
				want = all
			}
			if all != want {
				t.Errorf("%s is answered with\n%s\nwant\n%s", login, all, want)
			}
		}
		if !strings.Contains(want, "429") || !strings.Contains(want, "Retry-After:[900]") {
			t.Error(want)
		}
	})
}

func TestAttemptsThatFailOnOurSide(t *testing.T) {
	h := cheap(t)
	encoded := hash(t, h, alice)
	down := errors.New("no memory")
	for _, tt := range []struct {
		name string
		err  error
		ctx  func(t *testing.T) context.Context
		back bool
	}{
		{"a busy Pool", password.ErrBusy, nil, true},
		{"an error of the Hasher", down, nil, true},
		{"F05 a deadline", context.DeadlineExceeded, func(t *testing.T) context.Context {
			ctx, cancel := context.WithDeadline(t.Context(), time.Now())
			t.Cleanup(cancel)
			return ctx
		}, true},
		{"F15 a client that has gone away", context.Canceled, func(t *testing.T) context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fault := &faultyHasher{Hasher: h}
			// The store is one that does not look at the context, so that the attempt begins.
			guard := must[*throttle.Guard](t)(throttle.NewGuard(heedless{must[*throttle.MemoryStore](t)(throttle.NewMemoryStore(throttle.MemoryConfig{}))}, throttle.GuardConfig{}))
			c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: fault, Guard: guard})
			for _, login := range []string{"alice@example.com", "nobody@example.com"} {
				fault.err = tt.err
				for range 10 {
					ctx := t.Context()
					if tt.ctx != nil {
						ctx = tt.ctx(t)
					}
					_, err := c.CheckFrom(ctx, throttle.Source{Address: home}, login, "wrong")
					if !errors.Is(err, tt.err) && is(err) != "locked" {
						t.Fatal(err)
					}
				}
				fault.err = nil
				want := "locked"
				if tt.back {
					want = "mismatch"
				}
				if _, err := c.CheckFrom(t.Context(), throttle.Source{Address: home}, login, "wrong"); is(err) != want {
					t.Errorf("%s: after it %v, want %s", login, err, want)
				}
			}
		})
	}
	t.Run("RLT-03 a password that was compared is counted, whatever fails after that", func(t *testing.T) {
		for failing, back := range map[int]bool{1: true, 2: false} {
			pool := newPool(t, password.PoolConfig{})
			argon, bcrypt := password.CheapArgon2id(pool, 64, 1, 1, nil), password.CheapBcrypt(pool, 4, nil)
			salt := "KbI3sQ1x9cBnGz7a"
			old := must[*legacy.Scrypt](t)(legacy.NewScrypt(password.CheapScrypt(pool, 4, 2, 1, nil)))
			steps := 0
			step := func(h password.Hasher) password.Hasher { return &stepHasher{h, &steps, failing} }
			upgrade := must[password.Hasher](t)(password.Upgrade(step(argon), step(bcrypt), step(old)))
			for name, encoded := range map[string]string{
				"unknown": "", "damaged": "$argon2id$v=19$m=64", "argon2id": hash(t, argon, alice), "bcrypt": hash(t, bcrypt, alice), "scrypt": "scrypt:16:2:1$" + salt + "$" + strings.Repeat("a1", 64),
			} {
				c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: upgrade})
				for i := range 5 {
					steps = 0
					if _, err := c.Check(t.Context(), "alice@example.com", fmt.Sprint("guess", i)); !errors.Is(err, password.ErrBusy) {
						t.Fatal(err)
					}
				}
				steps = -10
				want := "locked"
				if back {
					want = "mismatch"
				}
				if _, err := c.Check(t.Context(), "alice@example.com", "guess"); is(err) != want {
					t.Errorf("%s: after five that failed at step %d %v, want %s", name, failing, err, want)
				}
			}
		}
	})
	t.Run("a store that cannot take it back is an event and no other answer", func(t *testing.T) {
		var ev events
		guard := must[*throttle.Guard](t)(throttle.NewGuard(brokenStore{undo: down}, throttle.GuardConfig{}))
		c := newChecker(t, one(encoded), password.CheckerConfig{Hasher: &faultyHasher{h, password.ErrBusy}, Guard: guard, OnEvent: ev.OnEvent})
		if _, err := c.Check(t.Context(), "alice@example.com", alice); !errors.Is(err, password.ErrBusy) {
			t.Error(err)
		}
		if e := ev.of(password.EventFault); len(e) != 1 || !errors.Is(e[0].Err, down) {
			t.Errorf("events %+v", ev.all)
		}
	})
}

// A faultyHasher fails with err, if that is not nil.
type faultyHasher struct {
	password.Hasher
	err error
}

func (h *faultyHasher) Hash(ctx context.Context, pw string) (string, error) {
	if h.err != nil {
		return "", h.err
	}
	return h.Hasher.Hash(ctx, pw)
}

func (h *faultyHasher) Verify(ctx context.Context, encoded, pw string) (ok, outdated bool, err error) {
	if h.err != nil {
		return false, false, h.err
	}
	return h.Hasher.Verify(ctx, encoded, pw)
}

// A stepHasher finds the Pool busy at one step of those that it counts.
type stepHasher struct {
	password.Hasher
	steps *int
	busy  int
}

func (h *stepHasher) Hash(ctx context.Context, pw string) (string, error) {
	if *h.steps++; *h.steps == h.busy {
		return "", password.ErrBusy
	}
	return h.Hasher.Hash(ctx, pw)
}

func (h *stepHasher) Verify(ctx context.Context, encoded, pw string) (ok, outdated bool, err error) {
	if ok, outdated, err = h.Hasher.Verify(ctx, encoded, pw); errors.Is(err, password.ErrUnknownScheme) || errors.Is(err, password.ErrBadHash) {
		return ok, outdated, err
	}
	if *h.steps++; *h.steps == h.busy {
		return false, false, password.ErrBusy
	}
	return ok, outdated, err
}

// A heedless store counts also when the context is done.
type heedless struct{ *throttle.MemoryStore }

func (s heedless) Take(ctx context.Context, key throttle.Key, rule throttle.Rule) (throttle.Count, error) {
	return s.MemoryStore.Take(context.WithoutCancel(ctx), key, rule)
}
