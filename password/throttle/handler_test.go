package throttle_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

var okHandler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// from is a request from an address, with headers in turn.
func from(addr string, header ...string) *http.Request {
	r := httptest.NewRequest("POST", "/register", nil)
	r.RemoteAddr = addr
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestHandler(t *testing.T) {
	t.Run("RLT-08 RLT-09 P15 10,000 requests: as many as may be, and 429 with Retry-After", func(t *testing.T) {
		now := newClock()
		l := newLimiter(t, nil, throttle.Config{Name: "forgot", Max: 3, Window: time.Hour, Now: now.Now})
		var passed int
		h := l.Handler(throttle.ByAddress)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
		for range testkit.Volume(10_000) {
			res := serve(h, from("192.0.2.1:4711"))
			if res.StatusCode == 200 {
				continue
			}
			if res.StatusCode != 429 || res.Header.Get("Retry-After") != "3600" || res.Header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%d %v", res.StatusCode, res.Header)
			}
		}
		if passed != 3 {
			t.Errorf("%d requests have passed", passed)
		}
		if res := serve(h, from("192.0.2.2:4711")); res.StatusCode != 200 {
			t.Errorf("another client: %d", res.StatusCode)
		}
		now.Advance(time.Hour)
		if res := serve(h, from("192.0.2.1:4711")); res.StatusCode != 200 {
			t.Errorf("after the window, in which refused requests came: %d", res.StatusCode)
		}
	})
	t.Run("RLT-09 requests are not failures: their locks do not grow and have no end in a row", func(t *testing.T) {
		now := newClock()
		l := newLimiter(t, nil, throttle.Config{Max: 2, Window: time.Minute, Now: now.Now})
		for i := range 500 {
			for range 2 {
				if err := l.Allow(t.Context(), "client"); err != nil {
					t.Fatalf("minute %d: %v", i, err)
				}
			}
			if err := l.Allow(t.Context(), "client"); !errors.Is(err, throttle.ErrLocked) {
				t.Fatalf("minute %d: %v", i, err)
			}
			now.Advance(time.Minute)
		}
	})
	t.Run("the counts of Begin and of Allow are apart", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{Max: 1})
		begin(t, l, "key", "key")
		if err := l.Allow(t.Context(), "key"); err != nil {
			t.Error(err)
		}
	})
	t.Run("a request without a key does not pass", func(t *testing.T) {
		l := newLimiter(t, nil, throttle.Config{})
		broken := problem.Sentinel(problem.BadRequest, "no")
		for name, tt := range map[string]struct {
			key    func(*http.Request) (string, error)
			status int
		}{
			"error": {func(*http.Request) (string, error) { return "x", broken }, 400},
			"empty": {func(*http.Request) (string, error) { return "", nil }, 500},
			"peer":  {throttle.ByAddress, 500},
		} {
			h := l.Handler(tt.key)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: passes", name) }))
			if res := serve(h, from("@")); res.StatusCode != tt.status {
				t.Errorf("%s: %d, want %d", name, res.StatusCode, tt.status)
			}
		}
		defer func() {
			if recover() == nil {
				t.Error("XCT-05 no key function, and no panic at the start")
			}
		}()
		l.Handler(nil)
	})
	t.Run("F01 503 while the store fails, or FailOpen; ErrorHandler answers", func(t *testing.T) {
		s := &fakeStore{fail: func(throttle.Key) error { return errors.New("connection refused") }}
		if res := serve(newLimiter(t, s, throttle.Config{}).Handler(throttle.ByAddress)(okHandler), from("192.0.2.1:1")); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
		if res := serve(newLimiter(t, s, throttle.Config{FailOpen: true}).Handler(throttle.ByAddress)(okHandler), from("192.0.2.1:1")); res.StatusCode != 200 {
			t.Errorf("FailOpen: %d", res.StatusCode)
		}
		l := newLimiter(t, s, throttle.Config{ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.WriteHeader(http.StatusTeapot)
		}})
		if res := serve(l.Handler(throttle.ByAddress)(okHandler), from("192.0.2.1:1")); res.StatusCode != http.StatusTeapot {
			t.Errorf("%d", res.StatusCode)
		}
	})
}

