package breach_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/password/breach"
)

func TestBadAnswers(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, good)
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"500":                      status(500),
		"503":                      status(503),
		"404":                      status(404),
		"429":                      status(429),
		"204":                      status(204),
		"206, a part":              status(206),
		"nothing":                  answer(""),
		"an empty line":            answer("\r\n"),
		"an empty line in between": answer(otherSuffix + ":1\r\n\r\n" + knownSuffix + ":1"),
		"an HTML page":             answer("<!DOCTYPE html><html><body>Sign in to the guest network</body></html>"),
		"JSON":                     answer(`{"error":"rate limited"}`),
		"a good line, then HTML":   answer(knownSuffix + ":1\r\n<html>"),
		"HTML, then a good line":   answer("<html>\r\n" + knownSuffix + ":1"),
		"34 digits":                answer(knownSuffix[1:] + ":1"),
		"36 digits":                answer("0" + knownSuffix + ":1"),
		"40 digits":                answer(knownPrefix + knownSuffix + ":1"),
		"digits in small letters":  answer(strings.ToLower(knownSuffix) + ":1"),
		"no count":                 answer(knownSuffix + ":"),
		"no colon":                 answer(knownSuffix + " 1"),
		"no line whole":            answer(knownSuffix),
		"a negative count":         answer(knownSuffix + ":-1"),
		"a count with a sign":      answer(knownSuffix + ":+1"),
		"a leading zero":           answer(knownSuffix + ":01"),
		"a count beyond bounds":    answer(knownSuffix + ":99999999999999999999"),
		"a count with a space":     answer(knownSuffix + ":1 "),
		"two carriage returns":     answer(knownSuffix + ":1\r\r\n"),
		"a NUL":                    answer(knownSuffix + ":1\x00"),
		"broken off in the line":   answer(otherSuffix + ":21\r\n" + knownSuffix[:20]),
		"600 KiB":                  answer(strings.Repeat(otherSuffix+":1\r\n", 16<<10)),
		"less than it said":        cutShort,
		"a line more than 512 KiB": answer(otherSuffix + ":1000\n" + strings.Repeat(otherSuffix+":1\n", 13796) + knownSuffix + ":1"),
		"digits beyond F":          answer(strings.Repeat("G", 35) + ":1"),
		"a redirect within":        func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/range/00000", http.StatusFound) },
		"a redirect to itself": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		},
		"a connection that is shut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run("PWD-08 "+name, func(t *testing.T) {
			c := client(t, h, breach.Config{})
			found, err := c.Check(t.Context(), known)
			if found || err == nil {
				t.Fatalf("%t, %v; want an error", found, err)
			}
			saysNothing(t, err)
		})
	}
	t.Run("an answer without end is not read to its end", func(t *testing.T) {
		sent := make(chan int, 1)
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n := 0
			for line := []byte(strings.Repeat(otherSuffix+":1\r\n", 100)); n < 1<<30; n += len(line) {
				if _, err := w.Write(line); err != nil {
					break
				}
			}
			sent <- n
		}), breach.Config{Timeout: 30 * time.Second})
		if _, err := c.Check(t.Context(), known); err == nil {
			t.Error("no error")
		}
		if n := <-sent; n > 64<<20 {
			t.Errorf("%d bytes were taken", n)
		}
	})
	t.Run("the digits do not go to another host", func(t *testing.T) {
		var asked []string
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.Path) }))
		defer other.Close()
		for _, code := range []int{301, 302, 303, 307, 308} {
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+r.URL.Path, code) }), breach.Config{})
			if found, err := c.Check(t.Context(), known); found || err == nil {
				t.Errorf("%d: %t, %v", code, found, err)
			}
		}
		if len(asked) > 0 {
			t.Errorf("the other host was asked for %v", asked)
		}
	})
}

// cutShort announces more than it sends.
func cutShort(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "10000")
	_, _ = io.WriteString(w, good+"\r\n")
}

// saysNothing holds an error to having no part of the password or its digest.
func saysNothing(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{known, knownPrefix, knownSuffix[:5], "Sign in to the guest"} {
		if strings.Contains(strings.ToUpper(err.Error()), strings.ToUpper(secret)) {
			t.Errorf("PWD-15 the error has %q: %v", secret, err)
		}
	}
}

func TestTime(t *testing.T) {
	for name, cfg := range map[string]breach.Config{
		"two seconds":          {},
		"what it is told":      {Timeout: 7 * time.Second},
		"no more than a day's": {Timeout: 30 * time.Second},
	} {
		want := max(cfg.Timeout, breach.DefaultTimeout)
		if cfg.Timeout > 0 {
			want = cfg.Timeout
		}
		for phase, slow := range map[string]func(ctx context.Context) (*http.Response, error){
			"before the answer": func(ctx context.Context) (*http.Response, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
			"in its middle": func(ctx context.Context) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: &stalled{ctx: ctx}}, nil
			},
		} {
			t.Run("F04 a server that stalls "+phase+" is left after "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cfg := cfg
					cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) { return slow(r.Context()) })
					start := time.Now()
					found, err := newClient(t, cfg).Check(t.Context(), known)
					if found || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != want {
						t.Errorf("%t, %v after %s, want %s", found, err, time.Since(start), want)
					}
					saysNothing(t, err)
				})
			})
		}
	}
	t.Run("F31 a client that has gone is obeyed", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := client(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}), breach.Config{Timeout: 30 * time.Second})
		found, err := c.Check(ctx, known)
		if found || !errors.Is(err, context.Canceled) {
			t.Errorf("%t, %v", found, err)
		}
		saysNothing(t, err)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A stalled body has one good line and then nothing.
type stalled struct {
	ctx  context.Context
	sent bool
}

func (s *stalled) Read(b []byte) (int, error) {
	if !s.sent {
		s.sent = true
		return copy(b, knownSuffix+":1\r\n"), nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func (*stalled) Close() error { return nil }

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	found, err := newClient(t, breach.Config{BaseURL: "http://" + addr}).Check(t.Context(), known)
	if found || err == nil {
		t.Fatalf("%t, %v", found, err)
	}
	saysNothing(t, err)
}
