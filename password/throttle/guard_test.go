package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/throttle"
)

var (
	home   = netip.MustParseAddr("192.0.2.1")
	office = netip.MustParseAddr("198.51.100.7")
	attack = netip.MustParseAddr("203.0.113.9")
)

// phone is the known device of alice.
var phone = throttle.Device{ID: "phone", Subject: "17"}

func alice(addr netip.Addr, d throttle.Device) throttle.Source {
	return throttle.Source{Account: "subject:17", Subject: "17", Address: addr, Device: d}
}

func try(t *testing.T, g *throttle.Guard, from throttle.Source) (*throttle.Attempt, time.Duration) {
	t.Helper()
	return outcome(t)(g.Begin(t.Context(), from))
}

// lock uses up the attempts of an account from ever new addresses.
func lock(t *testing.T, g *throttle.Guard, account string) (attempts int) {
	t.Helper()
	for addr := attack; ; addr = addr.Next() {
		if a, _ := try(t, g, throttle.Source{Account: account, Subject: "17", Address: addr}); a == nil {
			return attempts
		}
		attempts++
	}
}

func TestNewGuard(t *testing.T) {
	for _, cfg := range []throttle.GuardConfig{
		{Max: -1}, {Max: 1001}, {MaxPerAddress: -1}, {MaxPerAddress: 1001}, {AddressWindow: -1}, {Window: -1},
		{Lockout: -1}, {Lockout: time.Hour, MaxLockout: time.Minute}, {MaxInARow: 101}, {Memory: -1}, {Name: "\x00"},
	} {
		if _, err := throttle.NewGuard(nil, cfg); err == nil {
			t.Errorf("XCT-05 NewGuard accepts %+v", cfg)
		}
	}
	g := newGuard(t, nil, throttle.GuardConfig{})
	if _, err := g.Begin(t.Context(), throttle.Source{Address: home}); !errors.Is(err, throttle.ErrNoKey) {
		t.Errorf("no account: %v", err)
	}
	if err := g.Unlock(t.Context(), ""); !errors.Is(err, throttle.ErrNoKey) {
		t.Errorf("no account: %v", err)
	}
}

func TestGuard(t *testing.T) {
	t.Run("RLT-01 an account has 5 attempts, from wherever", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{})
		if n := lock(t, g, "subject:17"); n != 5 {
			t.Errorf("%d attempts", n)
		}
		if a, wait := try(t, g, alice(home, throttle.Device{})); a != nil || wait > 15*time.Minute || wait < 14*time.Minute {
			t.Errorf("%v, %s", a, wait)
		}
	})
	t.Run("RLT-01 an address has 20 attempts, at whatever accounts, and locks no account", func(t *testing.T) {
		now := newClock()
		g := newGuard(t, nil, throttle.GuardConfig{Now: now.Now})
		for i := range 20 {
			if a, _ := try(t, g, throttle.Source{Account: fmt.Sprint(i), Address: attack}); a == nil {
				t.Fatalf("attempt %d is refused", i)
			}
		}
		for range 10 {
			if a, _ := try(t, g, alice(attack, throttle.Device{})); a != nil {
				t.Fatal("the address is not limited")
			}
		}
		if a, _ := try(t, g, alice(home, throttle.Device{})); a == nil {
			t.Error("refused attempts have counted against the account")
		}
		for window := range 10 { // and 200 failures in a row
			now.Advance(15 * time.Minute)
			for i := range 20 {
				if a, _ := try(t, g, throttle.Source{Account: fmt.Sprint(window, i), Address: attack}); a == nil {
					t.Fatalf("the lock of an address outlasts its window: attempt %d of window %d", i, window)
				}
			}
		}
	})
	t.Run("RLT-04 P09 the addresses of one /64, and mapped ones, are one", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{})
		admitted := 0
		addr := netip.MustParseAddr("2001:db8:1:2::")
		for i := range 1 << 16 {
			if a, _ := try(t, g, throttle.Source{Account: fmt.Sprint(i), Address: addr}); a != nil {
				admitted++
			}
			addr = addr.Next()
		}
		if admitted != 20 {
			t.Errorf("%d attempts from one /64", admitted)
		}
		admitted = 0
		for i := range 40 {
			a := home
			if i%2 == 0 {
				a = netip.AddrFrom16(home.As16())
			}
			if a, _ := try(t, g, throttle.Source{Account: fmt.Sprint("mapped", i), Address: a}); a != nil {
				admitted++
			}
		}
		if admitted != 20 {
			t.Errorf("%d attempts from an address and its mapped form", admitted)
		}
	})
	t.Run("RLT-03 P07 an attacker's own logins clear nothing", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{})
		guesses := 0
		for i := range 200 {
			if a, _ := try(t, g, throttle.Source{Account: fmt.Sprint("victim ", i%50), Address: attack}); a != nil {
				guesses++
			}
			if own, _ := try(t, g, throttle.Source{Account: "mallory", Subject: "66", Address: attack}); own != nil {
				if err := own.Succeed(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if guesses != 20 {
			t.Errorf("%d guesses from one address", guesses)
		}
		g = newGuard(t, nil, throttle.GuardConfig{MaxPerAddress: 1000})
		guesses = 0
		for range 100 {
			if a, _ := try(t, g, alice(attack, throttle.Device{})); a != nil {
				guesses++
			}
			own, _ := try(t, g, throttle.Source{Account: "mallory", Subject: "66", Address: attack})
			if err := own.Succeed(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if guesses != 5 {
			t.Errorf("%d guesses at one account", guesses)
		}
	})
	t.Run("a busy office does not lock itself out by logins that succeed", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{})
		for i := range 500 {
			a, _ := try(t, g, throttle.Source{Account: fmt.Sprint(i), Address: office})
			if a == nil {
				t.Fatalf("login %d is refused", i)
			}
			if err := a.Succeed(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("the zero Addr is not limited", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{})
		for i := range 100 {
			if a, _ := try(t, g, throttle.Source{Account: fmt.Sprint(i)}); a == nil {
				t.Fatal("refused")
			}
		}
	})
	t.Run("RLT-03 P06 parallel guesses from many addresses", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{})
		var admitted atomic.Int32
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
				if _, err := g.Begin(context.Background(), alice(addr, throttle.Device{})); err == nil {
					admitted.Add(1)
				}
			})
		}
		wg.Wait()
		if admitted.Load() != 5 {
			t.Errorf("%d admitted", admitted.Load())
		}
	})
}

