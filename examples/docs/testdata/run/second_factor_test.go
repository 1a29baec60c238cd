package door

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password"
)

// The rows of the table, in their order.
func TestTable(t *testing.T) {
	hasher, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := hasher.Hash(t.Context(), "alice has two keys")
	if err != nil {
		t.Fatal(err)
	}
	logins, err := password.NewChecker(func(context.Context, string) (string, *auth.Principal, error) {
		return hash, &auth.Principal{Subject: "1"}, nil
	}, password.CheckerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	s := &Service{
		Logins:  logins,
		Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil },
		Mail:    func(context.Context, mfa.Notice) { told++ },
	}
	site, err := s.New(make([]byte, 32), make([]byte, 32))
	if err == nil {
		t.Error("a key of zeros is accepted")
	}
	site, err = s.New([]byte("0123456789abcdef0123456789abcdef"), []byte("f123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	jar := map[string]*http.Cookie{}
	send := func(want int, path, body string) map[string]any {
		t.Helper()
		r := httptest.NewRequest("POST", "https://app.example.com"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if strings.Contains(body, "=") {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		for _, c := range jar {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			if jar[c.Name] = c; c.MaxAge < 0 {
				delete(jar, c.Name)
			}
		}
		if w.Code != want {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		var answer map[string]any
		_ = json.Unmarshal(w.Body.Bytes(), &answer)
		return answer
	}
	const login = "email=alice@example.com&password=alice+has+two+keys"
	send(204, "/login", login)
	send(401, "/payout", "")
	send(200, "/passkeys/register/begin", "")
	enrolment := send(200, "/mfa/enable", "")
	code, err := totp.GenerateCode(enrolment["secret"].(string), time.Now())
	if err != nil || !strings.HasPrefix(enrolment["qr"].(string), "data:image/png") {
		t.Fatal(enrolment, err)
	}
	codes := send(200, "/mfa/verify", `{"code":"`+code+`"}`)["recovery_codes"].([]any)
	send(204, "/payout", "")

	clear(jar)
	if got := send(401, "/login", login); got["code"] != "MFA_REQUIRED" || got["factors"] == nil || got["expires_in"] == nil {
		t.Error(got)
	}
	send(401, "/payout", "")
	send(401, "/mfa/challenge", `{"code":"`+code+`"}`) // was used
	send(204, "/mfa/challenge", `{"recovery_code":"`+codes[0].(string)+`","trust_device":true}`)
	send(204, "/payout", "")

	session := jar["__Host-session"]
	delete(jar, session.Name)
	send(204, "/login", login) // trusted
	if got := send(401, "/payout", ""); got["code"] != "STEP_UP_REQUIRED" || got["max_age"] != 300.0 || got["factors"] == nil {
		t.Error(got)
	}
	send(204, "/mfa/challenge", `{"recovery_code":"`+codes[1].(string)+`"}`)
	send(204, "/payout", "")
	send(204, "/mfa/disable", `{"recovery_code":"`+codes[2].(string)+`"}`)
	clear(jar)
	send(204, "/login", login)
	if told == 0 {
		t.Error("nobody is told")
	}
}
