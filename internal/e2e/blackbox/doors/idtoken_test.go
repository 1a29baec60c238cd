package doors_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
)

func TestIDTokens(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, bad := range s.idp.IDTokenCases() {
		id, recipe := cut(bad.Name)
		expect := "400 or 502, no session"
		if bad.OK {
			expect = "200"
		}
		corpus.Case(t, id, "the provider sends an ID token: "+recipe, expect, func(t *testing.T) {
			s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(bad.Change))
			defer s.idp.Script(hostileidp.Token, nil)
			c := s.Client()
			a := s.signIn(t, c, oidc)
			if bad.OK {
				c.Want(t, a, 200)
				return
			}
			refused(t, c, a, 400, 502)
		})
	}
	corpus.Case(t, "O03", "no ID token at all, an ID token that is a number, the ID token of the sign-in before, an access token in its place",
		"400 or 502, no session", func(t *testing.T) {
			var before any
			s.idp.Script(hostileidp.Token, hostileidp.Change(func(o object) { before = o["id_token"] }))
			c := s.Client()
			c.Want(t, s.signIn(t, c, oidc), 200)
			for _, v := range []any{nil, 7, "", "e30.e30.", before, "access"} {
				s.idp.Script(hostileidp.Token, hostileidp.Change(func(o object) {
					if o["id_token"] = v; v == "access" {
						o["id_token"] = o["access_token"]
					}
				}))
				c := s.Client()
				refused(t, c, s.signIn(t, c, oidc), 400, 502)
			}
			s.idp.Script(hostileidp.Token, nil)
		})
	corpus.Case(t, "O09", "an ID token without profile, and a UserInfo whose sub is another, none, in another case, with a space, a list, or there twice",
		"400 or 502, no session; with the same sub 200 and the address of UserInfo", func(t *testing.T) { userInfo(t, s) })
	for _, bad := range hostileidp.UserInfoCases() {
		if bad.Slow || bad.OK {
			continue // see TestSlowProviders and O09
		}
		id, recipe := cut(bad.Name)
		corpus.Case(t, id, "UserInfo answers: "+recipe, "400 or 502, no session", func(t *testing.T) {
			s.withoutProfile(t)
			s.idp.Script(hostileidp.UserInfo, bad.Script)
			defer s.idp.Script(hostileidp.UserInfo, nil)
			c := s.Client()
			refused(t, c, s.signIn(t, c, oidc), 400, 502)
		})
	}
}

// withoutProfile takes from the ID tokens, until the test ends, what UserInfo has as well.
func (s *site) withoutProfile(t *testing.T) {
	t.Helper()
	s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
		for _, name := range []string{"email", "email_verified", "name", "preferred_username"} {
			delete(tok.Claims, name)
		}
	}))
	t.Cleanup(func() { s.idp.Script(hostileidp.Token, nil) })
}

func userInfo(t *testing.T, s *site) {
	s.withoutProfile(t)
	c := s.Client()
	c.Want(t, s.signIn(t, c, oidc), 200)
	if a := c.Call(t, "GET", profile, nil); a.String("data", "email") != "person@example.com" {
		t.Error(a.Text)
	}
	for _, sub := range []any{"8", nil, "", "07", "7 ", "7\x00", []string{"7"}, 7.5, true} {
		s.idp.Script(hostileidp.UserInfo, hostileidp.Change(func(o object) { o["sub"] = sub }))
		c := s.Client()
		refused(t, c, s.signIn(t, c, oidc), 400, 502)
	}
	s.idp.Script(hostileidp.UserInfo, hostileidp.Answer(200, "application/json", `{"sub":"8","sub":"7","email":"alice@example.com","email_verified":true}`))
	c = s.Client()
	refused(t, c, s.signIn(t, c, oidc), 400, 502)
	s.idp.Script(hostileidp.UserInfo, nil)
}

// TestIssuerInTheMiddle is a provider whose answers somebody on the way has exchanged for
// those of another provider that is just as real.
func TestIssuerInTheMiddle(t *testing.T) {
	t.Parallel()
	s := open(t)
	corpus.Case(t, "X-O1", "the token endpoint passes on the token response of another, honest provider: good signature there, same client id, same subject, even the nonce",
		"400 or 502, no session", func(t *testing.T) {
			other := hostileidp.New(t)
			s.idp.Script(hostileidp.Token, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := httptest.NewRecorder()
				s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
					tok.Claims["iss"], tok.Sign = other.URL, other.SignES256
				})(rec, r, next)
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(rec.Body.Bytes())
			})
			c := s.Client()
			a := s.signIn(t, c, oidc)
			refused(t, c, a, 400, 502)
			if n := other.Count(hostileidp.JWKS); n != 0 {
				t.Errorf("the token has made the server ask a stranger for %d sets of keys", n)
			}
		})
}
