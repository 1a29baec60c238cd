package testkit

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// NewBrowser starts a TLS server for h, HTTP/1.1, and returns a browser at its
// front door. Both are closed when the test ends.
func NewBrowser(t testing.TB, h http.Handler) *Browser {
	t.Helper()
	return start(t, h, (*httptest.Server).StartTLS)
}

// NewHTTP2Browser is NewBrowser over HTTP/2.
func NewHTTP2Browser(t testing.TB, h http.Handler) *Browser {
	t.Helper()
	return start(t, h, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	})
}

// NewPlainBrowser is NewBrowser without TLS. Unlike some browsers on a loopback
// address, it refuses Secure cookies there.
func NewPlainBrowser(t testing.TB, h http.Handler) *Browser {
	t.Helper()
	return start(t, h, (*httptest.Server).Start)
}

func start(t testing.TB, h http.Handler, run func(*httptest.Server)) *Browser {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(serverLog{os.Stderr}, "", log.LstdFlags)
	run(s)
	t.Cleanup(s.Close)
	return NewBrowserAt(t, s.URL, s.Client().Transport)
}

// A serverLog lets through what net/http has to say about a handler. Broken TLS
// handshakes are not worth a line: a client that dials more connections than it
// needs, as Go's does under load, leaves them behind.
type serverLog struct{ to io.Writer }

func (l serverLog) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("TLS handshake error")) {
		return len(b), nil
	}
	return l.to.Write(b)
}
