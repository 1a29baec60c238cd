package breach_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/breach"
	"github.com/go-sallyport/auth/problem"
)

// known is a password of the stand-in's list, 21BD1 and 2DC183F740EE76F27B78EB39C8AD972A757.
const known = "P@ssw0rd"

const (
	knownPrefix = "21BD1"
	knownSuffix = "2DC183F740EE76F27B78EB39C8AD972A757"
	otherSuffix = "0018A45C4D1DEF81644B54AB7F969B88D65"
	padding     = "00F1FB7D5F9B6F6F9E5B3D1B0C2A4D5E6F7"
)

var good = strings.Join([]string{otherSuffix + ":21", padding + ":0", knownSuffix + ":52579", padding[1:] + "A:0"}, "\r\n")

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// client asks a stand-in that answers with h.
func client(t *testing.T, h http.Handler, cfg breach.Config) *breach.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	cfg.BaseURL = s.URL + "/range"
	return newClient(t, cfg)
}

func newClient(t *testing.T, cfg breach.Config) *breach.Client {
	t.Helper()
	c, err := breach.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		minCount   int
		want       bool
	}{
		{"PWD-08 a password of the range", good, 0, true},
		{"with a line feed alone, and one at the end", strings.ReplaceAll(good, "\r\n", "\n") + "\n", 0, true},
		{"one line", knownSuffix + ":1", 0, true},
		{"PWD-08 a password that is not in the range", otherSuffix + ":21\r\n" + padding + ":0", 0, false},
		{"a padding line with its very suffix", otherSuffix + ":21\r\n" + knownSuffix + ":0", 0, false},
		{"padding only", padding + ":0\r\n" + padding + ":0", 0, false},
		{"seen as often as it takes", good, 52579, true},
		{"seen less often than it takes", good, 52580, false},
		{"padding does not hide the line before it", knownSuffix + ":3\r\n" + knownSuffix + ":0", 0, true},
		{"a count of 32 bits", knownSuffix + ":4294967295", 1 << 30, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := client(t, answer(tt.body), breach.Config{MinCount: tt.minCount})
			if got, err := c.Check(t.Context(), known); got != tt.want || err != nil {
				t.Errorf("%t, %v; want %t", got, err, tt.want)
			}
		})
	}
	t.Run("five digits leave the service and nothing else", func(t *testing.T) {
		var mu sync.Mutex
		var dump string
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			body, _ := io.ReadAll(r.Body)
			dump += fmt.Sprintf("%s %s %q %v\n", r.Method, r.URL, body, r.Header)
			if r.Header.Get("Add-Padding") != "true" || r.UserAgent() != "shop/1.0" || r.URL.Path != "/range/"+knownPrefix || r.Method != "GET" {
				t.Errorf("asked: %s", dump)
			}
			_, _ = io.WriteString(w, good)
		}), breach.Config{UserAgent: "shop/1.0"})
		if ok, err := c.Check(t.Context(), known); !ok || err != nil {
			t.Fatal(ok, err)
		}
		for i := range knownSuffix[:len(knownSuffix)-4] {
			if part := knownSuffix[i : i+4]; strings.Contains(strings.ToUpper(dump), part) {
				t.Errorf("%q of the suffix is in the request:\n%s", part, dump)
			}
		}
		if strings.Contains(dump, known) || strings.Contains(dump, url.QueryEscape(known)) || strings.Contains(dump, "Go-http-client") {
			t.Errorf("the request has more than the digits:\n%s", dump)
		}
	})
	t.Run("the digest is that of the very bytes", func(t *testing.T) {
		for _, pw := range []string{"", "ä", "A\u0308", "\xff", strings.Repeat("x", 1000)} {
			sum := sha1.Sum([]byte(pw))
			digest := strings.ToUpper(hex.EncodeToString(sum[:]))
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/range/"+digest[:5] {
					t.Errorf("asked %s for %q", r.URL.Path, pw)
				}
				_, _ = io.WriteString(w, digest[5:]+":1")
			}), breach.Config{})
			if ok, err := c.Check(t.Context(), pw); !ok || err != nil {
				t.Errorf("%q: %t, %v", pw, ok, err)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]breach.Config{
		"http to another machine":       {BaseURL: "http://api.pwnedpasswords.com/range"},
		"http to a name like localhost": {BaseURL: "http://localhost.example.com/range"},
		"http to a private address":     {BaseURL: "http://10.0.0.1/range"},
		"ftp":                           {BaseURL: "ftp://127.0.0.1/range"},
		"a file":                        {BaseURL: "file:///range"},
		"no scheme":                     {BaseURL: "api.pwnedpasswords.com/range"},
		"no host":                       {BaseURL: "https:///range"},
		"a user":                        {BaseURL: "https://u:p@api.pwnedpasswords.com/range"},
		"a query":                       {BaseURL: "https://api.pwnedpasswords.com/range?x=1"},
		"an empty query":                {BaseURL: "https://api.pwnedpasswords.com/range?"},
		"a fragment":                    {BaseURL: "https://api.pwnedpasswords.com/range#x"},
		"no URL":                        {BaseURL: "https://[::1"},
		"opaque":                        {BaseURL: "https:api.pwnedpasswords.com"},
		"a negative count":              {MinCount: -1},
		"a negative time":               {Timeout: -1},
		"31 seconds":                    {Timeout: 31 * time.Second},
		"a line break in the name":      {UserAgent: "a\r\nX-Y: z"},
	} {
		t.Run("XCT-05 refused: "+name, func(t *testing.T) {
			if _, err := breach.New(cfg); err == nil {
				t.Error("no error")
			} else if strings.Contains(err.Error(), "u:p") {
				t.Errorf("the error has the user: %v", err)
			}
		})
	}
	for _, base := range []string{"", "https://hibp.example.com", "https://hibp.example.com:8443/range/", "http://127.0.0.1:8080", "http://[::1]/range", "http://localhost/range"} {
		t.Run("fine: "+base, func(t *testing.T) {
			var asked string
			newest := newClient(t, breach.Config{BaseURL: base, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				asked = r.URL.String()
				return nil, errors.New("not here")
			})})
			_, _ = newest.Check(t.Context(), known)
			want := strings.TrimSuffix(base, "/")
			if base == "" {
				want = "https://api.pwnedpasswords.com/range"
			}
			if asked != want+"/"+knownPrefix {
				t.Errorf("asks %q", asked)
			}
		})
	}
}

