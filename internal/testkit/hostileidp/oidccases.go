package hostileidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/go-sallyport/auth/oauth/oauthtest"
)

// An IDToken is one that is about to be signed. A claim or a header member of nil is
// taken out.
type IDToken struct {
	Header, Claims map[string]any
	// Sign makes the token of header and claims, with the key of the server unless it
	// is replaced.
	Sign func(header, claims map[string]any) string
	// AccessToken is that of the same response.
	AccessToken string
}

// ChangeIDToken is a Script for Token that signs another ID token than a good provider
// would.
func (s *Server) ChangeIDToken(change func(t *IDToken)) Script {
	return Change(func(object map[string]any) {
		raw, _ := object["id_token"].(string)
		parts := strings.Split(raw, ".")
		if len(parts) != 3 {
			return
		}
		t := &IDToken{Header: decode(parts[0]), Claims: decode(parts[1]), Sign: s.SignES256}
		t.AccessToken, _ = object["access_token"].(string)
		change(t)
		for _, m := range []map[string]any{t.Header, t.Claims} {
			maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
		}
		object["id_token"] = t.Sign(t.Header, t.Claims)
	})
}

func decode(part string) map[string]any {
	data, _ := base64.RawURLEncoding.DecodeString(part)
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	_ = d.Decode(&object)
	return object
}