func TestDevice(t *testing.T) {
	t.Run("RLT-02 P10 who locks the account does not lock out its owner on a known device", func(t *testing.T) {
		now := newClock()
		g := newGuard(t, nil, throttle.GuardConfig{Now: now.Now})
		for range 30 { // and goes on until there is no more
			lock(t, g, "subject:17")
			now.Advance(24 * time.Hour)
		}
		var locked *throttle.LockedError
		if _, err := g.Begin(t.Context(), alice(home, throttle.Device{})); !errors.As(err, &locked) || !locked.Exhausted {
			t.Fatalf("the account is not locked: %v", err)
		}
		for range 10 {
			a, _ := try(t, g, alice(home, phone))
			if a == nil {
				t.Fatal("the owner is locked out")
			}
			if err := a.Succeed(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := g.Begin(t.Context(), alice(home, throttle.Device{})); !errors.As(err, &locked) {
			t.Error("a success from a known device has given the attacker new attempts")
		}
	})
	t.Run("RLT-02 P10 a reset of the password lets the owner in", func(t *testing.T) {
		now := newClock()
		g := newGuard(t, nil, throttle.GuardConfig{Now: now.Now})
		for range 30 {
			lock(t, g, "subject:17")
			now.Advance(24 * time.Hour)
		}
		if err := g.Unlock(t.Context(), "subject:17"); err != nil {
			t.Fatal(err)
		}
		if a, _ := try(t, g, alice(home, throttle.Device{})); a == nil {
			t.Error("the owner is locked out")
		}
	})
	t.Run("a stolen pass has five attempts too, and locks nobody else", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{})
		n := 0
		for range 50 {
			if a, _ := try(t, g, alice(netip.Addr{}, phone)); a != nil {
				n++
			}
		}
		if n != 5 {
			t.Errorf("%d attempts", n)
		}
		if a, _ := try(t, g, alice(home, throttle.Device{ID: "laptop", Subject: "17"})); a == nil {
			t.Error("another device is locked")
		}
		if a, _ := try(t, g, alice(home, throttle.Device{})); a == nil {
			t.Error("the account is locked")
		}
	})
	t.Run("a pass is worth nothing at another account, and at one that does not exist", func(t *testing.T) {
		for name, from := range map[string]throttle.Source{
			"another's":  {Account: "subject:17", Subject: "17", Device: throttle.Device{ID: "phone", Subject: "66"}},
			"nobody's":   {Account: "login:bob", Device: throttle.Device{ID: "phone", Subject: ""}},
			"no id":      {Account: "subject:17", Subject: "17", Device: throttle.Device{Subject: "17"}},
			"no subject": {Account: "login:bob", Device: phone},
		} {
			g := newGuard(t, nil, throttle.GuardConfig{})
			lock(t, g, from.Account)
			if a, _ := try(t, g, from); a != nil {
				t.Errorf("%s: admitted", name)
			}
		}
	})
	t.Run("passes of two accounts with one id are two", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{Max: 1})
		try(t, g, alice(home, phone))
		if a, _ := try(t, g, throttle.Source{Account: "subject:18", Subject: "18", Device: throttle.Device{ID: "phone", Subject: "18"}}); a == nil {
			t.Error("refused")
		}
	})
	t.Run("the address limits known devices as well", func(t *testing.T) {
		g := newGuard(t, nil, throttle.GuardConfig{MaxPerAddress: 1})
		try(t, g, alice(home, phone))
		if a, _ := try(t, g, alice(home, throttle.Device{ID: "laptop", Subject: "17"})); a != nil {
			t.Error("admitted")
		}
	})
}

func TestGuardEvents(t *testing.T) {
	var ev events
	g := newGuard(t, nil, throttle.GuardConfig{Max: 1, MaxPerAddress: 2, OnEvent: ev.OnEvent})
	try(t, g, throttle.Source{Account: "login:typed", Address: home})
	try(t, g, throttle.Source{Account: "login:typed", Address: home})
	try(t, g, alice(home, phone))
	try(t, g, alice(home, phone))
	type line struct {
		kind              auth.EventKind
		subject, resource string
	}
	var got []line
	for _, e := range ev.all {
		got = append(got, line{e.Kind, e.Subject, e.Resource})
		if e.Address != home || strings.Contains(fmt.Sprintf("%+v", e), "typed") {
			t.Errorf("%+v", e)
		}
	}
	want := []line{
		{throttle.EventLocked, "", "login account"},
		{throttle.EventRefused, "", "login account"},
		{throttle.EventLocked, "17", "login device"},
		{throttle.EventLocked, "17", "login address"},
		{throttle.EventRefused, "17", "login address"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("events\n%v, want\n%v", got, want)
	}
}
