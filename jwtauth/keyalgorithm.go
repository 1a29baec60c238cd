package jwtauth

import (
	"crypto"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512

	"crypto/elliptic"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// An Algorithm is a signature algorithm of JWS (RFC 7518 §3.1, RFC 8037 §3.1).
// There is no "none".
type Algorithm string

// The algorithms. Take ES256 or EdDSA if other services verify the tokens, HS256
// if only this one does; RS256 where a client knows nothing else.
const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"
)

type keyType string

// The values of the member kty of a JWK (RFC 7518 §6.1, RFC 8037 §2).
const (
	typeOct keyType = "oct"
	typeRSA keyType = "RSA"
	typeEC  keyType = "EC"
	typeOKP keyType = "OKP"
)

// An algorithm is what the library knows of an Algorithm. The methods are
// golang-jwt's, but instances of our own: the ones that it exports are variables
// that any package of the program can change, and its PS* accept any length of
// salt where RFC 7518 §3.5 has one.
type algorithm struct {
	name   Algorithm
	kind   keyType
	hash   crypto.Hash
	method jwt.SigningMethod
	curve  elliptic.Curve    // of EC
	opts   crypto.SignerOpts // of a crypto.Signer
}

var algorithms = func() map[Algorithm]*algorithm {
	m := make(map[Algorithm]*algorithm)
	add := func(a algorithm) { m[a.name] = &a }
	hmac := func(name Algorithm, h crypto.Hash) {
		add(algorithm{name: name, kind: typeOct, hash: h, method: &jwt.SigningMethodHMAC{Name: string(name), Hash: h}})
	}
	pkcs1 := func(name Algorithm, h crypto.Hash) {
		add(algorithm{name: name, kind: typeRSA, hash: h, opts: h, method: &jwt.SigningMethodRSA{Name: string(name), Hash: h}})
	}
	pss := func(name Algorithm, h crypto.Hash) {
		salt := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
		add(algorithm{name: name, kind: typeRSA, hash: h, opts: salt, method: &jwt.SigningMethodRSAPSS{
			SigningMethodRSA: &jwt.SigningMethodRSA{Name: string(name), Hash: h}, Options: salt, VerifyOptions: salt,
		}})
	}
	ecdsa := func(name Algorithm, h crypto.Hash, c elliptic.Curve) {
		bits := c.Params().BitSize
		add(algorithm{name: name, kind: typeEC, hash: h, opts: h, curve: c, method: &jwt.SigningMethodECDSA{
			Name: string(name), Hash: h, KeySize: (bits + 7) / 8, CurveBits: bits,
		}})
	}
	hmac(HS256, crypto.SHA256)
	hmac(HS384, crypto.SHA384)
	hmac(HS512, crypto.SHA512)
	pkcs1(RS256, crypto.SHA256)
	pkcs1(RS384, crypto.SHA384)
	pkcs1(RS512, crypto.SHA512)
	pss(PS256, crypto.SHA256)
	pss(PS384, crypto.SHA384)
	pss(PS512, crypto.SHA512)
	ecdsa(ES256, crypto.SHA256, elliptic.P256())
	ecdsa(ES384, crypto.SHA384, elliptic.P384())
	ecdsa(ES512, crypto.SHA512, elliptic.P521())
	add(algorithm{name: EdDSA, kind: typeOKP, opts: crypto.Hash(0), method: new(jwt.SigningMethodEd25519)})
	return m
}()
