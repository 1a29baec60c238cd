package oidc_test

import (
	"maps"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
)

func always(c *oidc.Config) { c.UserInfo = oidc.UserInfoAlways }

// TestUserInfoCases sends every answer of the corpus through a whole sign-in.
func TestUserInfoCases(t *testing.T) {
	for _, c := range hostileidp.UserInfoCases() {
		t.Run(c.Name, func(t *testing.T) {
			r := newRig(t, func(cfg *oidc.Config) {
				always(cfg)
				if c.Slow {
					quick(cfg)
				}
			}, nil)
			r.idp.Script(hostileidp.UserInfo, c.Script)
			if c.OK {
				r.good()
				return
			}
			b := r.b.Another(t)
			resp := r.signIn(b)
			code := string(resp.Problem().Code)
			if code != "IDENTITY_INVALID" && code != "PROVIDER_FAILED" || r.me(b) != "" {
				t.Fatalf("%d %s", resp.StatusCode, resp.Body)
			}
		})
	}
}

func TestUserInfoSubject(t *testing.T) {
	for name, sub := range map[string]any{"another": "bob-8", "another case": "ALICE-7", "a longer one": "alice-77", "none": nil} {
		t.Run("O09 OID-05 the sub of UserInfo: "+name, func(t *testing.T) {
			r := newRig(t, always, nil)
			r.idp.Script(hostileidp.UserInfo, hostileidp.Change(func(o map[string]any) { o["sub"] = sub }))
			r.refused("IDENTITY_INVALID")
		})
	}
	t.Run("OID-05 a signed answer is refused", func(t *testing.T) {
		r := newRig(t, always, nil)
		r.idp.Script(hostileidp.UserInfo, hostileidp.Answer(200, "application/jwt", "e30.e30.e30"))
		r.refused("PROVIDER_FAILED")
	})
	t.Run("OID-05 UserInfo is asked for and there is no endpoint", func(t *testing.T) {
		r := newRig(t, always, nil)
		r.idp.Script(hostileidp.Discovery, hostileidp.Change(func(o map[string]any) { o["userinfo_endpoint"] = nil }))
		r.refused("PROVIDER_FAILED")
	})
}

// TestMail is attack O15: what is not verified is not, wherever it comes from.
func TestMail(t *testing.T) {
	for _, c := range hostileidp.MailCases() {
		t.Run(c.Name+", from UserInfo", func(t *testing.T) {
			r := newRig(t, nil, nil)
			r.idp.Script(hostileidp.UserInfo, c.Script)
			r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
				delete(tok.Claims, "email") // and not email_verified: true of no address
				tok.Claims["email_verified"] = true
			}))
			r.good()
			if r.last.EmailVerified {
				t.Fatalf("verified: %q", r.last.Email)
			}
		})
	}
	for name, v := range map[string]any{"text": "true", "one": 1, "absent": nil, "false": false, "a list": []any{true}} {
		t.Run("O15 email_verified in an ID token: "+name, func(t *testing.T) {
			r := newRig(t, always, nil) // and UserInfo says true, which does not count
			r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { tok.Claims["email_verified"] = v }))
			r.good()
			if r.last.EmailVerified || r.last.Email != "alice@example.com" {
				t.Fatalf("%q, verified %v", r.last.Email, r.last.EmailVerified)
			}
		})
	}
	t.Run("O15 true is true", func(t *testing.T) {
		r := newRig(t, nil, nil)
		r.good()
		if !r.last.EmailVerified || r.last.Email != "alice@example.com" {
			t.Fatalf("%+v", r.last)
		}
	})
}