func TestInPolicy(t *testing.T) {
	const pw = "alice likes blue cheese"
	sum := sha1.Sum([]byte(pw))
	suffix := strings.ToUpper(hex.EncodeToString(sum[:]))[5:]
	down := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	for _, tt := range []struct {
		name     string
		h        http.Handler
		failOpen bool
		status   int
		reasons  []password.Reason
	}{
		{"PWD-08 a breached password is refused", answer(suffix + ":1"), false, 422, []password.Reason{password.ReasonBreached}},
		{"PWD-08 an unknown one is fine", answer(otherSuffix + ":1"), false, 0, nil},
		{"PWD-08 F04 a server that is down refuses with 503", down, false, 503, nil},
		{"PWD-08 F04 FailOpenBreached accepts", down, true, 0, nil},
		{"PWD-08 FailOpenBreached refuses what is known all the same", answer(suffix + ":1"), true, 422, []password.Reason{password.ReasonBreached}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			policy, err := password.NewPolicy(password.PolicyConfig{Breached: client(t, tt.h, breach.Config{}).Check, FailOpenBreached: tt.failOpen})
			if err != nil {
				t.Fatal(err)
			}
			err = policy.Check(t.Context(), pw)
			status := 0
			if err != nil {
				status = problem.From(err).Status
			}
			var rejected *password.PolicyError
			if status != tt.status || errors.As(err, &rejected) != (tt.reasons != nil) || rejected != nil && !slices.Equal(rejected.Reasons, tt.reasons) {
				t.Errorf("%v: status %d, want %d", err, status, tt.status)
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	c := client(t, answer(good), breach.Config{Timeout: 30 * time.Second})
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if found, err := c.Check(context.Background(), known); !found || err != nil {
				t.Error(found, err)
			}
		})
	}
	wg.Wait()
}
