package jwtauth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit"
)

// The keys of RFC 7515 appendix A.1 to A.4 and RFC 8037 appendix A.1, with an alg
// where the kty alone does not tell it.
const (
	rfc7515A1 = `{"kty":"oct","alg":"HS256","kid":"a1","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`
	rfc7515A2 = `{"kty":"RSA","alg":"RS256","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",` +
		`"d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",` +
		`"p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",` +
		`"q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"}`
	rfc7515A3 = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
	rfc7515A4 = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2","d":"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"}`
	rfc8037A1 = `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
)

const joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

func TestVectors(t *testing.T) {
	for _, tc := range []struct {
		name, jwk, input, signature string
		deterministic               bool
	}{
		{"RFC 7515 A.1, RFC 7519 §3.1 HS256", rfc7515A1, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", true},
		{
			"RFC 7515 A.2 RS256", rfc7515A2, "eyJhbGciOiJSUzI1NiJ9." + joe,
			"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
			true,
		},
		{"RFC 7515 A.3 ES256", rfc7515A3, "eyJhbGciOiJFUzI1NiJ9." + joe, "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q", false},
		{
			"RFC 7515 A.4 ES512", rfc7515A4, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
			"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
			false,
		},
		{"RFC 8037 A.4 EdDSA", rfc8037A1, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, err := ParseJWK([]byte(tc.jwk))
			if err != nil {
				t.Fatal(err)
			}
			signature, err := encoding.DecodeString(tc.signature)
			if err != nil || !k.verify(tc.input, signature) {
				t.Fatalf("the signature of the RFC does not verify: %v", err)
			}
			for i := 0; i < len(signature); i += len(signature) / testkit.Volume(len(signature)) {
				signature[i] ^= 1
				if k.verify(tc.input, signature) {
					t.Fatalf("it verifies with byte %d changed", i)
				}
				signature[i] ^= 1
			}
			if k.verify(tc.input+"A", signature) || k.verify(tc.input[1:], signature) {
				t.Error("it verifies for another input")
			}
			own, err := k.signature(tc.input)
			if err != nil || !k.verify(tc.input, own) {
				t.Fatalf("our own signature: %v", err)
			}
			if same := encoding.EncodeToString(own) == tc.signature; same != tc.deterministic {
				t.Errorf("our signature is that of the RFC: %v", same)
			}
			header, _, _ := strings.Cut(tc.input, ".")
			if h, err := parseHeader(header); err != nil || h.alg != string(k.Algorithm()) {
				t.Errorf("the header is read as %+v, %v", h, err)
			}
		})
	}
	t.Run("RFC 7515 A.5 the unsecured JWS is refused", func(t *testing.T) {
		k, err := ParseJWK([]byte(rfc7515A1))
		if err != nil {
			t.Fatal(err)
		}
		set, err := NewKeySet(k)
		if err != nil {
			t.Fatal(err)
		}
		v, err := NewVerifier(set, VerifierConfig{Issuer: "joe", Audience: "x", SkipType: true, SkipID: true, Now: func() time.Time { return time.Unix(1300819300, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{
			"eyJhbGciOiJub25lIn0." + joe + ".",
			"eyJhbGciOiJub25lIn0." + joe + ".AA",
			// Well signed and, as an access token, incomplete.
			"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		} {
			if c, err := v.Verify(t.Context(), token); c != nil || !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v, %v", token, c, err)
			}
		}
	})
	t.Run("RFC 8037 A.3 thumbprint", func(t *testing.T) {
		k, err := ParseJWK([]byte(rfc8037A1))
		if err != nil || k.ID() != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
			t.Errorf("got %v, %v", k, err)
		}
	})
	t.Run("RFC 7638 §3.1 thumbprint, RFC 7517 A.1 keys", func(t *testing.T) {
		const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
		set := `{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},` +
			`{"kty":"RSA","n":"` + n + `","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}`
		keys, ignored, err := parseJWKS(set, []Algorithm{RS256, ES256})
		if err != nil || len(keys) != 1 || ignored == nil || keys[0].ID() != "2011-04-29" || keys[0].Thumbprint() != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
			t.Errorf("got %v, %v, %v", keys, ignored, err)
		}
	})
	t.Run("RFC 7517 A.3 symmetric keys in a set are not used", func(t *testing.T) {
		set := `{"keys":[{"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"},{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","kid":"HMAC key used in JWS spec Appendix A.1 example"}]}`
		if keys, _, err := parseJWKS(set, []Algorithm{RS256}); err == nil {
			t.Errorf("got %v", keys)
		}
	})
	t.Run("RFC 9068 §2.2 header and claims", func(t *testing.T) {
		const head = `{"typ":"at+JWT","alg":"RS256","kid":"RjEwOwOA"}`
		const payload = `{"iss": "https://authorization-server.example.com/", "sub": "5ba552d67", "aud": "https://rs.example.com/", "exp": 1639528912, "iat": 1618354090, "jti" : "dbe39bf3a3ba4238a513f51d6e1691c4", "client_id": "s6BhdRkqt3", "scope": "openid profile reademail"}`
		h, err := parseHeader(encoding.EncodeToString([]byte(head)))
		if err != nil || !h.isType(DefaultType) || h.kid != "RjEwOwOA" {
			t.Errorf("header %+v, %v", h, err)
		}
		var v verified
		if err := v.parse(payload); err != nil {
			t.Fatal(err)
		}
		c := &v.claims
		if c.require(false) != nil || c.Subject != "5ba552d67" || c.ClientID != "s6BhdRkqt3" || len(c.Scopes) != 3 || c.ExpiresAt.Unix() != 1639528912 {
			t.Errorf("claims %+v", c)
		}
		// The example lives for 245 days, which no Verifier permits.
		strict := &Verifier{cfg: VerifierConfig{Issuer: c.Issuer, Audience: c.Audience[0], MaxLifetime: maxMaxLifetime}}
		if err := strict.forUs(c); !errors.Is(err, errLifetime) {
			t.Errorf("got %v", err)
		}
	})
}
