package sessionsite_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/sessionsite"
	"github.com/go-sallyport/auth/session"
)

func TestMain(m *testing.M) {
	sessionsite.Main(m, func(args []string) (session.Store, error) {
		if len(args) > 0 {
			return nil, errors.New("as it was told")
		}
		return session.NewMemoryStore(session.MemoryConfig{})
	})
}

func send(h http.Handler, path, cookie, step string) (status int, set string) {
	r := httptest.NewRequest(http.MethodPost, "https://shop.example"+path, nil)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	if step != "" {
		r.Header.Set("Die-Before", step)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	set, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return w.Code, set
}

func TestProcess(t *testing.T) {
	a, b := sessionsite.Start(t), sessionsite.Start(t)
	status, cookie := send(a, "/login?subject=u", "", "")
	if status != http.StatusOK || !strings.HasPrefix(cookie, "__Host-") {
		t.Fatalf("status %d, cookie %q", status, cookie)
	}
	if status, _ := send(a, "/read", cookie, ""); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if status, _ := send(b, "/read", cookie, ""); status != http.StatusUnauthorized {
		t.Errorf("status %d of a process that has other sessions", status)
	}
	if status, _ := send(a, "/read", cookie, "9"); status != http.StatusOK {
		t.Errorf("status %d of a request with fewer steps", status)
	}
	if status, _ := send(a, "/read", cookie, "1"); status != http.StatusBadGateway {
		t.Errorf("status %d of a process that should be dead", status)
	}
	a.Kill()
	b.Kill()
	b.Kill()
	if status, _ := send(b, "/read", cookie, ""); status != http.StatusBadGateway {
		t.Errorf("status %d of a process that was killed", status)
	}
	r := faketb.Run("TestTheirs", func(t testing.TB) { sessionsite.Start(t, "fail") })
	if !r.Failed || !strings.Contains(strings.Join(r.Log, ""), "as it was told") {
		t.Errorf("a process that failed: %+v", r)
	}
}
