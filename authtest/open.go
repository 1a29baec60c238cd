package authtest

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// NewBrowser starts a TLS server for h and returns a browser at its front door.
// Both are closed when the test ends.
func NewBrowser(t testing.TB, h http.Handler) *Browser {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(serverLog{os.Stderr}, nil), slog.LevelError)
	s.StartTLS()
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
