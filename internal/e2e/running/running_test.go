package running_test

import (
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

const words = "correct horse battery staple"

func TestTwoProcesses(t *testing.T) {
	running.Each(t, func(t *testing.T, b *running.Backend) {
		one, two := b.Start(t, running.Options{}), b.Start(t, running.Options{})
		alice := one.Member(t, "alice@example.com", words)
		alice.Want(t, alice.At(two).Call(t, "GET", "/api/v1/profile", nil), 200)
		if a := alice.HTTP2().Call(t, "GET", "/api/v1/profile", nil); a.ProtoMajor != 2 || a.StatusCode != 200 {
			t.Errorf("%s %d", a.Proto, a.StatusCode)
		}
		_, token := two.TokenFor(t, "alice@example.com", words)
		script := one.Bearer(token)
		script.Want(t, script.Call(t, "GET", "/api/v1/profile", nil), 200)
		admin := two.Administrator(t)
		admin.Want(t, admin.Call(t, "GET", "/api/v1/admin/users", nil), 200)

		one.Kill()
		alice.Want(t, alice.At(two).Call(t, "GET", "/api/v1/profile", nil), 200)
		if took, err := two.Stop(t); err != nil {
			t.Errorf("after %v: %v", took, err)
		}
		if !strings.Contains(two.Log(), "msg=signin") {
			t.Errorf("the log has no sign-in:\n%s", two.Log())
		}
	})
}

func TestARefusedStart(t *testing.T) {
	b := running.On(t, "SQLite", nil)
	s, err := b.TryStart(t, running.Options{Args: []string{"-nonsense"}})
	if err == nil || !strings.Contains(s.Log(), "nonsense") {
		t.Errorf("%v\n%s", err, s.Log())
	}
}
