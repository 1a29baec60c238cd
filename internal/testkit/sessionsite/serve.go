package sessionsite

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/storetest"
)

// dieBefore is the header of a request in the midst of which the process ends,
// as by kill -9: before its call of the store with that number. The answer counts
// as one more call.
const dieBefore = "Die-Before"

// Serve serves a storetest.NewHistorySite over s at a Unix socket until until
// returns.
func Serve(socket string, s session.Store, until func() error) error {
	site, err := storetest.NewHistorySite(mortal{s})
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		steps := new(atomic.Int64)
		if n, err := strconv.ParseInt(r.Header.Get(dieBefore), 10, 64); err == nil {
			steps.Store(n)
		}
		ctx := context.WithValue(r.Context(), stepsKey{}, steps)
		site.ServeHTTP(w, r.WithContext(ctx))
		step(ctx) // what the handler wrote is still in a buffer of net/http
	})}
	go func() { _ = server.Serve(l) }()
	err = until()
	_ = server.Close()
	return err
}

// Socket returns a path for Serve. Those in t.TempDir are too long for a socket.
func Socket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "site")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

type stepsKey struct{}

// step ends the process if it is time to.
func step(ctx context.Context) {
	if steps, _ := ctx.Value(stepsKey{}).(*atomic.Int64); steps == nil || steps.Add(-1) != 0 {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // the signal is on its way
}
