package session_test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
)

func TestWhatIsRecorded(t *testing.T) {
	c := newClock()
	spy := newSpy(t, c)
	m := newManager(t, spy, session.Config{Now: c.Now, ClientIP: nil})
	r := httptest.NewRequest("POST", "https://shop.example/login", nil)
	r.Header.Set("User-Agent", strings.Repeat("ü", 127)+"x"+strings.Repeat("ü", 500))
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	r.RemoteAddr = "[::ffff:203.0.113.9]:443"
	p := alice()
	p.Method = "password"
	p.Factors = []auth.Factor{{Kind: auth.FactorPassword, At: time.Date(2030, 1, 1, 0, 0, 0, 123456789, time.Local)}}
	given := p.Clone()
	if err := m.SignIn(httptest.NewRecorder(), r, p); err != nil {
		t.Fatal(err)
	}
	if !p.Equal(given) {
		t.Error("the principal that was given has changed")
	}
	rec, err := spy.Store.Find(t.Context(), spy.ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if rec.Address != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("address %v: a forwarded header is not to be believed", rec.Address)
	}
	if want := strings.Repeat("ü", 127) + "x"; rec.UserAgent != want {
		t.Errorf("user agent of %d bytes: %q", len(rec.UserAgent), rec.UserAgent)
	}
	now := time.UnixMilli(c.Now().UnixMilli()).UTC()
	if rec.Created != now || rec.Seen != now || rec.Deadline != now.Add(session.DefaultLifetime) || rec.Principal.AuthenticatedAt != now {
		t.Errorf("times %v %v %v %v", rec.Created, rec.Seen, rec.Deadline, rec.Principal.AuthenticatedAt)
	}
	if at := rec.Principal.Factors[0].At; !at.Equal(p.Factors[0].At.Truncate(time.Millisecond)) || at.Location() != time.UTC {
		t.Errorf("factor at %v", at)
	}
	if rec.Principal.Method != auth.MethodSession || rec.Principal.CredentialID != rec.ID {
		t.Errorf("principal %+v", rec.Principal)
	}
	t.Run("a record is the same before and after its encoding", func(t *testing.T) {
		b, err := rec.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var back session.Record
		if err := back.UnmarshalBinary(b); err != nil || !back.Principal.Equal(rec.Principal) || back.Created != rec.Created || back.Deadline != rec.Deadline {
			t.Fatal(err, back)
		}
	})
	t.Run("who signed in before keeps the time of that proof", func(t *testing.T) {
		p := alice()
		p.AuthenticatedAt = c.Now().Add(-5 * time.Minute)
		if err := m.SignIn(httptest.NewRecorder(), httptest.NewRequest("POST", "https://shop.example/login", nil), p); err != nil {
			t.Fatal(err)
		}
		rec, err := spy.Store.Find(t.Context(), spy.ids[1])
		if err != nil || !rec.Principal.AuthenticatedAt.Equal(p.AuthenticatedAt.Truncate(time.Millisecond)) {
			t.Fatal(err, rec)
		}
	})
}

func TestChallenge(t *testing.T) {
	m := newManager(t, nil, session.Config{})
	for _, c := range []struct {
		err  error
		want string
	}{
		{auth.ErrNoCredentials, `Cookie cookie-name="__Host-session"`},
		{&auth.StepUpError{MaxAge: time.Minute}, `error="insufficient_user_authentication"`},
		{&auth.ScopeError{Scope: "orders:read"}, `error="insufficient_scope"`},
	} {
		if got := m.Challenge(c.err); !strings.HasPrefix(got, "Cookie ") || !strings.Contains(got, c.want) {
			t.Errorf("%v: %s", c.err, got)
		}
	}
	if !m.Ambient() {
		t.Error("a cookie is ambient")
	}
}
