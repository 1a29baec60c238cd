package sessionsql_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/testkit/sessionsite"
	"github.com/go-sallyport/auth/session/sqlstore"
	"github.com/go-sallyport/auth/session/storetest"
)

// site is a service with sessions in the database of the parent.
func site(c *sqltest.Child) error {
	pool, err := c.Pool()
	if err != nil {
		return err
	}
	s, err := sqlstore.New(pool, c.Dialect, sqlstore.Config{Timeout: sqltest.Patient})
	if err != nil {
		return err
	}
	return sessionsite.Serve(c.Args[0], s, c.Ready)
}

func startSite(t *testing.T, d *sqltest.Database) (http.Handler, func()) {
	t.Helper()
	socket := sessionsite.Socket(t)
	p := d.Start(t, "site", socket)
	p.AwaitReady()
	return sessionsite.At(socket), p.Kill
}

func TestProcesses(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		store := open(t, d)
		t.Run("F23 I2 I3 two processes, 64 clients who sign in and out, renew and revoke", func(t *testing.T) {
			a, killA := startSite(t, d)
			b, killB := startSite(t, d)
			storetest.HistoryAt(t, time.Second, a, b)
			killA()
			killB()
		})
		sessionsite.Crash(t, store, func(t *testing.T) (http.Handler, func()) { return startSite(t, d) })
	})
}
