package problem_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/problem"
)

func TestFrom(t *testing.T) {
	inner := problem.Wrap(problem.NotFound, errors.New("no such row"))
	for _, tc := range []struct {
		name string
		err  error
		want problem.Code
	}{
		{"nil", nil, problem.Internal},
		{"an error that nobody paired", errors.New("pq: password authentication failed"), problem.Internal},
		{"paired", inner, problem.NotFound},
		{"paired and wrapped", fmt.Errorf("orders: %w", inner), problem.NotFound},
		{"joined", errors.Join(errors.New("x"), inner), problem.NotFound},
		{"the outermost pair wins", problem.Wrap(problem.Forbidden, inner), problem.Forbidden},
		{"body limit", fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 1}), problem.BodyTooLarge},
		{"deadline", fmt.Errorf("redis: %w", context.DeadlineExceeded), problem.Unavailable},
		{"cancelled", context.Canceled, problem.Internal},
	} {
		if got := problem.From(tc.err).Code; got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	if problem.Wrap(problem.Forbidden, nil) != nil {
		t.Error("Wrap(nil) is not nil")
	}
	if err := fmt.Errorf("more: %w", inner); !errors.Is(err, inner) {
		t.Error("a pair hides its identity")
	}
}

func TestWriteError(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)

	t.Run("PRB-02 nothing of the cause is sent", func(t *testing.T) {
		const secret = "SELECT * FROM users WHERE token='canary'"
		for _, err := range []error{
			errors.New(secret), problem.Wrap(problem.Forbidden, errors.New(secret)), fmt.Errorf("%s: %w", secret, problem.Sentinel(problem.NotFound, secret)),
			problem.PanicError(secret),
		} {
			w := httptest.NewRecorder()
			problem.WriteError(w, r, err)
			if strings.Contains(w.Body.String(), "canary") || strings.Contains(fmt.Sprint(w.Header()), "canary") {
				t.Errorf("%T shows its cause: %s", err, w.Body)
			}
			if !strings.Contains(err.Error(), "canary") {
				t.Errorf("%T hides its cause from the log", err)
			}
		}
	})

	t.Run("headers of the error replace, challenges add up", func(t *testing.T) {
		w := httptest.NewRecorder()
		w.Header().Set("Retry-After", "1")
		w.Header().Set("WWW-Authenticate", "Basic")
		problem.WriteError(w, r, &problem.Error{
			Details: problem.New(problem.TooManyRequests),
			Header:  http.Header{"Retry-After": {"60"}, "Www-Authenticate": {"Bearer"}},
		})
		if got := w.Header().Values("Retry-After"); !slices.Equal(got, []string{"60"}) {
			t.Errorf("Retry-After %q", got)
		}
		if got := w.Header().Values("WWW-Authenticate"); !slices.Equal(got, []string{"Basic", "Bearer"}) {
			t.Errorf("WWW-Authenticate %q", got)
		}
	})

	t.Run("an Error without a cause still has a text", func(t *testing.T) {
		e := &problem.Error{Details: problem.New(problem.Forbidden).WithDetail("no")}
		if got := e.Error(); got != "problem: You may not do this: no" {
			t.Errorf("got %q", got)
		}
	})

	t.Run("nothing is allocated for a fixed problem", func(t *testing.T) {
		w := &discard{header: make(http.Header)}
		err := problem.Sentinel(problem.Forbidden, "x")
		if n := testing.AllocsPerRun(100, func() { problem.WriteError(w, r, err) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func TestRecover(t *testing.T) {
	cause := errors.New("store exploded")
	run := func(t *testing.T, h http.HandlerFunc) (*http.Response, string, error) {
		t.Helper()
		var seen error
		srv := httptest.NewUnstartedServer(problem.Recover(func(w http.ResponseWriter, r *http.Request, err error) {
			seen = err
			problem.WriteError(w, r, err)
		})(h))
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		srv.Start()
		defer srv.Close()
		res, err := srv.Client().Get(srv.URL)
		if err != nil {
			return nil, "", seen
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return nil, string(b), seen
		}
		return res, string(b), seen
	}

	t.Run("PRB-05 H04 a panic is a 500 problem", func(t *testing.T) {
		res, b, seen := run(t, func(http.ResponseWriter, *http.Request) { panic(cause) })
		if res == nil || res.StatusCode != 500 || !strings.Contains(b, `"code":"INTERNAL_ERROR"`) || strings.Contains(b, "exploded") {
			t.Errorf("got %v %q", res, b)
		}
		if !errors.Is(seen, problem.ErrPanic) || !errors.Is(seen, cause) {
			t.Errorf("the handler sees %v", seen)
		}
	})
	t.Run("PRB-05 headers prepared by a 1xx do not count as begun", func(t *testing.T) {
		res, _, _ := run(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints); panic("x") })
		if res == nil || res.StatusCode != 500 {
			t.Errorf("got %v", res)
		}
	})
	t.Run("PRB-05 a response that has begun is aborted", func(t *testing.T) {
		for name, begin := range map[string]func(http.ResponseWriter){
			"write":      func(w http.ResponseWriter) { _, _ = io.WriteString(w, "half an answer") },
			"flusher":    func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
			"controller": func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		} {
			if res, b, _ := run(t, func(w http.ResponseWriter, _ *http.Request) { begin(w); panic("x") }); res != nil {
				t.Errorf("%s: the client got a whole answer: %q", name, b)
			}
		}
	})
	t.Run("PRB-05 http.ErrAbortHandler is let through", func(t *testing.T) {
		if res, _, seen := run(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }); res != nil || seen != nil {
			t.Errorf("got %v, %v", res, seen)
		}
	})
	t.Run("hijack works through the writer", func(t *testing.T) {
		res, b, _ := run(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
			_ = conn.Close()
		})
		if res == nil || b != "hi" {
			t.Errorf("got %v %q", res, b)
		}
	})
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	h := problem.Log(slog.New(slog.NewTextHandler(&out, nil)), nil)
	r := httptest.NewRequest("POST", "/orders?token=canary", nil)

	w := httptest.NewRecorder()
	h(w, r, errors.New("disk full"))
	if w.Code != 500 || !strings.Contains(out.String(), "disk full") || !strings.Contains(out.String(), "path=/orders") {
		t.Errorf("%d, log %q", w.Code, &out)
	}
	if strings.Contains(out.String(), "canary") {
		t.Errorf("the query is in the log: %q", &out)
	}

	out.Reset()
	w = httptest.NewRecorder()
	h(w, r, problem.Sentinel(problem.Forbidden, "no"))
	if w.Code != 403 || out.Len() != 0 {
		t.Errorf("%d, log %q", w.Code, &out)
	}
}

func BenchmarkWriteError(b *testing.B) {
	r := httptest.NewRequest("GET", "/", nil)
	w := &discard{header: make(http.Header)}
	fixed := problem.Sentinel(problem.Forbidden, "x")
	detail := &problem.Error{Details: problem.New(problem.Forbidden).WithDetail("Only the owner may cancel an order.")}
	detail.Details.Instance = "/orders/17"
	b.Run("fixed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			problem.WriteError(w, r, fixed)
		}
	})
	b.Run("detail", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			problem.WriteError(w, r, detail)
		}
	})
}
