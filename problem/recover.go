package problem

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// ErrPanic is wrapped by the error that a recovered panic is turned into.
var ErrPanic = errors.New("problem: panic")

// Recover returns middleware that answers a panic of the handlers behind it
// with a 500 problem, through h (nil: WriteError). The error that h receives
// wraps ErrPanic and, if the panic value is an error, that error.
//
// http.ErrAbortHandler is let through, as net/http asks. If the response had
// begun it cannot be replaced: Recover then reports the panic to nobody but
// aborts the connection, so that the client sees a broken answer and not a
// complete one.
func Recover(h ErrorHandler) func(http.Handler) http.Handler {
	if h == nil {
		h = WriteError
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sw := &startedWriter{ResponseWriter: w}
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				err := PanicError(v)
				if sw.started {
					panic(http.ErrAbortHandler)
				}
				h(w, r, err)
			}()
			next.ServeHTTP(sw, r)
		})
	}
}

// PanicError turns a recovered panic value into an error that wraps ErrPanic.
// It panics again with http.ErrAbortHandler, which is not a fault but the way to
// abort a response.
func PanicError(v any) error {
	if err, ok := v.(error); ok {
		if errors.Is(err, http.ErrAbortHandler) {
			panic(http.ErrAbortHandler)
		}
		return fmt.Errorf("%w: %w", ErrPanic, err)
	}
	return fmt.Errorf("%w: %v", ErrPanic, v)
}

// A startedWriter remembers whether the response has begun. It has the methods
// that handlers look for by type assertion and Unwrap for those that ask through
// http.ResponseController.
type startedWriter struct {
	http.ResponseWriter
	started bool
}

func (w *startedWriter) Unwrap() http.ResponseWriter {
	// Whoever asks for the writer below may flush or hijack it.
	w.started = true
	return w.ResponseWriter
}

func (w *startedWriter) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.started = true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *startedWriter) Write(b []byte) (int, error) {
	w.started = true
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher. It does nothing if the writer below cannot.
func (w *startedWriter) Flush() {
	w.started = true
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker.
func (w *startedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.started = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
