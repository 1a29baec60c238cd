package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
)

// An attempt is counted before the code is compared, and a success forgives
// what was counted.
func ExampleLimiter_Begin() {
	limiter, err := throttle.New(nil, throttle.Config{Max: 3, Lockout: 10 * time.Minute})
	if err != nil {
		panic(err)
	}
	enter := func(code string) error {
		attempt, err := limiter.Begin(context.Background(), "door:7")
		if err != nil {
			return err
		}
		if code != "4711" {
			return errors.New("wrong code")
		}
		return attempt.Succeed(context.Background())
	}

	for _, code := range []string{"0000", "4711", "1111", "2222", "3333", "4711"} {
		var locked *throttle.LockedError
		switch err := enter(code); {
		case errors.As(err, &locked):
			fmt.Println("locked for", locked.RetryAfter.Round(time.Minute))
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println("come in")
		}
	}
	// Output:
	// wrong code
	// come in
	// wrong code
	// wrong code
	// wrong code
	// locked for 10m0s
}

// Somebody locks the account of alice. She signs in from her own phone, and from
// elsewhere after a reset of her password.
func ExampleGuard() {
	guard, err := throttle.NewGuard(nil, throttle.GuardConfig{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	try := func(who, addr string, d throttle.Device) {
		_, err := guard.Begin(ctx, throttle.Source{Account: "17", Subject: "17", Address: netip.MustParseAddr(addr), Device: d})
		fmt.Printf("%s: %v\n", who, err)
	}

	for range 6 {
		try("somebody", "203.0.113.9", throttle.Device{})
	}
	try("alice", "192.0.2.1", throttle.Device{})
	try("alice on her phone", "192.0.2.1", throttle.Device{ID: "d-1", Subject: "17"})
	if err := guard.Unlock(ctx, "17"); err != nil {
		panic(err)
	}
	try("alice after a reset", "192.0.2.1", throttle.Device{})
	// Output:
	// somebody: <nil>
	// somebody: <nil>
	// somebody: <nil>
	// somebody: <nil>
	// somebody: <nil>
	// somebody: throttle: too many attempts: locked for 15m0s
	// alice: throttle: too many attempts: locked for 15m0s
	// alice on her phone: <nil>
	// alice after a reset: <nil>
}

// Three registrations an hour for each client. Behind a proxy the address is the
// one that the proxy has seen, whatever the client writes in front of it.
func ExampleLimiter_Handler() {
	clients, err := throttle.NewClientIP(throttle.ClientIPConfig{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		panic(err)
	}
	registrations, err := throttle.New(nil, throttle.Config{Name: "register", Max: 3, Window: time.Hour})
	if err != nil {
		panic(err)
	}
	register := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	h := registrations.Handler(clients.Key)(register)

	for i := range 4 {
		r := httptest.NewRequest("POST", "/register", nil)
		r.RemoteAddr = "10.0.0.1:4711"
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d, 192.0.2.1", i))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("Retry-After"))
	}
	// Output:
	// 202 ""
	// 202 ""
	// 202 ""
	// 429 "3600"
}
