package jwtauth_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/rbac"
)

var signedAlgorithms = []jwtauth.Algorithm{jwtauth.HS256, jwtauth.RS256, jwtauth.PS256, jwtauth.ES256, jwtauth.EdDSA}

func TestVerifierConfig(t *testing.T) {
	keys := newHouse(t, jwtauth.HS256).keys
	ok := jwtauth.VerifierConfig{Issuer: testIssuer, Audience: testAudience}
	for name, change := range map[string]func(c *jwtauth.VerifierConfig){
		"JWT-09 no issuer":         func(c *jwtauth.VerifierConfig) { c.Issuer = "" },
		"JWT-09 no audience":       func(c *jwtauth.VerifierConfig) { c.Audience = "" },
		"JWT-11 leeway of 61s":     func(c *jwtauth.VerifierConfig) { c.Leeway = 61 * time.Second },
		"JWT-12 lifetime of 25h":   func(c *jwtauth.VerifierConfig) { c.MaxLifetime = 25 * time.Hour },
		"JWT-12 negative lifetime": func(c *jwtauth.VerifierConfig) { c.MaxLifetime = -1 },
		"JWT-14 size of 1 MiB":     func(c *jwtauth.VerifierConfig) { c.MaxTokenSize = 1 << 20 },
		"JWT-14 negative size":     func(c *jwtauth.VerifierConfig) { c.MaxTokenSize = -1 },
		"JWT-19 delay of an hour":  func(c *jwtauth.VerifierConfig) { c.EpochDelay = time.Hour },
		"a typ with a quote":       func(c *jwtauth.VerifierConfig) { c.Type = `a"b` },
	} {
		t.Run(name, func(t *testing.T) {
			c := ok
			change(&c)
			if v, err := jwtauth.NewVerifier(keys, c); v != nil || err == nil {
				t.Errorf("accepted: %v", err)
			}
		})
	}
	t.Run("XCT-05 no keys", func(t *testing.T) {
		for _, keys := range []jwtauth.KeySource{nil, (*jwtauth.KeySet)(nil)} {
			if _, err := jwtauth.NewVerifier(keys, ok); err == nil {
				t.Errorf("%T is accepted", keys)
			}
		}
	})
	t.Run("XCT-05 the zero Verifier refuses", func(t *testing.T) {
		if c, err := new(jwtauth.Verifier).Verify(t.Context(), newHouse(t, jwtauth.HS256).token()); c != nil || err == nil {
			t.Errorf("got %v, %v", c, err)
		}
	})
}

