package jwtauth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/problem"
)

// benchClaims are the six claims of the comparison.
func benchToken(h *house, changes ...member) string {
	return h.token(append([]member{{"client_id", absent}, {"scope", absent}}, changes...)...)
}

type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

// BenchmarkAccept is a request with a good token, up to an identity in its context.
// The bare primitive and golang-jwt, in its best form, stand beside.
func BenchmarkAccept(b *testing.B) {
	for _, alg := range signedAlgorithms {
		if alg == jwtauth.PS256 {
			continue
		}
		first := newHouse(b, alg, func(c *jwtauth.VerifierConfig) { c.CacheSize = -1 })
		cached := newHouse(b, alg)
		r := request("Bearer " + benchToken(first))
		ours := func(h *house) func(b *testing.B) {
			return func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p, err := h.v.Authenticate(r)
					if err != nil {
						b.Fatal(err)
					}
					_ = r.WithContext(auth.NewContext(r.Context(), p))
				}
			}
		}
		b.Run(string(alg)+"/first", ours(first))
		if alg != jwtauth.HS256 {
			b.Run(string(alg)+"/cached", ours(cached))
		}
		b.Run(string(alg)+"/bare", func(b *testing.B) { bare(b, alg, r) })
		b.Run(string(alg)+"/golang-jwt", func(b *testing.B) {
			var key any = testSecret
			if p := first.keys.Signing().Public(); p != nil {
				key = p
			}
			parser := jwt.NewParser(jwt.WithValidMethods([]string{string(alg)}), jwt.WithIssuer(testIssuer), jwt.WithAudience(testAudience), jwt.WithExpirationRequired(), jwt.WithTimeFunc(first.clock.Now))
			type claims struct {
				jwt.RegisteredClaims
				Roles []string `json:"roles"`
			}
			b.ReportAllocs()
			for b.Loop() {
				token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
				var c claims
				if _, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil }); err != nil || !ok {
					b.Fatal(err)
				}
				_ = r.WithContext(auth.NewContext(r.Context(), &auth.Principal{Subject: c.Subject, Roles: c.Roles}))
			}
		})
	}
}

// bare is the irreducible work: split, decode, verify.
func bare(b *testing.B, alg jwtauth.Algorithm, r *http.Request) {
	b.Helper()
	mac := hmac.New(sha256.New, testSecret)
	b.ReportAllocs()
	for b.Loop() {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		i := strings.LastIndexByte(token, '.')
		input := []byte(token[:i])
		signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := base64.RawURLEncoding.DecodeString(token[strings.IndexByte(token, '.')+1 : i]); err != nil {
			b.Fatal(err)
		}
		sum := sha256.Sum256(input)
		ok := false
		switch alg {
		case jwtauth.HS256:
			mac.Reset()
			mac.Write(input)
			ok = hmac.Equal(mac.Sum(nil), signature)
		case jwtauth.RS256:
			ok = rsa.VerifyPKCS1v15(&rsaTestKey().PublicKey, crypto.SHA256, sum[:], signature) == nil
		case jwtauth.ES256:
			ok = ecdsa.Verify(&ecTestKey().PublicKey, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
		case jwtauth.EdDSA:
			ok = ed25519.Verify(edTestKey().Public().(ed25519.PublicKey), input, signature)
		}
		if !ok {
			b.Fatal("the signature does not verify")
		}
		_ = r.WithContext(auth.NewContext(r.Context(), nil))
	}
}

// BenchmarkRefuse is a request whose token is refused, with the body of the problem;
// golang-jwt, which writes none, stands beside.
func BenchmarkRefuse(b *testing.B) {
	h := newHouse(b, jwtauth.HS256)
	good := benchToken(h)
	expired := benchToken(h, member{"iat", h.clock.Now().Add(-time.Hour).Unix()}, member{"exp", h.clock.Now().Add(-50 * time.Minute).Unix()})
	garbage := strings.Repeat("g4rb", 100)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(testIssuer), jwt.WithAudience(testAudience), jwt.WithExpirationRequired(), jwt.WithTimeFunc(h.clock.Now))
	for _, tc := range []struct{ name, token string }{
		{"signature", good[:len(good)-4] + "AAAA"}, {"garbage", garbage}, {"dots", strings.Repeat(".", 400)}, {"megabyte", strings.Repeat(".", 1<<20)}, {"expired", expired},
		{"alg-none", b64(`{"alg":"none","typ":"at+jwt"}`) + good[strings.IndexByte(good, '.'):]},
	} {
		r := request("Bearer " + tc.token)
		b.Run(tc.name, func(b *testing.B) {
			w := &nowhere{make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				p, err := h.v.Authenticate(r)
				if p != nil {
					b.Fatal("accepted")
				}
				w.header["Www-Authenticate"] = nil
				problem.WriteError(w, r, err)
			}
		})
		b.Run(tc.name+"/golang-jwt", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
				var c jwt.RegisteredClaims
				if _, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return testSecret, nil }); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// TestAllocations holds the paths of every request to their count.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		return // counted without the race detector
	}
	hs, es := newHouse(t, jwtauth.HS256), newHouse(t, jwtauth.ES256)
	count := func(h *house) float64 {
		r := request("Bearer " + benchToken(h))
		return testing.AllocsPerRun(200, func() {
			p, err := h.v.Authenticate(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = r.WithContext(auth.NewContext(r.Context(), p))
		})
	}
	t.Run("a token of HMAC, to an identity in the context: 4", func(t *testing.T) {
		if n := count(hs); n > 4 {
			t.Errorf("%v", n)
		}
	})
	t.Run("a token that is known: 2", func(t *testing.T) {
		if n := count(es); n > 2 {
			t.Errorf("%v", n)
		}
	})
}
