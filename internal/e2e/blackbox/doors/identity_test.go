package doors_test

import (
	"encoding/json"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

func TestIdentities(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.Register(t, alice, words)
	corpus.Case(t, "O14", "GitHub: the public address is a victim's and the primary one is not verified, is of two, has two @, is \"true\" verified, or is not primary; the list is empty or names the victim twice",
		"409 LINK_REQUIRED or 502, no session, no link", func(t *testing.T) { gitHubMail(t, s) })
	corpus.Case(t, "O14", "GitHub: the account is renamed and has another address, and another account takes its old name and address",
		"the same account here for the same number, and none for the other", func(t *testing.T) { renamed(t, s) })
	for _, k := range hostileidp.MailCases() {
		id, recipe := cut(k.Name)
		corpus.Case(t, id, "in the ID token and in UserInfo: "+recipe, "409 LINK_REQUIRED, no session", func(t *testing.T) {
			s.idp.Good.SetUsers(oauthtest.User{Subject: "mail-" + recipe, Email: "new@example.com", EmailVerified: true})
			s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { scripted(t, k.Script, tok.Claims) }))
			c := s.Client()
			unlinked(t, c, s.signIn(t, c, oidc))
			s.withoutProfile(t)
			s.idp.Script(hostileidp.UserInfo, k.Script)
			c = s.Client()
			unlinked(t, c, s.signIn(t, c, oidc))
			s.idp.Script(hostileidp.UserInfo, nil)
		})
	}
	corpus.Case(t, "O15", "a verified address that has an account here, in capitals, with a dot, as it is; an address of another script that looks like it",
		"409 LINK_REQUIRED or an account of its own, never that of alice", func(t *testing.T) { takenMail(t, s) })
	corpus.Case(t, "O15", "email_verified is true in UserInfo, and the address is that of the ID token, which does not say so; and the other way round",
		"409 LINK_REQUIRED, no session", func(t *testing.T) { mixedMail(t, s) })
	corpus.Case(t, "O17", "the same sub at two issuers, with other addresses and with the same",
		"two accounts; 409 LINK_REQUIRED", func(t *testing.T) { twoIssuers(t) })
	corpus.Case(t, "LNK-07", "a provider is taken out of the configuration while an attempt is under way",
		"404, no session; who was signed in before by it is so still", func(t *testing.T) { takenOut(t) })
}

// unlinked fails the test unless the identity is nobody's, and stays so.
func unlinked(t *testing.T, c *running.Client, a *running.Answer) {
	t.Helper()
	refused(t, c, a, 409)
	if a.Code() != "LINK_REQUIRED" {
		t.Error(a.Text)
	}
}

// scripted applies a script that changes the JSON of an answer to claims.
func scripted(t *testing.T, script hostileidp.Script, claims map[string]any) {
	t.Helper()
	changed := throughScript(t, script, claims)
	for name := range claims {
		if _, there := changed[name]; !there {
			delete(claims, name)
		}
	}
	for name, v := range changed {
		claims[name] = v
	}
}