// Compact encodes a token and signs it with sign, which is given what is signed.
func Compact(header, claims any, sign func(input []byte) []byte) string {
	input := encode(header) + "." + encode(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

func encode(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// SignES256 signs with the key of the server, whatever the header says.
func (s *Server) SignES256(header, claims map[string]any) string {
	return Compact(header, claims, func(input []byte) []byte { return signES256(s.Key, input) })
}

func signES256(key *ecdsa.PrivateKey, input []byte) []byte {
	sum := sha256.Sum256(input)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature
}

// An IDTokenCase is an ID token that a provider, or somebody in its place, sends.
type IDTokenCase struct {
	Name   string
	Change func(t *IDToken)
	OK     bool
}

// IDTokenCases are attack O03 and requirements OID-01 to OID-06 and OID-09: what the
// OpenID relying-party conformance tests name, and more. The subject of a good token is
// that of a user of Good.
func (s *Server) IDTokenCases() []IDTokenCase {
	claim := func(name string, v any) func(*IDToken) {
		return func(t *IDToken) { t.Claims[name] = v }
	}
	head := func(name string, v any) func(*IDToken) {
		return func(t *IDToken) { t.Header[name] = v }
	}
	unix := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return []IDTokenCase{
		{Name: "O03 a good token", OK: true, Change: func(*IDToken) {}},
		{Name: "O03 signed with another key of the same kid", Change: func(t *IDToken) {
			t.Sign = func(h, c map[string]any) string {
				return Compact(h, c, func(in []byte) []byte { return signES256(other, in) })
			}
		}},
		{Name: "O03 a signature with one bit changed", Change: func(t *IDToken) {
			t.Sign = func(h, c map[string]any) string {
				return Compact(h, c, func(in []byte) []byte {
					sig := signES256(s.Key, in)
					sig[40] ^= 1
					return sig
				})
			}
		}},
		{Name: "O03 no signature", Change: func(t *IDToken) {
			t.Sign = func(h, c map[string]any) string { return Compact(h, c, func([]byte) []byte { return nil }) }
		}},
		{Name: "O03 alg none", Change: func(t *IDToken) {
			t.Header["alg"] = "none"
			t.Sign = func(h, c map[string]any) string { return Compact(h, c, func([]byte) []byte { return nil }) }
		}},
		{Name: "O03 alg None in another case", Change: func(t *IDToken) {
			t.Header["alg"] = "nOnE"
			t.Sign = func(h, c map[string]any) string { return Compact(h, c, func([]byte) []byte { return nil }) }
		}},
		{Name: "O03 HS256 with the client secret", Change: func(t *IDToken) {
			t.Header["alg"] = "HS256"
			t.Sign = func(h, c map[string]any) string {
				return Compact(h, c, func(in []byte) []byte { return hs256([]byte(oauthtest.ClientSecret), in) })
			}
		}},
		{Name: "O03 HS256 with the public key", Change: func(t *IDToken) {
			t.Header["alg"] = "HS256"
			t.Sign = func(h, c map[string]any) string {
				return Compact(h, c, func(in []byte) []byte {
					point, _ := s.Key.PublicKey.Bytes()
					return hs256(point, in)
				})
			}
		}},
		{Name: "OID-01 a key in the header", Change: func(t *IDToken) {
			point, _ := other.PublicKey.Bytes()
			t.Header["jwk"] = map[string]any{"kty": "EC", "crv": "P-256",
				"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])}
			t.Sign = func(h, c map[string]any) string {
				return Compact(h, c, func(in []byte) []byte { return signES256(other, in) })
			}
		}},
		{Name: "OID-01 crit with an unknown name", Change: head("crit", []string{"b64"})},
		{Name: "O03 wrong iss", Change: claim("iss", "https://attacker.example")},
		{Name: "O03 iss with a slash at its end", Change: claim("iss", s.URL+"/")},
		{Name: "O03 no iss", Change: claim("iss", nil)},
		{Name: "O03 wrong aud", Change: claim("aud", "another-client")},
		{Name: "O03 no aud", Change: claim("aud", nil)},
		{Name: "O03 an empty list of aud", Change: claim("aud", []string{})},
		{Name: "O03 aud list with a stranger", Change: claim("aud", []string{oauthtest.ClientID, "stranger"})},
		{Name: "OID-02 aud list with a stranger, and azp", Change: func(t *IDToken) {
			t.Claims["aud"], t.Claims["azp"] = []string{oauthtest.ClientID, "stranger"}, oauthtest.ClientID
		}},
		{Name: "OID-02 aud list of one", OK: true, Change: claim("aud", []string{oauthtest.ClientID})},
		{Name: "O03 azp of another client", Change: claim("azp", "another-client")},
		{Name: "OID-02 azp of this client", OK: true, Change: claim("azp", oauthtest.ClientID)},
		{Name: "O03 expired", Change: func(t *IDToken) { t.Claims["exp"], t.Claims["iat"] = unix(-10*time.Minute), unix(-15*time.Minute) }},
		{Name: "O03 no exp", Change: claim("exp", nil)},
		{Name: "OID-03 exp is text", Change: claim("exp", fmt.Sprint(unix(time.Hour)))},
		{Name: "O03 no sub", Change: claim("sub", nil)},
		{Name: "OID-03 sub is empty", Change: claim("sub", "")},
		{Name: "OID-03 sub of 256 bytes", Change: claim("sub", strings.Repeat("s", 256))},
		{Name: "OID-03 sub is not ASCII", Change: claim("sub", "älice")},
		{Name: "OID-03 sub is a number", Change: claim("sub", 7)},
		{Name: "O03 no iat", Change: claim("iat", nil)},
		{Name: "O03 iat a week old", Change: claim("iat", unix(-7*24*time.Hour))},
		{Name: "OID-03 iat in the future", Change: claim("iat", unix(time.Hour))},
		{Name: "OID-03 nbf in the future", Change: claim("nbf", unix(time.Hour))},
		{Name: "O03 wrong nonce", Change: claim("nonce", "another")},
		{Name: "O03 no nonce", Change: claim("nonce", nil)},
		{Name: "OID-03 nonce is empty", Change: claim("nonce", "")},
		{Name: "O03 typ at+jwt", Change: head("typ", "at+jwt")},
		{Name: "OID-09 typ logout+jwt", Change: head("typ", "logout+jwt")},
		{Name: "OID-09 an events claim", Change: claim("events", map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}})},
		{Name: "OID-01 typ JWT", OK: true, Change: head("typ", "JWT")},
		{Name: "OID-01 no typ", OK: true, Change: head("typ", nil)},
		{Name: "OID-06 at_hash of another access token", Change: claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")},
		{Name: "OID-06 no at_hash", OK: true, Change: claim("at_hash", nil)},
		{Name: "OID-01 a claim twice", Change: func(t *IDToken) {
			t.Sign = func(h, c map[string]any) string {
				payload, _ := json.Marshal(c)
				twice := `{"sub":"victim",` + string(payload[1:])
				input := encode(h) + "." + base64.RawURLEncoding.EncodeToString([]byte(twice))
				return input + "." + base64.RawURLEncoding.EncodeToString(signES256(s.Key, []byte(input)))
			}
		}},
		{Name: "OID-01 a newline in the signature", Change: func(t *IDToken) {
			sign := t.Sign
			t.Sign = func(h, c map[string]any) string { return sign(h, c) + "\n" }
		}},
	}
}

func hs256(key, input []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(input)
	return mac.Sum(nil)
}

// DiscoveryCases are attack O08 and requirement OID-07.
func (s *Server) DiscoveryCases() []Case {
	set := func(name string, v any) Script {
		return Change(func(object map[string]any) { object[name] = v })
	}
	return []Case{
		{Name: "O08 good metadata", OK: true},
		{Name: "O08 another issuer", Script: set("issuer", "https://attacker.example")},
		{Name: "O08 issuer with a slash at its end", Script: set("issuer", s.URL+"/")},
		{Name: "OID-07 no issuer", Script: set("issuer", nil)},
		{Name: "O08 a token endpoint over plain HTTP", Script: set("token_endpoint", "http://attacker.example/token")},
		{Name: "O08 keys over plain HTTP", Script: set("jwks_uri", "http://attacker.example/jwks")},
		{Name: "O08 an authorization endpoint that is script", Script: set("authorization_endpoint", "javascript:alert(1)")},
		{Name: "O08 no token endpoint", Script: set("token_endpoint", nil)},
		{Name: "O08 no keys", Script: set("jwks_uri", nil)},
		{Name: "OID-01 only HS256 and none", Script: set("id_token_signing_alg_values_supported", []string{"HS256", "none"})},
		{Name: "F19 500", Script: Answer(500, "text/plain", "down")},
		{Name: "F19 HTML", Script: Answer(200, "text/html", "<h1>hello</h1>")},
		{Name: "F19 a body of 1 GB", Script: Flood(1 << 30)},
		{Name: "F19 no answer", Script: Stall, Slow: true},
		{Name: "F19 a redirect elsewhere", Script: redirect(http.StatusFound, "https://attacker.example/")},
	}
}

// KeyCases are attacks O04 and O06: what a JWKS may hold. The ID token is a good one, of
// kid "1".
func (s *Server) KeyCases() []Case {
	good := s.JWK("1")
	with := func(keys ...map[string]any) Script { return Keys(keys...) }
	changed := func(name string, v any) map[string]any {
		k := s.JWK("1")
		k[name] = v
		return k
	}
	stranger := func(kid string) map[string]any {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return jwk(kid, key)
	}
	many := func(w http.ResponseWriter, r *http.Request, next http.Handler) { // made when they are asked for
		keys := make([]map[string]any, 10_000)
		for i := range keys {
			keys[i] = changed("kid", fmt.Sprint("k", i))
		}
		with(keys...)(w, r, next)
	}
	oct := map[string]any{"kty": "oct", "kid": "o", "k": base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))}
	weak := map[string]any{"kty": "RSA", "kid": "w", "alg": "RS256", "e": "AQAB",
		"n": base64.RawURLEncoding.EncodeToString(new(big.Int).Lsh(big.NewInt(3), 510).Bytes())}
	return []Case{
		{Name: "O06 one good key", OK: true, Script: with(good)},
		{Name: "O06 a good key beside an oct key", OK: true, Script: with(good, oct)},
		{Name: "O06 only an oct key", Script: with(oct)},
		{Name: "O06 a good key beside RSA of 512 bits", OK: true, Script: with(good, weak)},
		{Name: "O06 a key for encryption", Script: with(changed("use", "enc"))},
		{Name: "O06 a point that is not on its curve", Script: with(changed("y", good["x"]))},
		{Name: "O06 a key for another algorithm", Script: with(changed("alg", "ES512"))},
		{Name: "O06 two keys of one kid", Script: with(stranger("1"), good)},
		{Name: "O06 10,000 keys", Script: many},
		{Name: "O06 no keys", Script: with()},
		{Name: "O06 no list of keys", Script: Answer(200, jsonType, `{}`)},
		{Name: "O04 another kid only", Script: with(stranger("2"))},
		{Name: "F20 500", Script: Answer(500, "text/plain", "down")},
		{Name: "F20 a body of 1 GB", Script: Flood(1 << 30)},
		{Name: "F20 no answer", Script: Stall, Slow: true},
	}
}

// JWK is the public key of the server under a kid.
func (s *Server) JWK(kid string) map[string]any { return jwk(kid, s.Key) }

func jwk(kid string, key crypto.Signer) map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	switch k := key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			panic(err)
		}
		return map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": encode(point[1:33]), "y": encode(point[33:])}
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": encode(k.N.Bytes()), "e": "AQAB"}
	}
	panic("hostileidp: no such key")
}

// Keys is a Script for JWKS that publishes these keys.
func Keys(keys ...map[string]any) Script {
	if keys == nil {
		keys = []map[string]any{}
	}
	data, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return Answer(http.StatusOK, "application/jwk-set+json", string(data))
}
