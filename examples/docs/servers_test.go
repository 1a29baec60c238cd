package docs

import (
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit"
)

// servers says where the program of several-machines.md finds its servers: where the
// environment says, or where they most often are.
func servers(t *testing.T) []string {
	t.Helper()
	env := os.Environ()
	for _, s := range []struct{ variable, usual, name string }{
		{"POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable", "PostgreSQL"},
		{"REDIS_URL", "redis://127.0.0.1:6379", "redis-server"},
	} {
		address := os.Getenv(s.variable)
		if address == "" {
			address = s.usual
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(t.Context(), "tcp", u.Host); err == nil {
			_ = conn.Close()
			env = append(env, s.variable+"="+address)
			continue
		}
		testkit.Unavailable(t, s.name+": nothing answers at "+u.Host+" (see "+s.variable+"), so the stores of several-machines.md were opened and not used")
		env = append(env, s.variable+"=")
	}
	return env
}