func TestVerify(t *testing.T) {
	for _, alg := range signedAlgorithms {
		t.Run("JWT-01 a good token of "+string(alg), func(t *testing.T) {
			h := newHouse(t, alg)
			for range 3 { // the cache serves the later ones
				c, err := h.verify(h.token())
				if err != nil {
					t.Fatal(err)
				}
				if c.Subject != "alice" || c.ID != "token-1" || c.ClientID != "web" || !slices.Equal(c.Roles, []string{"customer"}) ||
					!slices.Equal(c.Scopes, []string{"orders:read", "orders:write"}) || !c.ExpiresAt.Equal(h.clock.Now().Add(10*time.Minute)) || c.Issuer != testIssuer {
					t.Errorf("got %+v", c)
				}
			}
		})
		t.Run("JWT-01 the header cannot choose another algorithm than that of the key: "+string(alg), func(t *testing.T) {
			h := newHouse(t, alg)
			for _, other := range []string{"HS256", "HS384", "HS512", "RS256", "RS384", "PS256", "PS384", "ES256", "ES384", "EdDSA"} {
				if other == string(alg) {
					continue
				}
				for _, head := range []string{header(other, "k1"), `{"alg":"` + other + `","typ":"at+jwt"}`} {
					if _, err := h.verify(forge(head, claimsAt(h.clock.Now()), h.sign)); !errors.Is(err, jwtauth.ErrInvalid) {
						t.Errorf("%s: %v", head, err)
					}
				}
			}
		})
	}
	h := newHouse(t, jwtauth.ES256)
	t.Run("JWT-08 typ as RFC 9068 §4 and RFC 7515 §4.1.9 write it", func(t *testing.T) {
		for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"} {
			if _, err := h.verify(forge(`{"typ":"`+typ+`","alg":"ES256","kid":"k1"}`, claimsAt(h.clock.Now()), h.sign)); err != nil {
				t.Errorf("%s: %v", typ, err)
			}
		}
	})
	t.Run("JWT-06 headers in any spelling that is strict JSON", func(t *testing.T) {
		for _, head := range []string{
			` { "kid" : "k1" , "typ":"at+jwt", "alg":"ES256" } `, `{"alg":"ES256","typ":"at+jwt"}`, `{"alg":"\u0045S256","kid":"\u006b1","typ":"at\u002bjwt"}`,
			`{"alg":"ES256","kid":"k1","typ":"at+jwt","x5t":"abc","nonce":{"a":[1,2.5e3,null]}}`,
		} {
			token := forge(head, claimsAt(h.clock.Now()), h.sign)
			for range 2 {
				if _, err := h.verify(token); err != nil {
					t.Errorf("%s: %v", head, err)
				}
			}
			i := strings.LastIndexByte(token, '.')
			bad := token[:i+1] + strings.Repeat("A", len(token)-i-1)
			if _, err := h.verify(bad); err == nil {
				t.Errorf("%s: accepted with another signature", head)
			}
		}
	})
	t.Run("JWT-15 no claims with any error", func(t *testing.T) {
		h.clock.Advance(time.Hour)
		defer h.clock.Advance(-time.Hour)
		token := forge(h.header, claimsAt(h.clock.Now().Add(-time.Hour)), h.sign)
		for range 2 {
			if _, err := h.verify(token); !errors.Is(err, jwtauth.ErrExpired) {
				t.Errorf("got %v", err)
			}
		}
	})
	t.Run("the claims are jwt.Claims of golang-jwt", func(t *testing.T) {
		c, err := h.verify(h.token(member{"nbf", h.clock.Now().Unix()}))
		if err != nil {
			t.Fatal(err)
		}
		validator := jwt.NewValidator(jwt.WithIssuer(testIssuer), jwt.WithAudience(testAudience), jwt.WithSubject("alice"), jwt.WithExpirationRequired(), jwt.WithTimeFunc(h.clock.Now))
		if err := validator.Validate(c); err != nil {
			t.Error(err)
		}
	})
}

