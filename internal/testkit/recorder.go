package testkit

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// Handler records the responses of next as they go to the client: status line,
// headers and trailers, body, interim responses and what is written after a
// Hijack; and the value of a panic. Anything that compresses belongs around it.
func (c *Canary) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := r.Method + " " + r.URL.Path
		log := c.record("the response to "+request, "")
		log.request = request
		rec := &recorder{ResponseWriter: w, log: &writer{c, log}, proto: r.Proto}
		defer func() {
			if v := recover(); v != nil {
				c.record("the panic of "+request, fmt.Sprintf("%v\n%+v\n", v, v))
				panic(v)
			}
		}()
		next.ServeHTTP(rec, r)
		rec.finish()
	})
}

// A recorder notes a response on its way. It keeps Flush, Hijack and interim
// responses working.
type recorder struct {
	http.ResponseWriter
	log   *writer
	proto string
	begun bool
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	w.head(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	w.head(http.StatusOK)
	_, _ = w.log.Write(b)
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (w *recorder) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController looks for.
func (w *recorder) FlushError() error {
	w.head(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker. What is written to the connection, and to
// its buffer, is recorded.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.begun = true
	own := &recordedConn{conn, w.log}
	buf.Writer.Reset(own)
	return own, buf, nil
}

type recordedConn struct {
	net.Conn
	log io.Writer
}

func (c *recordedConn) Write(b []byte) (int, error) {
	_, _ = c.log.Write(b)
	return c.Conn.Write(b)
}

// head notes the status line and the headers, once but for interim responses.
func (w *recorder) head(status int) {
	if w.begun {
		return
	}
	w.begun = status >= 200 || status == http.StatusSwitchingProtocols
	_, _ = fmt.Fprintf(w.log, "%s %d %s\r\n", w.proto, status, http.StatusText(status))
	w.headers(func(string) bool { return true })
	_, _ = io.WriteString(w.log, "\r\n")
}

// finish notes the trailers, and the head of a response that has no body.
func (w *recorder) finish() {
	w.head(http.StatusOK)
	announced := strings.Join(w.Header().Values("Trailer"), ",")
	w.headers(func(name string) bool {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
		for one := range strings.SplitSeq(announced, ",") {
			if http.CanonicalHeaderKey(strings.TrimSpace(one)) == name {
				return true
			}
		}
		return false
	})
}

func (w *recorder) headers(want func(name string) bool) {
	for name, values := range w.Header() {
		for _, v := range values {
			if want(name) {
				_, _ = fmt.Fprintf(w.log, "%s: %s\r\n", name, v)
			}
		}
	}
}
