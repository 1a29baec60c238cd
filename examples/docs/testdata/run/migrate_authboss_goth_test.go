package takeover

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"golang.org/x/crypto/bcrypt"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/session"
)

// A user of the old table signs in with the old password, and has a new hash then.
func TestUsers(t *testing.T) {
	old, err := bcrypt.GenerateFromPassword([]byte("correct horse battery"), 10)
	if err != nil {
		t.Fatal(err)
	}
	store, err := account.NewMemoryStore(0)
	if err != nil {
		t.Fatal(err)
	}
	rows := []Row{
		{ID: "17", Email: "Alice@example.com", Password: string(old), Confirmed: true, CreatedAt: time.Now()},
		{ID: "18", Email: "alice@example.com", Password: string(old), Confirmed: true, CreatedAt: time.Now()},
		{ID: "19", Email: "not an address", Password: string(old), CreatedAt: time.Now()},
	}
	var asked []string
	if err := Users(t.Context(), store, rows, func(r Row, _ error) { asked = append(asked, r.ID) }); err != nil {
		t.Fatal(err)
	}
	if strings.Join(asked, " ") != "18 19" {
		t.Error(asked)
	}
	hasher, err := Hasher()
	if err != nil {
		t.Fatal(err)
	}
	outbox, err := account.NewOutbox(account.NewCapture(1), account.OutboxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer outbox.Close(t.Context())
	accounts, err := account.New(store, account.Config{BaseURL: "https://app.example.com", Key: []byte("32 random bytes from a secret..."), Outbox: outbox, Hasher: hasher})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p, err := accounts.Authenticate(t.Context(), account.Client{}, "alice@example.com", "correct horse battery")
		if err != nil || p.Subject != "17" {
			t.Fatal(p, err)
		}
		u, err := store.Find(t.Context(), "17")
		if err != nil || !strings.HasPrefix(u.Hash, "$argon2id$") {
			t.Error(u.Hash, err)
		}
	}
}

type apps struct {
	secret string
	last   int64
}

func (a *apps) Secret(context.Context, string) (string, error) { return a.secret, nil }

func (a *apps) Advance(_ context.Context, _ string, step int64) (bool, error) {
	if step <= a.last {
		return false, nil
	}
	a.last = step
	return true, nil
}

func (a *apps) Delete(context.Context, string) error { a.secret = ""; return nil }

// The password alone signs nobody in who had an app; a code of it does, once.
func TestOldApp(t *testing.T) {
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	factors, err := mfa.New(nil, mfa.Config{Issuer: "Example", Key: []byte("32 random bytes from a secret...")})
	if err != nil {
		t.Fatal(err)
	}
	old := &apps{secret: "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}
	app := OldApp{old}
	factors.Register(app)
	door := factors.Gate(sessions)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := door.SignIn(w, r, &auth.Principal{Subject: "17"}); err != nil {
			t.Error(err)
		}
	})
	mux.Handle("POST /old", app.Challenge(factors))
	mux.Handle("POST /enable", auth.Require(sessions)(factors.EnableHandler()))
	mux.Handle("GET /", auth.Require(sessions)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	site := sessions.Handler(mux)
	send := func(want int, method, path, body string, cookies []*http.Cookie) []*http.Cookie {
		t.Helper()
		r := httptest.NewRequest(method, "https://app.example.com"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != want {
			t.Fatal(path, w.Code, w.Body)
		}
		return w.Result().Cookies()
	}
	waiting := send(401, "POST", "/login", "", nil)
	send(401, "GET", "/", "", waiting)
	send(401, "POST", "/old", "code=000", waiting)
	code, err := totp.GenerateCode(old.secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	in := send(204, "POST", "/old", "code="+code, waiting)
	send(200, "GET", "/", "", in)
	send(200, "POST", "/enable", "", in) // who has just proved the old app may have the new one
	send(401, "POST", "/old", "code="+code, send(401, "POST", "/login", "", nil))
	_ = old.Delete(t.Context(), "17")
	send(204, "POST", "/login", "", nil)
}

// Both sessions are let in, and the new one decides where there are two.
func TestSideBySide(t *testing.T) {
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	old := OldSession{User: func(r *http.Request) (string, error) {
		c, err := r.Cookie("ab")
		if err != nil {
			return "", nil
		}
		return c.Value, nil
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignIn(w, r, &auth.Principal{Subject: "new"}); err != nil {
			t.Error(err)
		}
	})
	mux.Handle("GET /", auth.Require(sessions, old)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		w.Header().Set("Who", p.Subject)
	})))
	site := sessions.Handler(mux)
	send := func(method string, cookies ...*http.Cookie) *http.Response {
		r := httptest.NewRequest(method, "https://app.example.com/login", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		return w.Result()
	}
	ab := &http.Cookie{Name: "ab", Value: "old"}
	fresh := send("POST").Cookies()[0]
	for want, cookies := range map[string][]*http.Cookie{"old": {ab}, "new": {ab, fresh}, "": nil} {
		if got := send("GET", cookies...).Header.Get("Who"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
