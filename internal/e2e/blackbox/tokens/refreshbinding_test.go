package tokens_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func TestRefreshBinding(t *testing.T) {
	t.Parallel()
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	s.user(t, alice)
	s.user(t, bob)

	corpus.Case(t, "R11", "alice's refresh token beside bob's session and bob's access token; another client id is left to the tests of the package, a wider scope is J28", "alice's access token and nothing of bob's; beside his session the token decides", func(t *testing.T) {
		token, _ := s.family(t, alice)
		_, session := s.session(t, bob)
		_, access := s.family(t, bob)
		h := cookies("refresh="+token, "session="+session)
		h.Set("Authorization", "Bearer "+access)
		a := s.stranger().Send(t, "POST", refresh, h, nil)
		if a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.Text)
		}
		both := bearer(a.String("access_token"))
		both.Set("Cookie", "session="+session)
		if who := s.with(t, "GET", profile, both); who.String("data", "email") != alice || who.String("data", "method") != "jwt" {
			t.Errorf("%d %s", who.StatusCode, who.Text)
		}
		s.alive(t, cookies("session="+session))
	})

	corpus.Case(t, "R12", "families whose idle time or lifetime has passed in the store, and 300 rotations: the end does not move and a family does not grow (RFT-07, RFT-16); 10,000 are in the tests of the package", "401, also for the successor", func(t *testing.T) {
		s.exec(t, "DELETE FROM auth_families")
		token, _ := s.family(t, alice)
		deadline, size := s.familyRow(t)
		for range 300 {
			token, _ = s.successor(t, token)
		}
		if d, n := s.familyRow(t); d != deadline || n != size {
			t.Errorf("the end has moved from %d to %d, the size is %d and was %d", deadline, d, n, size)
		}
		s.exec(t, "UPDATE auth_families SET expires_at = 1")
		s.refuses(t, token)
		s.refuses(t, token)

		token, _ = s.family(t, alice)
		next, _ := s.successor(t, token)
		s.exec(t, "UPDATE auth_families SET deadline = 1")
		s.refuses(t, next, token)
	})

	corpus.Case(t, "RFT-11", "the cookies of sign-in, refresh and sign-out", "HttpOnly, SameSite=Strict, Path=/, no Domain; no-store; the refresh token in no body, the access token in no cookie", func(t *testing.T) {
		c := s.stranger()
		for _, a := range []*running.Answer{
			c.Call(t, "POST", signIn, running.Credentials(alice, password)), c.Call(t, "POST", refresh, nil), c.Call(t, "POST", revoke, nil),
		} {
			k := a.Cookie("refresh")
			if k == nil || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v, %s", a.Request.URL.Path, a.Header["Set-Cookie"], a.Header.Get("Cache-Control"))
				continue
			}
			token := a.String("access_token")
			if k.Value != "" && strings.Contains(a.Text, k.Value) || token != "" && strings.Contains(strings.Join(a.Header["Set-Cookie"], " "), token) {
				t.Error("a token where it must not be")
			}
		}
	})

	corpus.Case(t, "RFT-13", "a refresh after the roles have changed, after a reset of the password, after a second factor was set up, after the account was deleted", "the roles of now; 401", func(t *testing.T) {
		token, _ := s.family(t, alice)
		admin := s.Administrator(t)
		id := s.userID(t, alice)
		admin.Want(t, admin.Call(t, "PUT", "/api/v1/admin/users/"+id+"/roles", map[string][]string{"roles": {"manager"}}), 200)
		token, access := s.successor(t, token)
		if payload, _ := b64.DecodeString(strings.Split(access, ".")[1]); !strings.Contains(string(payload), `"roles":["manager"]`) {
			t.Errorf("the roles are %s", payload)
		}
		c := s.stranger()
		c.Want(t, c.Call(t, "POST", "/api/v1/auth/forgot-password", map[string]string{"email": alice}), 202)
		c.Want(t, c.Call(t, "POST", "/api/v1/auth/reset-password", map[string]string{"token": s.Token(t, alice, "password"), "password": password + " 2"}), 204)
		s.refuses(t, token)

		token, _ = s.family(t, bob)
		browser, _ := s.session(t, bob)
		browser.Enrol(t)
		s.refuses(t, token)
	})

	corpus.Case(t, "X-R3", "an account is deleted and another one made with its address: tokens and session of the first", "401 for all, the new account is somebody else", func(t *testing.T) {
		const carol = "carol@example.com"
		s.user(t, carol)
		token, access := s.family(t, carol)
		browser, cookie := s.session(t, carol)
		a := browser.Post(t, "/account/delete", map[string][]string{"password": {password}})
		if a.StatusCode != 303 {
			t.Fatalf("%d %s", a.StatusCode, a.Text)
		}
		check := func() {
			t.Helper()
			s.refuses(t, token)
			problem(t, s.with(t, "GET", profile, bearer(access)), 401)
			s.dead(t, cookie)
		}
		check()
		c := s.stranger()
		c.Want(t, c.Call(t, "POST", "/api/v1/auth/register", running.Credentials(carol, password)), 202)
		check()
	})
}

// familyRow is the end of the only family, and how many bytes it takes.
func (s *site) familyRow(t *testing.T) (deadline int64, size int) {
	t.Helper()
	db := s.backend.DB.Open(t)
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), "SELECT deadline, LENGTH(data) + LENGTH(calls) FROM auth_families").Scan(&deadline, &size); err != nil {
		t.Fatal(err)
	}
	return deadline, size
}

// userID asks the database who has an address.
func (s *site) userID(t *testing.T, email string) (id string) {
	t.Helper()
	db := s.backend.DB.Open(t)
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT id FROM auth_users WHERE canonical = '%s'", email)).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}
