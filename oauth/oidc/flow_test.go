package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth/oidc"
)

// TestMixUp is attack O02 with the issuer of the metadata.
func TestMixUp(t *testing.T) {
	r := newRig(t, nil, nil)
	r.good() // it sends iss, as its metadata promises
	for name, iss := range map[string]func(q url.Values){
		"missing":                   func(q url.Values) { q.Del("iss") },
		"empty":                     func(q url.Values) { q.Set("iss", "") },
		"another":                   func(q url.Values) { q.Set("iss", "https://attacker.example") },
		"with a slash at its end":   func(q url.Values) { q.Set("iss", r.idp.URL+"/") },
		"twice":                     func(q url.Values) { q.Add("iss", r.idp.URL) },
		"another before the right":  func(q url.Values) { q["iss"] = []string{"https://attacker.example", r.idp.URL} },
		"in an answer with no code": func(q url.Values) { q.Del("code"); q.Set("error", "access_denied"); q.Del("iss") },
	} {
		t.Run("O02 OAU-04 iss "+name, func(t *testing.T) {
			r.t = t
			before := r.idp.Count(hostileidp.Token)
			r.idp.Script(hostileidp.Authorize, hostileidp.Redirect(iss))
			r.refused("SIGN_IN_ATTEMPT_INVALID")
			if n := r.idp.Count(hostileidp.Token); n != before {
				t.Error("a code was sent")
			}
		})
	}
	t.Run("O02 OAU-04 iss where the metadata promises none: compared if it comes", func(t *testing.T) {
		r := newRig(t, nil, nil)
		r.idp.Script(hostileidp.Discovery, hostileidp.Change(func(o map[string]any) {
			o["authorization_response_iss_parameter_supported"] = nil
		}))
		r.good()
		r.idp.Script(hostileidp.Authorize, hostileidp.Redirect(func(q url.Values) { q.Del("iss") }))
		r.good()
		r.idp.Script(hostileidp.Authorize, hostileidp.Redirect(func(q url.Values) { q.Set("iss", "https://attacker.example") }))
		r.refused("SIGN_IN_ATTEMPT_INVALID")
	})
}

// TestNonce is requirement OAU-03 in whole sign-ins.
func TestNonce(t *testing.T) {
	r := newRig(t, nil, nil)
	r.good()
	r.good()
	asked := r.idp.Requests(hostileidp.Authorize)
	a, b := asked[0].Query.Get("nonce"), asked[1].Query.Get("nonce")
	if len(a) < 22 || a == b || a == asked[0].Query.Get("state") {
		t.Errorf("OAU-03 nonces %q and %q", a, b)
	}
	t.Run("OAU-03 O10 the ID token of an earlier attempt", func(t *testing.T) {
		r.t = t
		r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { tok.Claims["nonce"] = a }))
		r.refused("IDENTITY_INVALID")
	})
}

// TestMaxAge is requirement OID-04 in whole sign-ins.
func TestMaxAge(t *testing.T) {
	r := newRig(t, func(c *oidc.Config) { c.MaxAge = 5 * time.Minute; c.ACR = []string{"gold"} }, nil)
	r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) { tok.Claims["acr"] = "gold" }))
	r.good()
	q := r.idp.Requests(hostileidp.Authorize)[0].Query
	if q.Get("max_age") != "300" || q.Get("acr_values") != "gold" {
		t.Errorf("OID-04 asked for %v", q)
	}
	if !r.last.AuthTime.Equal(r.clock.Now().Truncate(time.Second)) || r.last.ACR != "gold" {
		t.Errorf("%+v", r.last)
	}
	r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(func(tok *hostileidp.IDToken) {
		tok.Claims["acr"], tok.Claims["auth_time"] = "gold", r.clock.Now().Add(-10*time.Minute).Unix()
	}))
	r.refused("IDENTITY_INVALID")
}

// TestNoSecretIsTold: no event, error or answer shows a token.
func TestNoSecretIsTold(t *testing.T) {
	var told []auth.Event
	r := newRig(t, always, nil)
	r.good()
	for _, c := range r.idp.IDTokenCases() {
		r.idp.Script(hostileidp.Token, r.idp.ChangeIDToken(c.Change))
		if resp := r.signIn(r.b.Another(t)); resp.StatusCode != http.StatusSeeOther && containsToken(resp.Body) {
			t.Errorf("%s: %s", c.Name, resp.Body)
		}
	}
	r.events.mu.Lock()
	told = append(told, r.events.list...)
	r.events.mu.Unlock()
	if len(told) < 50 {
		t.Fatalf("%d events", len(told))
	}
	for _, e := range told {
		if e.Err != nil && containsToken(e.Err.Error()) {
			t.Errorf("I7 %s: %v", e.Kind, e.Err)
		}
	}
}

// containsToken looks for what every JWT begins with, and for claims of the corpus.
func containsToken(s string) bool {
	for _, secret := range []string{"eyJ", "alice-7", "attacker.example", "another-client"} {
		if strings.Contains(s, secret) {
			return true
		}
	}
	return false
}
