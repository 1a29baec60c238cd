package tokens_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
)

func challenges(t *testing.T, f *forge) {
	corpus.Case(t, "JWT-17", "no credential, an invalid one, one that is over, one whose user may not; and texts of an attacker that would break out of a challenge", "401 without an error code, invalid_token, invalid_token, 403; no text of the token", func(t *testing.T) {
		a := f.h1.Call(t, "GET", profile, nil)
		problem(t, a, 401, "UNAUTHENTICATED")
		if values := a.Header["Www-Authenticate"]; len(values) == 0 || values[0] != "Bearer" || strings.Contains(strings.Join(values, " "), "error") {
			t.Errorf("%q", values)
		}
		f.refused(t, "over", f.token(map[string]string{"iat": fmt.Sprint(time.Now().Unix() - 700), "exp": fmt.Sprint(time.Now().Unix() - 100)}), "TOKEN_EXPIRED")
		problem(t, f.h1.Send(t, "GET", "/api/v1/admin/users", bearer(f.genuine), nil), 403)
		for _, token := range []string{`x", realm="evil`, `x\", error="none"`, "x, Basic realm=evil"} {
			a := f.h1.Send(t, "GET", profile, http.Header{"Authorization": {"Bearer " + token}}, nil)
			problem(t, a, 401)
			if strings.Contains(a.Header.Get("WWW-Authenticate")+a.Text, "evil") {
				t.Errorf("%q", a.Header.Get("WWW-Authenticate"))
			}
		}
	})

	corpus.Case(t, "SES-18", "an API key is asked for by a token of a sign-in an hour ago, without auth_time, with one in the future, and by a fresh one; all signed by the true key", "401 STEP_UP_REQUIRED; 201 for the fresh one", func(t *testing.T) {
		now := time.Now().Unix()
		create := func(changes map[string]string) (int, string) {
			h := bearer(f.token(changes))
			h.Set("Content-Type", "application/json")
			a := f.h1.Send(t, "POST", "/api/v1/api-keys", h, strings.NewReader(`{"name":"a","scopes":["orders:read"]}`))
			return a.StatusCode, a.Code()
		}
		f.exec(t, "UPDATE auth_users SET valid_after = 0") // or a token of an hour ago is older than the password
		for name, auth := range map[string]string{"an hour ago": fmt.Sprint(now - 3600), "never": "", "in a day": fmt.Sprint(now + 86400), "1970": "1"} {
			if status, code := create(map[string]string{"auth_time": auth, "amr_times": ""}); status != 401 || code != "STEP_UP_REQUIRED" {
				t.Errorf("%s: %d %s", name, status, code)
			}
		}
		if status, code := create(map[string]string{"auth_time": fmt.Sprint(time.Now().Unix())}); status != 201 {
			t.Errorf("fresh: %d %s", status, code)
		}
		f.exec(t, "DELETE FROM auth_api_keys")
	})

	corpus.Case(t, "X-J3", "a good token beside what proxies and frameworks read as another target or method: absolute and doubled paths, X-Original-URL, X-Rewrite-URL, method overrides, a Host of somebody else; towards what the user may not", "403 or 404, and never a page of the administrator", func(t *testing.T) {
		token := "Authorization: Bearer " + f.genuine
		for _, lines := range [][]string{
			{"GET " + profile + " HTTP/1.1", token, "X-Original-URL: /api/v1/admin/users", "X-Rewrite-URL: /api/v1/admin/users"},
			{"GET /api/v1/admin/users HTTP/1.1", token, "X-Original-URL: " + profile, "X-HTTP-Method-Override: OPTIONS"},
			{"GET //api/v1/admin/users HTTP/1.1", token}, {"GET /api/v1/profile/../admin/users HTTP/1.1", token}, {"GET /api/v1/profile/%2e%2e/admin/users HTTP/1.1", token},
			{"GET /api/v1/admin%2Fusers HTTP/1.1", token}, {"GET /api/v1/admin/users/ HTTP/1.1", token}, {"GET /API/V1/ADMIN/USERS HTTP/1.1", token}, {"GET /api/v1/admin/users;x HTTP/1.1", token},
			{"GET " + f.URL + "/api/v1/admin/users HTTP/1.1", token}, {"HEAD /api/v1/admin/users HTTP/1.1", token},
		} {
			status, _, body := f.raw(t, lines...)
			if strings.Contains(body, "admin@example.com") || status == 200 && !strings.HasPrefix(lines[0], "GET "+profile+" ") || status >= 500 {
				t.Errorf("%v: %d %s", lines[0], status, body)
			}
		}
	})
}