func gitHubMail(t *testing.T, s *site) {
	list := func(entries ...object) string {
		b, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	entry := func(email string, primary, verified any) object {
		return object{"email": email, "primary": primary, "verified": verified, "visibility": "public"}
	}
	s.hub.Script(hostileidp.GitHubUser, hostileidp.Change(func(o object) { o["id"], o["email"], o["login"] = 666, alice, "alice" }))
	for name, answer := range map[string]string{
		"not verified":              list(entry(alice, true, false)),
		"verified, not primary":     list(entry(mallory, true, false), entry("new@example.com", false, true)),
		"verified is text":          list(entry("new@example.com", true, "true")),
		"primary is text":           list(entry("new@example.com", "true", true)),
		"two primary ones":          list(entry("new@example.com", true, true), entry(alice, true, true)),
		"two @":                     list(entry("new@example.com@evil.example", true, true)),
		"no @":                      list(entry("new", true, true)),
		"a line break":              list(entry("new@example.com\nBcc: x@evil.example", true, true)),
		"an empty list":             `[]`,
		"the victim, verified":      list(entry(alice, true, true)),
		"the victim, with capitals": list(entry("Alice@EXAMPLE.com", true, true)),
		"an object":                 `{"email":"new@example.com","primary":true,"verified":true}`,
		"verified twice":            `[{"email":"new@example.com","primary":true,"verified":false,"verified":true}]`,
	} {
		s.hub.Script(hostileidp.GitHubEmails, hostileidp.Answer(200, "application/json", answer))
		c := s.Client()
		a := s.signIn(t, c, github)
		refused(t, c, a, 409, 502)
		if t.Failed() {
			t.Fatal(name, a.Text)
		}
	}
	s.hub.Script(hostileidp.GitHubUser, nil)
	s.hub.Script(hostileidp.GitHubEmails, nil)
}

func renamed(t *testing.T, s *site) {
	before := oauthtest.User{Subject: "70", ID: 70, Username: "carol", Email: "carol@example.com", EmailVerified: true}
	s.hub.Good.SetUsers(before)
	c := s.Client()
	c.Want(t, s.signIn(t, c, github), 200)
	id := who(t, c)
	after := before
	after.Username, after.Email = "caroline", "caroline@example.com"
	s.hub.Good.SetUsers(after)
	c = s.Client()
	c.Want(t, s.signIn(t, c, github), 200)
	if who(t, c) != id {
		t.Error("another user, for the same number")
	}
	if a := c.Call(t, "GET", profile, nil); a.String("data", "email") != "carol@example.com" {
		t.Errorf("the address here has changed with that of the provider: %s", a.Text)
	}
	squatter := before
	squatter.ID = 71
	s.hub.Good.SetUsers(squatter)
	c = s.Client()
	unlinked(t, c, s.signIn(t, c, github))
}

func takenMail(t *testing.T, s *site) {
	owner := s.Login(t, alice, words)
	id := who(t, owner)
	for i, email := range []string{alice, "ALICE@example.com", "alice@EXAMPLE.COM", " alice@example.com", "alice@example.com.", "alice@example.com ", "al\u0131ce@example.com", "alice@ex\u0430mple.com", "\"alice\"@example.com", "alice@example.com\x00", "alice+x@example.com"} {
		s.idp.Good.SetUsers(oauthtest.User{Subject: "taken-" + string(rune('a'+i)), Email: email, EmailVerified: true})
		c := s.Client()
		if a := s.signIn(t, c, oidc); a.StatusCode != 200 {
			refused(t, c, a, 400, 409, 422)
		} else if who(t, c) == id || i < 3 {
			t.Errorf("%q signs in as %s", email, who(t, c))
		}
	}
	if list, _ := owner.Call(t, "GET", "/api/v1/links", nil).JSON("data").([]any); len(list) != 0 {
		t.Errorf("%v is linked to alice", list)
	}
}

func mixedMail(t *testing.T, s *site) {
	s.idp.Good.SetUsers(oauthtest.User{Subject: "mixed", Email: "mixed@example.com", EmailVerified: true})
	for _, k := range []struct{ token, info object }{
		{object{"email": "victim@example.com", "email_verified": nil}, object{"email": "own@example.com", "email_verified": true}},
		{object{"email": nil, "email_verified": true}, object{"email": "victim@example.com", "email_verified": nil}},
		{object{"email": "victim@example.com", "email_verified": false}, object{"email": "victim@example.com", "email_verified": true}},
	} {
		s.idp.Script(hostileidp.Token, s.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
			delete(tok.Claims, "name") // so that UserInfo is asked
			delete(tok.Claims, "preferred_username")
			for name, v := range k.token {
				tok.Claims[name] = v
			}
		}))
		s.idp.Script(hostileidp.UserInfo, hostileidp.Change(func(o object) {
			for name, v := range k.info {
				o[name] = v
			}
		}))
		c := s.Client()
		unlinked(t, c, s.signIn(t, c, oidc))
	}
	s.idp.Script(hostileidp.Token, nil)
	s.idp.Script(hostileidp.UserInfo, nil)
}

func twoIssuers(t *testing.T) {
	s := open(t) // both name the user "7"
	one, two := s.Client(), s.Client()
	one.Want(t, s.signIn(t, one, oidc), 200)
	two.Want(t, s.signIn(t, two, github), 200)
	if who(t, one) == who(t, two) {
		t.Error("one account for two people")
	}
	same := open(t, person("one@example.com"))
	one, two = same.Client(), same.Client()
	one.Want(t, same.signIn(t, one, oidc), 200)
	unlinked(t, two, same.signIn(t, two, github))
}

func takenOut(t *testing.T) {
	s := open(t)
	before := s.Client()
	before.Want(t, s.signIn(t, before, oidc), 200)
	c := s.Client()
	back := s.callback(t, c, oidc)
	s.Kill()
	without := s.backend.Start(t, running.Options{})
	a := c.At(without).Call(t, "GET", back, nil)
	refused(t, c.At(without), a, 404)
	refused(t, c.At(without), c.At(without).Call(t, "GET", oidc, nil), 404)
	before.Want(t, before.At(without).Call(t, "GET", profile, nil), 200)
}
