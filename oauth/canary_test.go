package oauth_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/problem"
)

// Everything that is secret in a sign-in, and every way in which one can fail.
func TestNoSecretLeaves(t *testing.T) {
	t.Run("XCT-04 I7 OAU-12", func(t *testing.T) {
		canary := testkit.NewCanary(t)
		clientSecret := canary.Secret("client secret")
		onError := problem.Log(canary.Logger(), nil)
		r := newRig(t, setup{
			idp: oauthtest.Config{ClientSecret: clientSecret},
			generic: func(c *oauth.GenericConfig) {
				c.Auth = oauth.ClientSecretPost(clientSecret)
				c.Scopes = []string{"openid"}
				c.HTTP.Timeout = 300 * time.Millisecond
			},
			flow: func(c *oauth.Config) {
				c.OnEvent = canary.OnEvent
				c.ErrorHandler = func(w http.ResponseWriter, req *http.Request, err error) { onError(w, req, canary.Error(err)) }
			},
			links: func(c *oauth.LinksConfig) { c.OnEvent = canary.OnEvent },
		})
		canary.Watch("key", string(key))
		watch := func(o map[string]any) {
			for _, name := range []string{"access_token", "refresh_token", "id_token"} {
				if s, ok := o[name].(string); ok && s != "" {
					canary.Watch(name, s)
				}
			}
		}
		r.idp.Script(hostileidp.Token, hostileidp.Change(watch))
		b := authtest.NewBrowser(t, canary.Handler(auth.Chain(problem.Recover(onError))(r.mux)))
		sign := func(change func(q url.Values)) *authtest.Response {
			to := r.answered(b, "/auth/test")
			canary.Watch("code", to.Query().Get("code"))
			q := to.Query()
			change(q)
			return b.Get("/auth/test/callback?" + q.Encode())
		}
		same := func(url.Values) {}
		for i, step := range []struct {
			endpoint hostileidp.Endpoint
			script   hostileidp.Script
			change   func(q url.Values)
			status   int
		}{
			{hostileidp.Token, nil, func(q url.Values) { q.Del("state") }, 400},
			{hostileidp.Token, nil, func(q url.Values) { q.Set("iss", "https://attacker.example") }, 400},
			{hostileidp.Token, nil, func(q url.Values) { q.Add("code", "twice") }, 400},
			{hostileidp.Token, hostileidp.Change(func(o map[string]any) { watch(o); o["token_type"] = "mac" }), same, 502},
			{hostileidp.Token, hostileidp.Answer(400, "application/json", `{"error":"`+canary.Secret("text of the provider")+`"}`), same, 502},
			{hostileidp.Token, hostileidp.Answer(500, "text/html", canary.Secret("page of the provider")), same, 502},
			{hostileidp.UserInfo, hostileidp.Answer(500, "text/html", canary.Secret("user page of the provider")), same, 502},
			{hostileidp.UserInfo, hostileidp.Change(func(o map[string]any) { o["sub"] = "" }), same, 400},
			{hostileidp.UserInfo, hostileidp.Stall, same, 502},
			{hostileidp.UserInfo, nil, same, 303},
		} {
			r.idp.Script(hostileidp.Token, hostileidp.Change(watch))
			r.idp.Script(hostileidp.UserInfo, nil)
			if step.script != nil {
				r.idp.Script(step.endpoint, step.script)
			}
			if resp := sign(step.change); resp.StatusCode != step.status {
				t.Errorf("step %d: %d %s, want %d", i, resp.StatusCode, resp.Body, step.status)
			}
		}
		for _, req := range r.idp.Requests(hostileidp.Token) {
			canary.Watch("verifier", req.Form.Get("code_verifier"))
		}
	})
}
