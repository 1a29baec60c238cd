package doors_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

const links = "/api/v1/links"

func TestLinking(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Register(t, alice, words)
	s.Register(t, bob, words)
	corpus.Case(t, "O16", "pre-hijacking: mallory registers with the victim's address, asks to move his own account to it, opens sessions, keys, tokens and a second factor; then the victim comes by a provider that has verified the address",
		"an account of the victim's own, of which mallory has nothing, now or by his links", func(t *testing.T) { preHijack(t) })
	corpus.Case(t, "O18", "a link begun by alice, finished in a browser of bob, of nobody, in another session of alice, after she has signed out; with and without the cookie of her attempt",
		"400 or 401, and no link", func(t *testing.T) { linkElsewhere(t, s) })
	corpus.Case(t, "LNK-04", "a link begun by a visitor, by a key, from another site, by GET, and for another user by the body",
		"401, 403, 404 or 405, and no link", func(t *testing.T) { linkBegin(t, s) })
	corpus.Case(t, "LNK-01", "an identity of alice is linked by bob; 21 identities for one user; a sign-in with an identity of bob in a browser of alice",
		"409 LINK_CONFLICT, 409, 409 OTHER_USER_SIGNED_IN, and both keep their sessions", func(t *testing.T) { linkConflicts(t, s) })
	corpus.Case(t, "LNK-05", "the last way to sign in is unlinked; another user unlinks it; then an identity beside a password, by the session that was made through it",
		"409 LAST_LOGIN_METHOD, 404, 204 and that session ends", func(t *testing.T) { unlinking(t) })
}

// linkCount is how many identities the user of c has.
func linkCount(t *testing.T, c *running.Client) int {
	t.Helper()
	list, _ := c.Want(t, c.Call(t, "GET", links, nil), 200).JSON("data").([]any)
	return len(list)
}

func preHijack(t *testing.T) {
	const victim = "victim@example.com"
	s := open(t, person(victim))
	attacker := s.Member(t, mallory, words)
	id := who(t, attacker)
	attacker.Want(t, attacker.Call(t, "POST", "/api/v1/auth/register", running.Credentials(victim, words)), 202)
	planted := s.Token(t, victim, "") // of the mail, which only the victim reads
	visitor(t, attacker.At(s.Server).With("Authorization", "Bearer x"))
	attacker.Want(t, attacker.Call(t, "POST", "/api/v1/auth/token", running.Credentials(victim, words)), 401)
	attacker.Want(t, attacker.Post(t, "/account/email", url.Values{"email": {victim}, "password": {words}}), 303)
	moved := s.Token(t, victim, "address")
	keyOf := key(t, attacker, "orders:read")
	attacker.Enrol(t)

	c := s.Client()
	c.Want(t, s.signIn(t, c, oidc), 200)
	if who(t, c) == id {
		t.Fatal("the victim is in the account of mallory")
	}
	// What mallory has left behind: the victim, or a scanner of mail, opens every link.
	for _, token := range []string{planted, moved} {
		a := s.Client().Call(t, "POST", "/api/v1/auth/verify-email", object{"token": token})
		if a.StatusCode != 400 {
			t.Errorf("a token of mallory's making: %d %s", a.StatusCode, a.Text)
		}
	}
	c.Want(t, c.Call(t, "GET", profile, nil), 200)
	guess := s.Client()
	guess.Want(t, guess.Call(t, "POST", "/api/v1/auth/login", running.Credentials(victim, words)), 401)
	if a := keyOf.Call(t, "GET", profile, nil); a.String("data", "id") != id {
		t.Errorf("the key of mallory is of %s", a.Text)
	}
	again := s.Client()
	again.Want(t, s.signIn(t, again, oidc), 200)
	if who(t, again) != who(t, c) {
		t.Error("another account at the next sign-in")
	}
}

func linkElsewhere(t *testing.T, s *site) {
	form := url.Values{}
	for name, k := range map[string]struct {
		other  func() *running.Client // who opens the callback
		before func(owner *running.Client)
		cookie bool
	}{
		"bob":                    {other: func() *running.Client { return s.Login(t, bob, words) }},
		"bob, with the cookie":   {other: func() *running.Client { return s.Login(t, bob, words) }, cookie: true},
		"nobody":                 {other: s.Client},
		"nobody, with it":        {other: s.Client, cookie: true},
		"another session, as is": {other: func() *running.Client { return s.Login(t, alice, words) }},
		"another session":        {other: func() *running.Client { return s.Login(t, alice, words) }, cookie: true},
		"after a sign-out": {cookie: true, before: func(owner *running.Client) {
			owner.Want(t, owner.Call(t, "POST", "/api/v1/auth/logout", nil), 204)
		}},
		"ended by another of her sessions": {cookie: true, before: func(*running.Client) {
			other := s.Login(t, alice, words)
			other.Want(t, other.Call(t, "DELETE", "/api/v1/sessions", nil), 204)
		}},
	} {
		s.idp.Good.SetUsers(oauthtest.User{Subject: "link " + name, Email: "x@example.com", EmailVerified: true})
		owner := s.Login(t, alice, words)
		back := s.atProvider(t, s.beginLink(t, owner, "/account/links/oidc", form))
		opens := owner
		if k.before != nil {
			k.before(owner)
		}
		if k.other != nil {
			opens = k.other()
			if k.cookie {
				copyCookies(t, opens, owner, isAttempt)
			}
		}
		a := opens.Call(t, "GET", back, nil)
		if a.StatusCode != 400 && a.StatusCode != 401 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
		for _, email := range []string{alice, bob} {
			if n := linkCount(t, s.Login(t, email, words)); n != 0 {
				t.Errorf("%s: %s has %d links", name, email, n)
			}
		}
	}
}

