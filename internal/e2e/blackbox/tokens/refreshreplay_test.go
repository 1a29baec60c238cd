package tokens_test

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
)

// grace is how long the parent of the good token may come again.
const grace = 10 * time.Second

func TestReplay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		s.user(t, alice)

		corpus.Case(t, "R01", "a spent refresh token comes again at once, twice", "the same successor; the family lives (RFT-02, RFT-05)", func(t *testing.T) {
			first, _ := s.family(t, alice)
			second, _ := s.successor(t, first)
			for range 2 {
				if again, _ := s.successor(t, first); again != second {
					t.Error("a second child")
				}
			}
			s.successor(t, second)
		})

		corpus.Case(t, "R04", "a thief comes with a token of which the victim has used the successor", "401; the victim's next refresh 401 and the access tokens of both dead (RFT-03, RFT-06)", func(t *testing.T) {
			first, access := s.family(t, alice)
			second, _ := s.successor(t, first)
			third, latest := s.successor(t, second)
			s.refuses(t, first)
			s.refuses(t, third, second, first)
			for _, token := range []string{access, latest} {
				problem(t, s.with(t, "GET", profile, bearer(token)), 401, "TOKEN_EXPIRED")
			}
		})

		corpus.Case(t, "R05", "each token of a family that was revoked, within the grace as well", "401 (RFT-06, RFT-12)", func(t *testing.T) {
			first, _ := s.family(t, alice)
			second, _ := s.successor(t, first)
			a := s.stranger().Send(t, "POST", revoke, cookies("refresh="+second), nil)
			if a.StatusCode != 204 || a.Cookie("refresh") == nil || a.Cookie("refresh").MaxAge >= 0 {
				t.Fatalf("%d %v", a.StatusCode, a.Header["Set-Cookie"])
			}
			s.refuses(t, first, second)
			if a := s.stranger().Send(t, "POST", revoke, cookies("refresh="+second), nil); a.StatusCode != 204 {
				t.Errorf("the second sign-out: %d", a.StatusCode)
			}
		})

		corpus.Case(t, "RFT-12", "a sign-out with the parent of the good token, without and with a bad access token", "204, and no token of the family is good", func(t *testing.T) {
			for _, authorization := range []string{"", "Bearer x.y.z", "Bearer " + forgeExpired(t, s)} {
				first, _ := s.family(t, alice)
				second, _ := s.successor(t, first)
				h := cookies("refresh=" + first)
				if authorization != "" {
					h.Set("Authorization", authorization)
				}
				if a := s.stranger().Send(t, "POST", revoke, h, nil); a.StatusCode != 204 {
					t.Fatalf("%d %s", a.StatusCode, a.Text)
				}
				s.refuses(t, second, first)
			}
		})

		if s.backend.Redis != nil {
			corpus.Case(t, "SES-10", "what refreshes and their ends leave in Redis", "no key without an end", func(t *testing.T) { s.backend.Redis.AssertTTL(t) })
		}
	})
}

// forgeExpired returns a token of alice that was genuine.
func forgeExpired(t *testing.T, s *site) string {
	t.Helper()
	f := &forge{site: s, key: signingKey(t, s.backend), claims: map[string]raw{
		"iss": raw(text(s.Base)), "aud": raw(text(s.Base)), "sub": raw(`"x"`), "jti": raw(`"x"`),
	}}
	return f.token(map[string]string{"iat": "1700000000", "exp": "1700000600"})
}

// The grace has to be waited for. The tests that wait do so side by side.
func TestGrace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		corpus.Case(t, "R02", "a spent token comes again after 5 s, and after the grace of 10 s and one more", "the same successor; then 401 and the family dead (RFT-05)", func(t *testing.T) {
			s.user(t, alice)
			first, access := s.family(t, alice)
			second, _ := s.successor(t, first)
			spent := time.Now()
			time.Sleep(5*time.Second - time.Since(spent))
			if again, _ := s.successor(t, first); again != second {
				t.Error("a second child")
			}
			time.Sleep(grace + time.Second - time.Since(spent))
			s.refuses(t, first, second)
			problem(t, s.with(t, "GET", profile, bearer(access)), 401, "TOKEN_EXPIRED")
		})
	})
}

func TestEndOfAccessTokens(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		corpus.Case(t, "JWT-19", "an access token in steady use while its user ends all other sign-ins by another device", "401 TOKEN_EXPIRED within the documented 10 seconds, and for ever", func(t *testing.T) {
			s.user(t, alice)
			refreshToken, access := s.family(t, alice)
			phone, _ := s.session(t, alice)
			s.alive(t, bearer(access)) // from now on the server remembers that it is good
			phone.Want(t, phone.Call(t, "DELETE", "/api/v1/sessions", nil), 204)
			s.refuses(t, refreshToken) // at once

			c := s.Client()
			for end := time.Now().Add(grace + 2*time.Second); ; <-time.After(100 * time.Millisecond) {
				a := c.Send(t, "GET", profile, bearer(access), nil)
				if a.StatusCode == 401 {
					problem(t, a, 401, "TOKEN_EXPIRED")
					break
				}
				if time.Now().After(end) {
					t.Fatal("the token is good after 12 seconds")
				}
			}
			problem(t, c.Send(t, "GET", profile, bearer(access), nil), 401, "TOKEN_EXPIRED")
			phone.Want(t, phone.Call(t, "GET", profile, nil), 200) // who did it stays
		})
	})
}
