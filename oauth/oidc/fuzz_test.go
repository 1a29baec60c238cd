package oidc_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/oauth"
)

// FuzzIDToken signs whatever payload comes, with whatever header: what is accepted is a
// token for this client, of this issuer, now, and says so itself.
func FuzzIDToken(f *testing.F) {
	s, key := newStub(f, ""), es256(f, "k")
	s.keys(key.public())
	clock := authtest.NewClock(time.Now())
	p := at(f, s, "", clock, nil)
	seed := func(change map[string]any) {
		claims := idToken(s.URL, clock.Now())
		maps.Copy(claims, change)
		f.Add(key.sign(f, nil, claims))
	}
	seed(nil)
	seed(map[string]any{"aud": []string{clientID}, "azp": clientID, "email": "a@example.com", "email_verified": true})
	seed(map[string]any{"aud": []string{clientID, "x"}})
	seed(map[string]any{"sub": "", "exp": "1"})
	f.Add("..")
	f.Add("e30.e30.AAAA")
	f.Add(key.signText(f, "null"))
	f.Fuzz(func(t *testing.T, text string) {
		id, err := p.Identify(t.Context(), grantOf(text, clock.Now()))
		if err != nil {
			if id != nil || !errors.Is(err, oauth.ErrIdentity) {
				t.Fatalf("%+v, %v", id, err)
			}
			return
		}
		if id.Issuer != s.URL || id.Subject == "" || id.Claims["nonce"] != "n-1" {
			t.Fatalf("%+v", id)
		}
	})
}

// FuzzClaims is FuzzIDToken for those who hold the key of the provider.
func FuzzClaims(f *testing.F) {
	s, key := newStub(f, ""), es256(f, "k")
	s.keys(key.public())
	clock := authtest.NewClock(time.Unix(1_800_000_000, 0))
	p := at(f, s, "", clock, nil)
	f.Add(`"aud":"client"`, "alice-7", "n-1", int64(0))
	f.Add(`"aud":["client","x"],"azp":"client"`, "alice-7", "n-1", int64(60))
	f.Add(`"aud":"client","sub":"bob"`, "alice-7", "n-1", int64(-1000))
	f.Add(`"AUD":"client","acr":7`, "älice", "", int64(1<<40))
	f.Fuzz(func(t *testing.T, more, sub, nonce string, offset int64) {
		payload := `{"iss":"` + s.URL + `","sub":` + quote(sub) + `,"nonce":` + quote(nonce) + `,"iat":` + number(clock.Now().Unix()+offset) +
			`,"exp":` + number(clock.Now().Unix()+300+offset) + `,` + more + `}`
		id, err := p.Identify(t.Context(), grantOf(key.signText(t, payload), clock.Now()))
		if err != nil {
			if !errors.Is(err, oauth.ErrIdentity) {
				t.Fatal(err)
			}
			return
		}
		if nonce != "n-1" || id.Subject != sub || len(sub) > oauth.MaxSubjectBytes || offset > 60 || offset < -660 {
			t.Fatalf("%s: %+v", payload, id)
		}
		switch aud := id.Claims["aud"].(type) {
		case string:
			if aud != clientID {
				t.Fatal(aud)
			}
		case []any:
			for _, a := range aud {
				if a != clientID {
					t.Fatal(aud)
				}
			}
		}
	})
}

// FuzzKeys: a JWKS of any content makes no panic and no key out of nothing.
func FuzzKeys(f *testing.F) {
	s, key := newStub(f, ""), es256(f, "k")
	clock := authtest.NewClock(time.Now())
	token := key.sign(f, nil, idToken(s.URL, clock.Now()))
	f.Add(`{"keys":[]}`)
	f.Add(`{"keys":[{"kty":"oct","k":"AA","kid":"k"}]}`)
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"k","alg":"ES256"}]}`)
	f.Add(`{"keys":{"kty":"RSA","n":"AQAB","e":"AQAB"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s.set("/keys", raw(text))
		if _, err := at(t, s, "", clock, nil).Identify(t.Context(), grantOf(token, clock.Now())); err == nil {
			t.Fatalf("%s has the key", text)
		}
	})
}
