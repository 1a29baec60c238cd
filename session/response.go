package session

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// A response commits the session before the first byte, by whatever road it
// leaves: a status (1xx too, as it sends the headers), a body, a flush, a
// hijacked connection or the writer below. If that fails nothing of the handler
// is sent.
type response struct {
	http.ResponseWriter
	node *node
}

// begin is commit for what is about to send something.
func (w *response) begin() error {
	_, err := w.commit()
	return err
}

// commit commits, once, and answers if that fails. It reports whether this was
// the time.
func (w *response) commit() (first bool, err error) {
	first, err = w.node.commit()
	if first && err != nil {
		w.node.manager.cfg.ErrorHandler(w.ResponseWriter, w.node.request, err)
	}
	return first, err
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.begin() == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(b)
}

// ReadFrom keeps sendfile working.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return io.Copy(w.ResponseWriter, r)
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController looks for.
func (w *response) FlushError() error {
	if err := w.begin(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker. The cookie is in Header, for the caller to
// send with its own answer.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.begin(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// The deadlines and full duplex send nothing, so they need no commit, and must
// not reach the writer below through Unwrap, which does.

// SetReadDeadline is for http.ResponseController.
func (w *response) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(t)
}

// SetWriteDeadline is for http.ResponseController.
func (w *response) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetWriteDeadline(t)
}

// EnableFullDuplex is for http.ResponseController.
func (w *response) EnableFullDuplex() error {
	return http.NewResponseController(w.ResponseWriter).EnableFullDuplex()
}

// Unwrap gives the writer below to whoever looks for an ability that is not
// here. What they do with it is not seen, so the session is committed first; if
// that fails there is no writer to give.
func (w *response) Unwrap() http.ResponseWriter {
	if err := w.begin(); err != nil {
		return refusing{header: w.Header(), err: err}
	}
	return w.ResponseWriter
}

// refusing is a ResponseWriter of a response that is over.
type refusing struct {
	header http.Header
	err    error
}

func (w refusing) Header() http.Header       { return w.header }
func (w refusing) WriteHeader(int)           {}
func (w refusing) Write([]byte) (int, error) { return 0, w.err }
