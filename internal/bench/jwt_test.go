package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v2"
	"github.com/auth0/go-jwt-middleware/v2/validator"
	chijwt "github.com/go-chi/jwtauth/v5"
	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwx "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/problem"
)

const (
	issuer   = "https://id.example.com/"
	audience = "https://api.example.com"
)

// A signer is a key in the forms that the peers want.
type signer struct {
	method  jwt.SigningMethod
	private any
	public  any
	ours    *jwtauth.Key
	jwx     jwa.SignatureAlgorithm
	auth0   validator.SignatureAlgorithm
}

func signers(b testing.TB) []signer {
	b.Helper()
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	mac, err := jwtauth.HMACKey("k", jwtauth.HS256, secret)
	if err != nil {
		b.Fatal(err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	ec, err := jwtauth.SignerKey("k", jwtauth.ES256, private)
	if err != nil {
		b.Fatal(err)
	}
	return []signer{
		{jwt.SigningMethodHS256, secret, secret, mac, jwa.HS256(), validator.HS256},
		{jwt.SigningMethodES256, private, &private.PublicKey, ec, jwa.ES256(), validator.ES256},
	}
}

// token has the six claims of the comparison.
func (s signer) token(b testing.TB, subject string) string {
	b.Helper()
	now := time.Now()
	t := jwt.NewWithClaims(s.method, jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": subject, "jti": "01JDXSA6GQ", "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	})
	t.Header["typ"], t.Header["kid"] = "at+jwt", "k"
	text, err := t.SignedString(s.private)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// gates are the peers as middleware, each in its best form: with a reused parser
// and no claims map where that can be had.
func (s signer) gates(b testing.TB, next http.Handler) map[string]http.Handler {
	b.Helper()
	keys, err := jwtauth.NewKeySet(s.ours)
	if err != nil {
		b.Fatal(err)
	}
	v, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Issuer: issuer, Audience: audience})
	if err != nil {
		b.Fatal(err)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{s.method.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	golang := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		var c jwt.RegisteredClaims
		if _, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return s.public, nil }); err != nil || !ok {
			problem.WriteError(w, r, auth.ErrInvalidCredentials)
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), &auth.Principal{Subject: c.Subject})))
	})
	chi := chijwt.New(s.method.Alg(), s.private, s.public)
	issuerURL, err := url.Parse(issuer)
	if err != nil {
		b.Fatal(err)
	}
	check, err := validator.New(func(context.Context) (any, error) { return s.public, nil }, s.auth0, issuerURL.String(), []string{audience})
	if err != nil {
		b.Fatal(err)
	}
	lestrrat := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := jwx.ParseRequest(r, jwx.WithKey(s.jwx, s.public), jwx.WithIssuer(issuer), jwx.WithAudience(audience))
		if err != nil {
			problem.WriteError(w, r, auth.ErrInvalidCredentials)
			return
		}
		subject, _ := t.Subject()
		next.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), &auth.Principal{Subject: subject})))
	})
	e := echo.New()
	e.Use(echojwt.WithConfig(echojwt.Config{SigningKey: s.public, SigningMethod: s.method.Alg()}))
	e.GET("/", echo.WrapHandler(next))
	return map[string]http.Handler{
		"sallyport":  auth.Require(v)(next),
		"golang-jwt": golang,
		"chi":        chijwt.Verifier(chi)(chijwt.Authenticator(chi)(next)),
		"auth0":      jwtmiddleware.New(check.ValidateToken).CheckJWT(next),
		"jwx":        lestrrat,
		"echo":       e,
	}
}

// BenchmarkJWT is a request from the header to the handler, and to the refusal:
// of a token with a changed signature, and of 400 bytes that are none.
func BenchmarkJWT(b *testing.B) {
	admitted := 0
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { admitted++ })
	for _, s := range signers(b) {
		token := s.token(b, "u-alice")
		gates := s.gates(b, next)
		for _, tc := range []struct {
			name, token string
			good        bool
		}{{"accept", token, true}, {"signature", token[:len(token)-6] + "AAAAAA", false}, {"garbage", strings.Repeat("g4rb", 100), false}} {
			for who, h := range gates {
				b.Run("alg="+s.method.Alg()+"/what="+tc.name+"/who="+who, func(b *testing.B) {
					r, w := httptest.NewRequest("GET", "/", nil), newSink()
					r.Header.Set("Authorization", "Bearer "+tc.token)
					before := admitted
					b.ReportAllocs()
					for b.Loop() {
						clear(w.header)
						h.ServeHTTP(w, r)
					}
					if (admitted > before) != tc.good {
						b.Fatalf("admitted %d requests", admitted-before)
					}
				})
			}
		}
	}
}
