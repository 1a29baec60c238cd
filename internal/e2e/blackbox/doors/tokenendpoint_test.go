package doors_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
)

// endsWithin is far more than a request to a provider may take, which is 10 seconds, and
// far less than for ever.
const endsWithin = 40 * time.Second

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, bad := range hostileidp.TokenCases() {
		if bad.Slow {
			continue // see TestSlowProviders
		}
		id, recipe := cut(bad.Name)
		expect := "400, 403 or 502, no session"
		if bad.OK {
			expect = "200"
		}
		corpus.Case(t, id, "the token endpoint answers: "+recipe, expect, func(t *testing.T) {
			s.idp.Script(hostileidp.Token, bad.Script)
			defer s.idp.Script(hostileidp.Token, nil)
			c := s.Client()
			a := s.signIn(t, c, oidc)
			if bad.OK {
				c.Want(t, a, 200)
				return
			}
			refused(t, c, a, 400, 403, 502)
			if strings.Contains(a.Text, "script") || strings.Contains(a.Text, "169.254") || strings.Contains(a.Text, s.idp.URL) {
				t.Errorf("the problem repeats what the provider said, or where it is: %s", a.Text)
			}
		})
	}
	corpus.Case(t, "O07", "the token endpoint and both addresses of the API of GitHub: error, HTML, a flood, a bomb, a list for an object, a redirect",
		"400, 403 or 502, no session, memory grows by less than 128 MiB", func(t *testing.T) { gitHubAnswers(t, s) })
}

func gitHubAnswers(t *testing.T, s *site) {
	before, _ := s.Status("VmHWM") // 0 where that is not known
	for _, e := range []hostileidp.Endpoint{hostileidp.GitHubToken, hostileidp.GitHubUser, hostileidp.GitHubEmails} {
		for name, script := range map[string]hostileidp.Script{
			"500": hostileidp.Answer(500, "text/plain", "down"), "401": hostileidp.Answer(401, "application/json", `{"message":"Bad credentials"}`),
			"HTML": hostileidp.Answer(200, "text/html", "<h1>hello</h1>"), "flood": hostileidp.Flood(1 << 30), "bomb": hostileidp.Bomb,
			"null": hostileidp.Answer(200, "application/json", "null"), "text": hostileidp.Answer(200, "application/json", `"x"`),
			"error with 200": hostileidp.Answer(200, "application/json", `{"error":"bad_verification_code","error_description":"<script>"}`),
			"twice":          hostileidp.Answer(200, "application/json", `{"id":1,"id":7}`), "text id": hostileidp.Answer(200, "application/json", `{"id":"7"}`),
			"zero": hostileidp.Answer(200, "application/json", `{"id":0}`), "negative": hostileidp.Answer(200, "application/json", `{"id":-7}`),
			"fraction": hostileidp.Answer(200, "application/json", `{"id":7.0}`), "huge": hostileidp.Answer(200, "application/json", `{"id":18446744073709551623}`),
		} {
			s.hub.Script(e, script)
			c := s.Client()
			a := s.signIn(t, c, github)
			refused(t, c, a, 400, 403, 502)
			if t.Failed() {
				t.Fatalf("%s at %s", name, e)
			}
		}
		s.hub.Script(e, nil)
	}
	if after, _ := s.Status("VmHWM"); after > before+128<<10 {
		t.Errorf("the memory grew by %d KiB", after-before)
	}
}

// TestSlowProviders lets all providers that do not answer not answer at once: a request
// to one ends after ten seconds.
func TestSlowProviders(t *testing.T) {
	t.Parallel()
	type slow struct {
		name, path string
		at         hostileidp.Endpoint
		script     hostileidp.Script
		site       *site
		client     *running.Client
		done       chan *running.Answer
	}
	cases := []*slow{
		{name: "the token endpoint never answers", path: oidc, at: hostileidp.Token, script: hostileidp.Stall},
		{name: "the token endpoint answers a byte at a time, for ever", path: oidc, at: hostileidp.Token, script: hostileidp.Drip},
		{name: "UserInfo never answers", path: oidc, at: hostileidp.UserInfo, script: hostileidp.Stall},
		{name: "the keys never come", path: oidc, at: hostileidp.JWKS, script: hostileidp.Stall},
		{name: "the keys come a byte at a time", path: oidc, at: hostileidp.JWKS, script: hostileidp.Drip},
		{name: "GitHub never answers", path: github, at: hostileidp.GitHubUser, script: hostileidp.Stall},
		{name: "discovery never answers", path: oidc, at: hostileidp.Discovery, script: hostileidp.Stall},
	}
	for _, k := range cases {
		k.site, k.done = open(t), make(chan *running.Answer, 1)
		k.client = k.site.Client()
		if k.at == hostileidp.UserInfo {
			k.site.withoutProfile(t)
		}
		back := k.path
		if k.at != hostileidp.Discovery {
			back = k.site.callback(t, k.client, k.path)
		}
		k.site.idp.Script(k.at, k.script)
		k.site.hub.Script(k.at, k.script)
		go func() {
			a, err := k.client.Try(t, "GET", back, nil, nil)
			if err != nil {
				a = nil
			}
			k.done <- a
		}()
	}
	for _, k := range cases {
		corpus.Case(t, "F19", k.name, "502 within the timeout of the client, no session, and the server answers others meanwhile", func(t *testing.T) {
			other := k.site.Client()
			other.Want(t, other.Call(t, "GET", "/healthz", nil), 200)
			select {
			case a := <-k.done:
				if a == nil {
					t.Fatal("no answer")
				}
				refused(t, k.client, a, 502)
			case <-time.After(endsWithin):
				t.Fatal("no answer")
			}
		})
		k.site.Kill() // 7 of them are enough at a time
	}
}

func cut(name string) (id, rest string) {
	id, rest, _ = strings.Cut(name, " ")
	return id, rest
}