// TestUserInfoIsAsked: when, and what of it counts.
func TestUserInfoIsAsked(t *testing.T) {
	bare := func(r *rig) {
		r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
			for _, name := range []string{"email", "email_verified", "name", "preferred_username"} {
				delete(tok.Claims, name)
			}
		}))
	}
	for _, tt := range []struct {
		name   string
		change func(*oidc.Config)
		bare   bool
		asked  int
	}{
		{"all is in the ID token", nil, false, 0},
		{"it is not", nil, true, 1},
		{"always", always, false, 1},
		{"never", func(c *oidc.Config) { c.UserInfo = oidc.UserInfoNever }, true, 0},
		{"no scope for it", func(c *oidc.Config) { c.Scopes = []string{} }, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.change, nil)
			if tt.bare {
				bare(r)
			}
			r.good()
			if n := r.idp.Count(hostileidp.UserInfo); n != tt.asked {
				t.Fatalf("asked %d times", n)
			}
			if known := r.last.Email != ""; known != (tt.asked > 0 || !tt.bare) {
				t.Errorf("%+v", r.last)
			}
		})
	}
	t.Run("null in the ID token is nothing: UserInfo is asked", func(t *testing.T) {
		r := newRig(t, nil, nil)
		r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
			for _, name := range []string{"email", "email_verified", "name", "preferred_username"} {
				tok.Claims[name] = jsonNull{}
			}
		}))
		r.good()
		if r.last.Email != "alice@example.com" || !r.last.EmailVerified || r.last.Name != "Alice" {
			t.Errorf("%+v", r.last)
		}
	})
	t.Run("what must be signed is not taken from UserInfo", func(t *testing.T) {
		r := newRig(t, always, nil)
		r.idp.Script(hostileidp.UserInfo, hostileidp.Change(func(o map[string]any) {
			maps.Copy(o, map[string]any{
				"iss": "https://evil.example", "aud": "x", "acr": "gold", "amr": []string{"hwk"}, "hd": "example.com", "tid": "t", "sid": "other",
				"groups": []string{"staff"}, "name": "Mallory",
			})
		}))
		r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { delete(tok.Claims, "sid") }))
		r.good()
		id := r.last
		if id.Issuer != r.idp.URL || id.ACR != "" || id.Methods != nil || id.SessionID != "" || id.Name != "Alice" {
			t.Errorf("%+v", id)
		}
		for _, name := range []string{"hd", "tid", "acr", "amr", "sid"} {
			if _, there := id.Claims[name]; there {
				t.Errorf("%s is taken", name)
			}
		}
		if !reflect.DeepEqual(id.Claims["groups"], []any{"staff"}) {
			t.Errorf("groups: %v", id.Claims["groups"])
		}
	})
	t.Run("the access token is sent as a bearer token and nowhere else", func(t *testing.T) {
		r := newRig(t, always, nil)
		r.good()
		req := r.idp.Requests(hostileidp.UserInfo)[0]
		if req.Method != http.MethodGet || req.Header.Get("Authorization") == "" || len(req.Query) != 0 {
			t.Errorf("%+v", req)
		}
		for _, e := range []hostileidp.Endpoint{hostileidp.Discovery, hostileidp.JWKS} {
			if r.idp.Requests(e)[0].Header.Get("Authorization") != "" {
				t.Errorf("%s gets credentials", e)
			}
		}
	})
}

// TestIdentity is what is made of the claims.
func TestIdentity(t *testing.T) {
	s, key := newStub(t, ""), es256(t, "k")
	s.keys(key.public())
	clock := authtest.NewClock(time.Now().Truncate(time.Second))
	p := at(t, s, "", clock, nil)
	identify := func(t *testing.T, more map[string]any) *oauth.Identity {
		t.Helper()
		claims := idToken(s.URL, clock.Now())
		maps.Copy(claims, more)
		id, err := p.Identify(t.Context(), grantOf(key.sign(t, nil, claims), clock.Now()))
		must(t, err)
		return id
	}
	id := identify(t, map[string]any{
		"email": "alice@example.com", "email_verified": true, "name": "Alice", "preferred_username": "al", "nickname": "ally",
		"picture": "https://example.com/a.png", "auth_time": clock.Now().Unix(), "acr": "gold", "amr": []string{"pwd", "otp"}, "sid": "s-1",
	})
	claims := id.Claims
	id.Claims = nil
	if want := (&oauth.Identity{
		Issuer: s.URL, Subject: "alice-7", Email: "alice@example.com", EmailVerified: true, Name: "Alice", Username: "al",
		PictureURL: "https://example.com/a.png", AuthTime: clock.Now().UTC(), ACR: "gold", Methods: []string{"pwd", "otp"}, SessionID: "s-1",
	}); !reflect.DeepEqual(id, want) {
		t.Errorf("%+v\nwant %+v", id, want)
	}
	if claims["nickname"] != "ally" || claims["sub"] != "alice-7" {
		t.Errorf("claims: %v", claims)
	}
	for name, more := range map[string]map[string]any{
		"LNK-08 two @":            {"email": "eve@evil.example@example.com", "email_verified": true},
		"LNK-08 a line break":     {"email": "a@example.com\nb", "email_verified": true},
		"LNK-08 no @":             {"email": "alice", "email_verified": true},
		"LNK-08 a list":           {"email": []string{"alice@example.com"}, "email_verified": true},
		"a picture that is code":  {"picture": "javascript:alert(1)"},
		"a name with a control":   {"name": "a\x1b[31m", "preferred_username": "a\nb"},
		"a name that is too long": {"name": string(make([]byte, 2000))},
	} {
		t.Run(name, func(t *testing.T) {
			if id := identify(t, more); id.Email != "" || id.EmailVerified || id.PictureURL != "" || id.Name != "" || id.Username != "" {
				t.Errorf("%+v", id)
			}
		})
	}
	if id := identify(t, map[string]any{"nickname": "ally"}); id.Username != "ally" {
		t.Errorf("%+v", id)
	}
}

// TestSameSubject is attack O17: a subject is one of its issuer.
func TestSameSubject(t *testing.T) {
	a, b := newRig(t, nil, nil), newRig(t, nil, nil)
	a.good()
	b.good()
	if a.last.Subject != b.last.Subject || a.last.Issuer == b.last.Issuer || a.me(a.b) == b.me(b.b) {
		t.Errorf("O17 %+v, %+v", a.last, b.last)
	}
}