func TestTimes(t *testing.T) {
	for _, alg := range []jwtauth.Algorithm{jwtauth.HS256, jwtauth.ES256} { // without and with the cache
		h := newHouse(t, alg)
		start := h.clock.Now()
		at := func(d time.Duration) int64 { return start.Add(d).Unix() }
		for _, tc := range []struct {
			name          string
			iat, nbf, exp time.Duration
			offset        time.Duration // of the clock, from start
			want          error
		}{
			{"last moment before exp", 0, 0, time.Minute, time.Minute - 1, nil},
			{"J23 expired by 1 s within the leeway", 0, 0, time.Minute, 61 * time.Second, nil},
			{"last moment of the leeway", 0, 0, time.Minute, 90*time.Second - 1, nil},
			{"J23 leeway over", 0, 0, time.Minute, 90 * time.Second, jwtauth.ErrExpired},
			{"long over", 0, 0, time.Minute, 1000 * time.Hour, jwtauth.ErrExpired},
			{"iat as far ahead as the leeway", 30 * time.Second, 0, time.Minute, 0, nil},
			{"iat a second further ahead", 31 * time.Second, 0, 2 * time.Minute, 0, jwtauth.ErrInvalid},
			{"J09 iat tomorrow", 24 * time.Hour, 0, 24*time.Hour + time.Minute, 0, jwtauth.ErrInvalid},
			{"nbf as far ahead as the leeway", 0, 30 * time.Second, time.Minute, 0, nil},
			{"nbf a second further ahead", 0, 31 * time.Second, time.Minute, 0, jwtauth.ErrInvalid},
			{"the longest lifetime", 0, 0, 15 * time.Minute, 0, nil},
			{"JWT-12 a second more", 0, 0, 15*time.Minute + time.Second, 0, jwtauth.ErrInvalid},
			{"no lifetime", 0, 0, 0, 0, jwtauth.ErrInvalid},
		} {
			t.Run(fmt.Sprintf("JWT-11 %s %s", alg, tc.name), func(t *testing.T) {
				claims := []member{{"iat", at(tc.iat)}, {"exp", at(tc.exp)}, {"jti", tc.name}}
				if tc.nbf != 0 {
					claims = append(claims, member{"nbf", at(tc.nbf)})
				}
				token := h.token(claims...)
				h.clock.Set(start.Add(tc.offset))
				defer h.clock.Set(start)
				for range 2 {
					if _, err := h.verify(token); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
						t.Errorf("got %v, want %v", err, tc.want)
					}
				}
			})
		}
		t.Run("J23 F17 clock back an hour and forward again: "+string(alg), func(t *testing.T) {
			token := h.token()
			for _, step := range []struct {
				by   time.Duration
				want error
			}{{0, nil}, {-time.Hour, jwtauth.ErrInvalid}, {time.Hour, nil}, {time.Hour, jwtauth.ErrExpired}, {-time.Hour, nil}} {
				h.clock.Advance(step.by)
				if _, err := h.verify(token); !errors.Is(err, step.want) || step.want == nil && err != nil {
					t.Errorf("after %s: %v", step.by, err)
				}
			}
		})
		t.Run("J08 XCT-07 times that overflow: "+string(alg), func(t *testing.T) {
			for _, n := range []int64{1 << 53, 1<<53 - 1, 253402300800, 1 << 34} {
				if _, err := h.verify(h.token(member{"exp", n}, member{"iat", n - 60})); !errors.Is(err, jwtauth.ErrInvalid) {
					t.Errorf("%d: %v", n, err)
				}
				if _, err := h.verify(h.token(member{"nbf", n})); !errors.Is(err, jwtauth.ErrInvalid) {
					t.Errorf("nbf %d: %v", n, err)
				}
			}
		})
	}
	t.Run("JWT-11 a negative leeway is none", func(t *testing.T) {
		h := newHouse(t, jwtauth.HS256, func(c *jwtauth.VerifierConfig) { c.Leeway = -1 })
		token := h.token(member{"exp", h.clock.Now().Add(time.Second).Unix()})
		h.clock.Advance(time.Second)
		if _, err := h.verify(token); !errors.Is(err, jwtauth.ErrExpired) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("F18 a pair of services 60 s apart with a leeway of 60 s", func(t *testing.T) {
		h := newHouse(t, jwtauth.HS256, func(c *jwtauth.VerifierConfig) { c.Leeway = time.Minute })
		token := h.token(member{"nbf", h.clock.Now().Unix()})
		for _, skew := range []time.Duration{-60 * time.Second, 60 * time.Second} {
			h.clock.Advance(skew)
			if _, err := h.verify(token); err != nil {
				t.Errorf("%s: %v", skew, err)
			}
			h.clock.Advance(-skew)
		}
		h.clock.Advance(-90 * time.Second)
		if _, err := h.verify(token); !errors.Is(err, jwtauth.ErrInvalid) {
			t.Errorf("F18 90 s: %v", err)
		}
	})
}

// TestCrossUse sends tokens of every kind to verifiers of every kind, all of one key.
func TestCrossUse(t *testing.T) {
	types := []string{"at+jwt", "JWT", "logout+jwt", "refresh+jwt", "reset+jwt", "dpop+jwt"}
	for _, mine := range types {
		h := newHouse(t, jwtauth.RS256, func(c *jwtauth.VerifierConfig) { c.Type = mine })
		for _, theirs := range types {
			t.Run("JWT-08 J19 "+theirs+" for "+mine, func(t *testing.T) {
				_, err := h.verify(forge(`{"alg":"RS256","kid":"k1","typ":"`+theirs+`"}`, claimsAt(h.clock.Now()), h.sign))
				if (err == nil) != (mine == theirs) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
	t.Run("JWT-08 a type has no case, and application/ counts on neither side", func(t *testing.T) {
		for _, mine := range []string{"at+jwt", "AT+JWT", "application/at+jwt"} {
			h := newHouse(t, jwtauth.RS256, func(c *jwtauth.VerifierConfig) { c.Type = mine })
			for theirs, good := range map[string]bool{"at+jwt": true, "At+Jwt": true, "application/at+jwt": true, "APPLICATION/at+jwt": true, "application/": false, "text/at+jwt": false, "application/application/at+jwt": false, "": false} {
				_, err := h.verify(forge(`{"alg":"RS256","kid":"k1","typ":"`+theirs+`"}`, claimsAt(h.clock.Now()), h.sign))
				if (err == nil) != good {
					t.Errorf("%q for %q: %v", theirs, mine, err)
				}
			}
		}
	})
	t.Run("J20 JWT-09 same issuer and key, other audience", func(t *testing.T) {
		a := newHouse(t, jwtauth.RS256)
		b := newHouse(t, jwtauth.RS256, func(c *jwtauth.VerifierConfig) { c.Audience = "https://b.example.com" })
		if _, err := b.verify(a.token()); !errors.Is(err, jwtauth.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("JWT-08 SkipType and SkipID accept what they say", func(t *testing.T) {
		h := newHouse(t, jwtauth.RS256, func(c *jwtauth.VerifierConfig) { c.SkipType, c.SkipID = true, true })
		for _, head := range []string{`{"alg":"RS256","kid":"k1"}`, `{"alg":"RS256","kid":"k1","typ":"JWT"}`} {
			if _, err := h.verify(forge(head, claimsAt(h.clock.Now(), member{"jti", absent}), h.sign)); err != nil {
				t.Errorf("%s: %v", head, err)
			}
		}
		if _, err := h.verify(forge(`{"alg":"RS256","kid":"k1"}`, claimsAt(h.clock.Now(), member{"sub", absent}), h.sign)); err == nil {
			t.Error("a token without sub")
		}
	})
}

func TestSignatures(t *testing.T) {
	h := newHouse(t, jwtauth.PS256)
	payload := claimsAt(h.clock.Now())
	for _, salt := range []int{0, 1, 20, 31, 33, 64, 190} {
		t.Run(fmt.Sprintf("J22 JWT-23 PS256 with a salt of %d", salt), func(t *testing.T) {
			sign := signPS256(rsaTestKey(), salt)
			if salt == 0 { // which PSSOptions take for "as long as fits"
				sign = signUnsaltedPS256(rsaTestKey())
			}
			if _, err := h.verify(forge(h.header, payload, sign)); !errors.Is(err, jwtauth.ErrInvalid) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("J22 JWT-23 PS256 with a salt of 32", func(t *testing.T) {
		if _, err := h.verify(h.token()); err != nil {
			t.Error(err)
		}
	})
	t.Run("JWT-14 J17 another S of the same EdDSA signature (RFC 8032 §8.4)", func(t *testing.T) {
		h := newHouse(t, jwtauth.EdDSA)
		order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
		malleated := func(input string) []byte {
			signature := h.sign(input)
			slices.Reverse(signature[32:]) // S is little-endian
			s := new(big.Int).SetBytes(signature[32:])
			s.Add(s, order).FillBytes(signature[32:])
			slices.Reverse(signature[32:])
			return signature
		}
		if _, err := h.verify(forge(h.header, claimsAt(h.clock.Now()), malleated)); !errors.Is(err, jwtauth.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("JWT-23 golang-jwt's variables have no effect", func(t *testing.T) {
		old := *jwt.SigningMethodPS256
		defer func() { *jwt.SigningMethodPS256 = old }()
		jwt.SigningMethodPS256.VerifyOptions = nil
		jwt.SigningMethodPS256.SigningMethodRSA = nil
		if _, err := h.verify(h.token()); err != nil {
			t.Error(err)
		}
	})
	t.Run("JWT-02 every prefix of a token is refused", func(t *testing.T) {
		for _, alg := range signedAlgorithms {
			h := newHouse(t, alg)
			token := h.token()
			for i := range token {
				if c, err := h.v.Verify(t.Context(), token[:i]); c != nil || err == nil {
					t.Fatalf("%s: the first %d bytes are accepted", alg, i)
				}
			}
		}
	})
	t.Run("JWT-14 every changed byte of a token is refused", func(t *testing.T) {
		for _, alg := range []jwtauth.Algorithm{jwtauth.HS256, jwtauth.EdDSA} {
			h := newHouse(t, alg)
			token := h.token()
			for i := range token {
				for _, c := range []byte{token[i] ^ 1, token[i] ^ 0x20, 'A', '-', 0}[:testkit.Volume(5)] {
					bad := token[:i] + string(rune(c)) + token[i+1:]
					if c == token[i] {
						continue
					}
					if c, err := h.v.Verify(t.Context(), bad); c != nil || err == nil {
						t.Fatalf("%s: byte %d: %q is accepted", alg, i, bad)
					}
				}
			}
		}
	})
}

func TestAuthenticate(t *testing.T) {
	h := newHouse(t, jwtauth.ES256)
	good := h.token()
	bad := good[:len(good)-8] + "AAAAAAAA"
	for _, tc := range []struct {
		name   string
		values []string
		want   int
		code   string
	}{
		{"JWT-16 Bearer", []string{"Bearer " + good}, 200, ""},
		{"J25 lower case", []string{"bearer " + good}, 200, ""},
		{"J25 upper case", []string{"BEARER " + good}, 200, ""},
		{"JWT-17 none", nil, 401, "UNAUTHENTICATED"},
		{"J25 good and bad", []string{"Bearer " + good, "Bearer " + bad}, 401, "TOKEN_INVALID"},
		{"J25 bad and good", []string{"Bearer " + bad, "Bearer " + good}, 401, "TOKEN_INVALID"},
		{"J25 good twice", []string{"Bearer " + good, "Bearer " + good}, 401, "TOKEN_INVALID"},
		{"J25 good and Basic", []string{"Bearer " + good, "Basic YTpi"}, 401, "TOKEN_INVALID"},
		{"J25 Basic and good", []string{"Basic YTpi", "Bearer " + good}, 401, "TOKEN_INVALID"},
		{"J25 two in one", []string{"Bearer " + good + ", Bearer " + bad}, 401, "TOKEN_INVALID"},
		{"J25 two in one, no space", []string{"Bearer " + good + ",Bearer " + good}, 401, "TOKEN_INVALID"},
		{"J25 Basic with a JWT", []string{"Basic " + good}, 401, "UNAUTHENTICATED"},
		{"J25 bare token", []string{good}, 401, "UNAUTHENTICATED"},
		{"JWT-16 another scheme that begins so", []string{"Bearerx " + good}, 401, "UNAUTHENTICATED"},
		{"JWT-16 DPoP", []string{"DPoP " + good}, 401, "UNAUTHENTICATED"},
		{"JWT-16 empty header", []string{""}, 401, "UNAUTHENTICATED"},
		{"JWT-16 two spaces", []string{"Bearer  " + good}, 401, "TOKEN_INVALID"},
		{"JWT-16 a tab", []string{"Bearer\t" + good}, 401, "TOKEN_INVALID"},
		{"JWT-16 space at the end", []string{"Bearer " + good + " "}, 401, "TOKEN_INVALID"},
		{"JWT-16 space in front", []string{" Bearer " + good}, 401, "UNAUTHENTICATED"},
		{"JWT-16 no token", []string{"Bearer"}, 401, "TOKEN_INVALID"},
		{"JWT-16 an empty token", []string{"Bearer "}, 401, "TOKEN_INVALID"},
		{"JWT-16 quoted", []string{`Bearer "` + good + `"`}, 401, "TOKEN_INVALID"},
		{"JWT-16 a parameter", []string{"Bearer token=" + good}, 401, "TOKEN_INVALID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := serve(h.v, request(tc.values...))
			if w.Code != tc.want || tc.code != "" && codeOf(t, w) != tc.code {
				t.Errorf("got %d %s", w.Code, w.Body)
			}
			hasError := strings.Contains(w.Header().Get("WWW-Authenticate"), `error="invalid_token"`)
			if tc.want == 401 && (w.Header().Get("WWW-Authenticate") == "" || hasError != (tc.code == "TOKEN_INVALID")) {
				t.Errorf("JWT-17 challenge %q", w.Header().Values("WWW-Authenticate"))
			}
		})
	}
	t.Run("J26 JWT-16 not from the query, a form or a cookie", func(t *testing.T) {
		for _, r := range []*http.Request{
			httptest.NewRequest(http.MethodGet, "/orders?access_token="+good, nil),
			httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader("access_token="+good)),
			httptest.NewRequest(http.MethodGet, "/orders", nil),
		} {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(&http.Cookie{Name: "access_token", Value: good})
			r.AddCookie(&http.Cookie{Name: "jwt", Value: good})
			r.Header.Set("X-Access-Token", good)
			r.Header.Set("Proxy-Authorization", "Bearer "+good)
			if p, err := h.v.Authenticate(r); p != nil || !errors.Is(err, auth.ErrNoCredentials) {
				t.Errorf("got %v, %v", p, err)
			}
		}
	})
	t.Run("JWT-16 XCT-09 a bad token is not rescued, whatever else is there", func(t *testing.T) {
		everybody := auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) { return &auth.Principal{Subject: "mallory"}, nil })
		for _, value := range []string{"Bearer", "Bearer x", "Bearer " + bad, "bearer  " + good} {
			if p, err := (&auth.Gate{Authenticators: []auth.Authenticator{h.v, everybody}}).Authenticate(request(value)); p != nil || err == nil {
				t.Errorf("%.20q: %v", value, p)
			}
		}
	})
	t.Run("the principal", func(t *testing.T) {
		now := h.clock.Now()
		p, err := h.v.Authenticate(request("Bearer " + h.token(member{"sid", "family-7"}, member{"auth_time", now.Add(-time.Hour).Unix()}, member{"amr", []string{"pwd", "otp"}},
			member{"amr_times", []int64{now.Add(-time.Hour).Unix(), now.Add(-time.Minute).Unix()}}, member{"attrs", map[string]string{"tenant": "acme"}})))
		want := &auth.Principal{
			Subject: "alice", Method: auth.MethodJWT, CredentialID: "family-7", Roles: []string{"customer"}, Scopes: []string{"orders:read", "orders:write"},
			Factors:         []auth.Factor{{Kind: "pwd", At: now.Add(-time.Hour)}, {Kind: "otp", At: now.Add(-time.Minute)}},
			AuthenticatedAt: now.Add(-time.Hour), Attributes: map[string]string{"tenant": "acme"},
		}
		if err != nil || !p.Equal(want) {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("the factors of a token without amr_times were proved at auth_time", func(t *testing.T) {
		at := h.clock.Now().Add(-time.Minute)
		p, err := h.v.Authenticate(request("Bearer " + h.token(member{"auth_time", at.Unix()}, member{"amr", []string{"otp"}})))
		if err != nil || !p.FactorAt(auth.FactorOTP).Equal(at) || p.CredentialID != "token-1" {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("no scope is no bound, an empty scope permits nothing", func(t *testing.T) {
		for _, tc := range []struct {
			value any
			none  bool
		}{{absent, true}, {"", false}} {
			p, err := h.v.Authenticate(request("Bearer " + h.token(member{"scope", tc.value})))
			if err != nil || (p.Scopes == nil) != tc.none || len(p.Scopes) != 0 {
				t.Errorf("%v: %#v, %v", tc.value, p, err)
			}
		}
	})
	t.Run("a malformed scope is refused", func(t *testing.T) {
		for _, scope := range []string{" a", "a ", "a  b", " ", "a\tb", "a\"b", "a\\b", "é"} {
			if _, err := h.verify(h.token(member{"scope", scope})); !errors.Is(err, jwtauth.ErrInvalid) {
				t.Errorf("%q: %v", scope, err)
			}
		}
	})
}

func TestChallenge(t *testing.T) {
	h := newHouse(t, jwtauth.HS256, func(c *jwtauth.VerifierConfig) { c.Realm = "a \"b\"\r\nSet-Cookie: x=y" })
	plain := newHouse(t, jwtauth.HS256)
	policy, err := rbac.NewPolicy(map[string]rbac.Role{"customer": {Permissions: []rbac.Permission{"orders:read", "orders:delete"}}})
	if err != nil {
		t.Fatal(err)
	}
	page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	do := func(mw func(http.Handler) http.Handler, value ...string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		auth.Chain(auth.Require(plain.v), mw)(page).ServeHTTP(w, request(value...))
		return w
	}
	t.Run("JWT-17 without a token: no error code", func(t *testing.T) {
		if got := serve(plain.v, request()).Header().Values("WWW-Authenticate"); !slices.Equal(got, []string{"Bearer"}) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("JWT-17 expired is told apart", func(t *testing.T) {
		token := plain.token()
		plain.clock.Advance(time.Hour)
		defer plain.clock.Advance(-time.Hour)
		w := serve(plain.v, request("Bearer "+token))
		if codeOf(t, w) != "TOKEN_EXPIRED" || !strings.Contains(w.Header().Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("got %s %v", w.Body, w.Header())
		}
	})
	t.Run("JWT-17 a scope that is lacking is 403 insufficient_scope", func(t *testing.T) {
		w := do(policy.Require("orders:delete"), "Bearer "+plain.token())
		if got := w.Header().Get("WWW-Authenticate"); w.Code != 403 || !strings.HasPrefix(got, `Bearer error="insufficient_scope"`) || !strings.Contains(got, "orders:delete") {
			t.Errorf("got %d %q", w.Code, got)
		}
	})
	t.Run("a permission that is lacking is 403 without a challenge", func(t *testing.T) {
		w := do(policy.Require("orders:read"), "Bearer "+plain.token(member{"roles", []string{"nobody"}}))
		if w.Code != 403 || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("got %d %v", w.Code, w.Header())
		}
	})
	t.Run("step-up is RFC 9470", func(t *testing.T) {
		w := do((&auth.StepUp{MaxAge: time.Minute, Now: plain.clock.Now}).Handler, "Bearer "+plain.token())
		if got := w.Header().Get("WWW-Authenticate"); w.Code != 401 || !strings.HasPrefix(got, `Bearer error="insufficient_user_authentication"`) {
			t.Errorf("got %d %q", w.Code, got)
		}
	})
	t.Run("JWT-17 parameters are quoted", func(t *testing.T) {
		got := serve(h.v, request("Bearer x")).Header().Values("WWW-Authenticate")
		if len(got) != 1 || !strings.HasPrefix(got[0], `Bearer realm="a \"b\"  Set-Cookie: x=y", error="invalid_token"`) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("JWT-17 a hook that refuses has a challenge too", func(t *testing.T) {
		gate := &auth.Gate{Authenticators: []auth.Authenticator{plain.v}, Current: func(context.Context, *auth.Principal) (*auth.Principal, error) {
			return nil, auth.ErrInvalidCredentials
		}}
		w := httptest.NewRecorder()
		gate.Handler(page).ServeHTTP(w, request("Bearer "+plain.token()))
		if w.Code != 401 || !strings.Contains(w.Header().Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("got %d %v", w.Code, w.Header())
		}
	})
}

func TestCurrentRoles(t *testing.T) {
	t.Run("JWT-20 a demotion is obeyed at the next request", func(t *testing.T) {
		h := newHouse(t, jwtauth.ES256)
		policy, err := rbac.NewPolicy(map[string]rbac.Role{"admin": {Permissions: []rbac.Permission{"users:write"}}})
		if err != nil {
			t.Fatal(err)
		}
		roles := []string{"admin"}
		gate := &auth.Gate{Authenticators: []auth.Authenticator{h.v}, Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
			p = p.Clone()
			p.Roles = roles
			return p, nil
		}}
		page := auth.Chain(gate.Handler, policy.Require("users:write"))(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		token := h.token(member{"roles", []string{"admin"}}, member{"scope", absent})
		for _, want := range []int{200, 403} {
			w := httptest.NewRecorder()
			page.ServeHTTP(w, request("Bearer "+token))
			if w.Code != want {
				t.Errorf("got %d, want %d: %s", w.Code, want, w.Body)
			}
			roles = nil
		}
	})
}

func TestClaimsAs(t *testing.T) {
	h := newHouse(t, jwtauth.HS256)
	type plan struct {
		Plan  string `json:"plan"`
		Seats int    `json:"seats"`
		Inner struct {
			A int `json:"a"`
		} `json:"inner"`
	}
	get := func(t *testing.T, changes ...member) (plan, error) {
		t.Helper()
		c, err := h.verify(h.token(changes...))
		if err != nil {
			t.Fatal(err)
		}
		return jwtauth.ClaimsAs[plan](c)
	}
	t.Run("custom claims of any type", func(t *testing.T) {
		p, err := get(t, member{"plan", "gold"}, member{"seats", 7}, member{"inner", map[string]int{"a": 1}}, member{"other", []int{1}})
		if err != nil || p.Plan != "gold" || p.Seats != 7 || p.Inner.A != 1 {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("JWT-13 a name in another case is an error and not the field", func(t *testing.T) {
		for _, name := range []string{"Plan", "PLAN", "Seats"} {
			if p, err := get(t, member{name, "gold"}); !errors.Is(err, jwtauth.ErrInvalid) || p != (plan{}) {
				t.Errorf("%s: %+v, %v", name, p, err)
			}
		}
	})
	t.Run("a wrong type is an error, with a zero value", func(t *testing.T) {
		if p, err := get(t, member{"plan", "gold"}, member{"seats", "many"}); err == nil || !reflect.ValueOf(p).IsZero() {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("JWT-15 claims that were not verified have none", func(t *testing.T) {
		if _, err := jwtauth.ClaimsAs[plan](&jwtauth.Claims{Subject: "alice"}); err == nil || errors.Is(err, jwtauth.ErrInvalid) {
			t.Error("accepted")
		}
	})
	t.Run("a map", func(t *testing.T) {
		c, err := h.verify(h.token(member{"plan", "gold"}))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := jwtauth.ClaimsAs[map[string]any](c); err != nil || m["plan"] != "gold" || m["sub"] != "alice" {
			t.Errorf("got %v, %v", m, err)
		}
	})
}

// FuzzVerify holds that nothing is accepted but what was signed, in exactly the form
// in which it was: whoever has no key cannot make another writing of a token.
func FuzzVerify(f *testing.F) {
	houses := []*house{newHouse(f, jwtauth.HS256), newHouse(f, jwtauth.EdDSA)}
	good := make(map[string]bool)
	for _, h := range houses {
		spelled := fmt.Sprintf(` {"typ":"at+jwt","kid":"k1","alg":"%s"}`, h.keys.Signing().Algorithm())
		for _, token := range []string{h.token(), h.token(member{"plan", "gold"}, member{"nested", []int{1}}), forge(spelled, claimsAt(h.clock.Now()), h.sign)} {
			good[token] = true
			f.Add(token)
			f.Add(token + "\n")
			f.Add(strings.Replace(token, ".", ".\n", 1))
			f.Add(token[:len(token)-1] + "A")
		}
	}
	for _, a := range attacks(f, houses[0], newHouse(f, jwtauth.ES256), "https://canary.example.com") {
		if len(a.token) < 2000 {
			f.Add(a.token)
		}
	}
	f.Fuzz(func(t *testing.T, token string) {
		accepted := false
		for _, h := range houses {
			for range 2 {
				c, err := h.v.Verify(t.Context(), token)
				if (c == nil) == (err == nil) || err != nil && !errors.Is(err, jwtauth.ErrInvalid) {
					t.Fatalf("%q: %v, %v", token, c, err)
				}
				accepted = accepted || err == nil
			}
		}
		if accepted != good[token] {
			t.Fatalf("%q: accepted %v", token, accepted)
		}
	})
}
