package oauth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// A provider that answers by POST, from its own site.
func TestFormPost(t *testing.T) {
	r := newRig(t, setup{generic: func(c *oauth.GenericConfig) { c.FormPost = true }})
	answer := func(b *authtest.Browser, at *url.URL) url.Values {
		t.Helper()
		page := b.Get(at.String())
		return page.Form(callbackURL)
	}
	cross := []string{"Origin", r.idp.URL, "Sec-Fetch-Site", "cross-site", "Cookie", ""} // as Lax cookies stay at home
	t.Run("OAU-01 a posted answer signs in, with cookies that are all Lax", func(t *testing.T) {
		at := r.begin(r.b, "/auth/test?return_to=/orders")
		if at.Query().Get("response_mode") != "form_post" {
			t.Fatal("form_post is not asked for")
		}
		resp := r.b.Post("/auth/test/callback", answer(r.b, at), cross...)
		c := resp.Cookie("__Host-oauth.posted-test")
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/auth/test/callback?posted=1" || c == nil || c.SameSite != http.SameSiteLaxMode || !c.Secure || !c.HttpOnly || c.MaxAge != 60 {
			t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
		if n := r.idp.Count(hostileidp.Token); n != 0 {
			t.Error("the POST asks the provider")
		}
		resp = r.b.Get("/auth/test/callback?posted=1")
		if resp.Header.Get("Location") != "/orders" || r.me(r.b) != "user-1" {
			t.Fatalf("%d %s", resp.StatusCode, resp.Body)
		}
		b := r.b.Another(t)
		r.refused(b, b.Get("/auth/test/callback?posted=1"), http.StatusBadRequest, invalid)
		r.want(r.b.Get("/auth/test/callback?posted=1"), http.StatusBadRequest, invalid)
	})
	t.Run("LNK-04 a posted answer links", func(t *testing.T) {
		b := r.b.Another(t)
		r.idp.Good.SetUsers(oauthtest.User{Subject: "second"})
		r.users.add("bob", user{password: true})
		b.Post("/become/bob", nil)
		b.Post("/auth/test/callback", answer(b, r.linkStart(b, "/link/test")), cross...)
		r.want(b.Get("/auth/test/callback?posted=1"), http.StatusSeeOther, "")
		if l, err := r.links.List(t.Context(), "bob"); err != nil || len(l) != 1 {
			t.Errorf("%v, %v", l, err)
		}
	})
	t.Run("O12 an attacker's site posts its own answer", func(t *testing.T) {
		evil, victim := r.b.Another(t), r.b.Another(t)
		form := answer(evil, r.begin(evil, "/auth/test"))
		r.begin(victim, "/auth/test")
		victim.Post("/auth/test/callback", form, cross...)
		r.refused(victim, victim.Get("/auth/test/callback?posted=1"), http.StatusBadRequest, invalid)
	})
	t.Run("O20 a site that posts again and again leaves one cookie", func(t *testing.T) {
		b := r.b.Another(t)
		for range 50 {
			b.Post("/auth/test/callback", url.Values{"state": {"x"}, "code": {"y"}}, cross...)
		}
		if n, _ := r.open(b); n != 1 {
			t.Errorf("%d cookies", n)
		}
	})
	t.Run("a posted answer is good for a minute", func(t *testing.T) {
		b := r.b.Another(t)
		b.Post("/auth/test/callback", answer(b, r.begin(b, "/auth/test")), cross...)
		r.clock.Advance(time.Minute)
		r.refused(b, b.Get("/auth/test/callback?posted=1"), http.StatusBadRequest, invalid)
	})
	t.Run("OAU-09 what is malformed is refused at once", func(t *testing.T) {
		r.want(r.b.Post("/auth/test/callback", url.Values{"code": {"a", "b"}, "state": {"x"}}), http.StatusBadRequest, invalid)
		r.want(r.b.Post("/auth/test/callback", url.Values{"code": {strings.Repeat("a", 4000)}}), http.StatusRequestEntityTooLarge, "BODY_TOO_LARGE")
		r.want(r.b.Post("/auth/test/callback?state=x", url.Values{"code": {"a"}}), http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
		r.want(r.b.Fetch("POST", "/auth/test/callback", map[string]string{"code": "a"}), http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE")
	})
	t.Run("a posted answer fits into a cookie", func(t *testing.T) {
		b := r.b.Another(t)
		at := r.begin(b, "/auth/test")
		form := answer(b, at)
		form.Set("user", strings.Repeat("u", 2750-len(form.Encode())))
		if resp := b.Post("/auth/test/callback", form, cross...); resp.StatusCode != http.StatusSeeOther || len(resp.Cookie("__Host-oauth.posted-test").Value) > 4000 {
			t.Fatalf("%d", resp.StatusCode)
		}
		r.want(b.Get("/auth/test/callback?posted=1"), http.StatusSeeOther, "")
	})
}