func TestClientIP(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	passed := func(t *testing.T, key func(*http.Request) (string, error), request func(i int) *http.Request) (n int) {
		t.Helper()
		h := newLimiter(t, nil, throttle.Config{Max: 5}).Handler(key)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n++ }))
		for i := range 1000 {
			serve(h, request(i))
		}
		return n
	}
	behind := func(t *testing.T, cfg throttle.ClientIPConfig) *throttle.ClientIP {
		t.Helper()
		c, err := throttle.NewClientIP(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	forged := []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP"}
	for _, name := range forged {
		t.Run("RLT-04 P09 no proxy is trusted: "+name+" is not read", func(t *testing.T) {
			n := passed(t, throttle.ByAddress, func(i int) *http.Request {
				value := fmt.Sprintf("203.0.%d.%d", i/256, i%256)
				if name == "Forwarded" {
					value = "for=" + value
				}
				return from("192.0.2.1:4711", name, value)
			})
			if n != 5 {
				t.Errorf("%d of 1000 pass", n)
			}
		})
		t.Run("RLT-04 P09 a proxy is trusted: what the client wrote in "+name+" is not", func(t *testing.T) {
			c := behind(t, throttle.ClientIPConfig{TrustedProxies: proxies})
			n := passed(t, c.Key, func(i int) *http.Request {
				forged := fmt.Sprintf("203.0.%d.%d", i/256, i%256)
				if name == "X-Forwarded-For" {
					return from("10.0.0.1:1", name, forged+", 192.0.2.1")
				}
				return from("10.0.0.1:1", name, forged, "X-Forwarded-For", "192.0.2.1")
			})
			if n != 5 {
				t.Errorf("%d of 1000 pass", n)
			}
		})
	}
	t.Run("RLT-04 P09 behind a proxy clients are told apart, and spellings are not", func(t *testing.T) {
		c := behind(t, throttle.ClientIPConfig{TrustedProxies: proxies})
		n := passed(t, c.Key, func(i int) *http.Request {
			return from("10.0.0.1:1", "X-Forwarded-For", fmt.Sprintf("203.0.%d.%d", i/256, i%256))
		})
		if n != 1000 {
			t.Errorf("%d of 1000 clients pass", n)
		}
		spellings := []string{"192.0.2.1", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]", "[::ffff:c000:201]:80", "192.0.2.1:1", " 192.0.2.1 "}
		n = passed(t, c.Key, func(i int) *http.Request {
			return from("10.0.0.1:1", "X-Forwarded-For", spellings[i%len(spellings)])
		})
		if n != 5 {
			t.Errorf("%d of 1000 pass by spelling", n)
		}
	})
	t.Run("RLT-04 P09 65,536 addresses of one /64 are one client", func(t *testing.T) {
		n := passed(t, throttle.ByAddress, func(i int) *http.Request {
			return from(fmt.Sprintf("[2001:db8:1:2:%x::%x]:80", i, i*65))
		})
		if n != 5 {
			t.Errorf("%d of 1000 pass", n)
		}
	})
	t.Run("RLT-04 what a trusted proxy does not tell is refused, not counted as the proxy", func(t *testing.T) {
		c := behind(t, throttle.ClientIPConfig{TrustedProxies: proxies, Header: "CF-Connecting-IP"})
		if n := passed(t, c.Key, func(int) *http.Request { return from("10.0.0.1:1", "X-Forwarded-For", "192.0.2.1") }); n != 0 {
			t.Errorf("%d pass", n)
		}
		if addr, err := c.Address(from("10.0.0.1:1", "CF-Connecting-IP", "::ffff:192.0.2.1")); err != nil || addr != home {
			t.Errorf("%v, %v", addr, err)
		}
	})
	t.Run("XCT-05 bad configuration is an error", func(t *testing.T) {
		for _, cfg := range []throttle.ClientIPConfig{{Header: "X-Real-IP"}, {TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}} {
			if _, err := throttle.NewClientIP(cfg); err == nil {
				t.Errorf("%+v", cfg)
			}
		}
	})
	t.Run("AddressKey", func(t *testing.T) {
		for addr, want := range map[netip.Addr]string{{}: "", home: "192.0.2.1/32", netip.MustParseAddr("2001:db8::1%eth0"): "2001:db8::/64"} {
			if got := throttle.AddressKey(addr); got != want || strings.Contains(got, "%") {
				t.Errorf("%v: %q, want %q", addr, got, want)
			}
		}
	})
}