func linkBegin(t *testing.T, s *site) {
	c := s.Client()
	c.Want(t, c.Post(t, "/account/links/oidc", url.Values{}), 401)
	owner := s.Login(t, alice, words)
	script := key(t, owner, "orders:read")
	if a := script.Post(t, "/account/links/oidc", url.Values{}); a.StatusCode != 401 && a.StatusCode != 403 {
		t.Errorf("by a key: %d", a.StatusCode)
	}
	for _, h := range []http.Header{
		{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, {"Origin": {"null"}}, {"Origin": {"https://evil.example"}}, {"Sec-Fetch-Site": {"same-site"}},
	} {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		owner.Want(t, owner.Send(t, "POST", "/account/links/oidc", h, nil), 403)
	}
	if a := owner.Page(t, "/account/links/oidc"); a.StatusCode != 405 && a.StatusCode != 404 {
		t.Errorf("by GET: %d", a.StatusCode)
	}
	request := s.beginLink(t, owner, "/account/links/oidc?user="+who(t, s.Login(t, bob, words)), url.Values{"user": {"x"}, "scope": {"admin"}, "redirect_uri": {"https://evil.example"}})
	if q := request.Query(); evil(request.String()) || q.Get("scope") != "openid email profile" && q.Get("scope") != "openid profile email" {
		t.Errorf("the request is %s", request)
	}
	if n := linkCount(t, owner); n != 0 {
		t.Errorf("%d links", n)
	}
}

func linkConflicts(t *testing.T, s *site) {
	link := func(c *running.Client, subject string) *running.Answer {
		s.idp.Good.SetUsers(oauthtest.User{Subject: subject, Email: "x@example.com", EmailVerified: true})
		return c.Call(t, "GET", s.atProvider(t, s.beginLink(t, c, "/account/links/oidc", url.Values{})), nil)
	}
	one, two := s.Login(t, alice, words), s.Login(t, bob, words)
	one.Want(t, link(one, "of alice"), 303)
	two.Want(t, link(two, "of alice"), 409, "LINK_CONFLICT")
	two.Want(t, link(two, "of bob"), 303)
	for i := range 19 {
		two.Want(t, link(two, "of bob "+strings.Repeat("i", i+1)), 303)
	}
	two.Want(t, link(two, "one too many"), 409)
	s.idp.Good.SetUsers(oauthtest.User{Subject: "of bob"})
	id := who(t, one)
	one.Want(t, s.signIn(t, one, oidc), 409, "OTHER_USER_SIGNED_IN")
	s.idp.Good.SetUsers(oauthtest.User{Subject: "unknown here", Email: "new@example.com", EmailVerified: true})
	one.Want(t, s.signIn(t, one, oidc), 409, "OTHER_USER_SIGNED_IN")
	if who(t, one) != id || linkCount(t, one) != 1 {
		t.Error("alice is somebody else now, or has more links")
	}
}

func unlinking(t *testing.T) {
	s := open(t)
	s.Register(t, alice, words)
	only := s.Client()
	only.Want(t, s.signIn(t, only, oidc), 200)
	first := func(c *running.Client) string {
		list, _ := c.Call(t, "GET", links, nil).JSON("data").([]any)
		id, _ := list[0].(map[string]any)["id"].(string)
		return links + "/" + id
	}
	only.Want(t, only.Call(t, "DELETE", first(only), nil), 409, "LAST_LOGIN_METHOD")
	owner := s.Login(t, alice, words)
	owner.Want(t, owner.Call(t, "DELETE", first(only), nil), 404)
	only.Want(t, only.With("Sec-Fetch-Site", "cross-site").Call(t, "DELETE", first(only), nil), 403)

	owner = s.Login(t, alice, words) // the 404 has ended the session, in case it was a link once
	s.idp.Good.SetUsers(oauthtest.User{Subject: "8"})
	owner.Want(t, owner.Call(t, "GET", s.atProvider(t, s.beginLink(t, owner, "/account/links/oidc", url.Values{})), nil), 303)
	through := s.Client()
	through.Want(t, s.signIn(t, through, oidc), 200)
	_, token := s.TokenFor(t, alice, words)
	through.Want(t, through.Call(t, "DELETE", first(through), nil), 204)
	visitor(t, through)
	bearer := s.Bearer(token)
	visitor(t, bearer)
	c := s.Client()
	if a := s.signIn(t, c, oidc); a.StatusCode == 200 && who(t, c) == who(t, s.Login(t, alice, words)) {
		t.Error("the identity still signs in")
	}
}
