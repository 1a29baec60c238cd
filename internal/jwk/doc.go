// Package jwk makes public keys of JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037)
// that somebody else has published.
//
//	k, err := jwk.Public(members) // a JSON object, as oauth.ParseObject returns it
//	...
//	if k.Fits(header.Algorithm) {
//
// # What it protects from
//
// A key that is used for what it was not made for: use, key_ops, alg, kty and crv
// are obeyed. A published secret: a symmetric key, or one with a private part, is an
// error and never a key. Weak and malformed keys: RSA below 2048 bits or with an
// exponent that is even or small, points that are not on their curve, coordinates
// that are cut or padded, base64url that is not canonical. Keys that cost much: RSA
// above 8192 bits.
//
// # What it does not
//
// Certificates (x5c, x5t) are not looked at, and private keys not read. It knows
// RSA, EC on P-256, P-384 and P-521, and Ed25519.
package jwk
