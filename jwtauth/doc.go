// Package jwtauth issues short-lived access tokens (JWT, RFC 9068) with refresh
// tokens that rotate, and verifies access tokens, those of the service itself and
// those of other issuers. It is for APIs that are called by single-page and mobile
// applications and by other services. A site of one domain is better served by
// package session: a session ends at once when it is told to.
//
//	key, err := jwtauth.ParsePEM("2026-01", jwtauth.ES256, pem)
//	keys, err := jwtauth.NewKeySet(key)
//	tokens, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Issuer: self, Audience: self})
//	...
//	mux.Handle("GET /orders", auth.Require(tokens)(orders)) // a *Verifier is an auth.Authenticator
//	mux.Handle("POST /login", accounts.Login(issuer))       // an *Issuer is an auth.SignIn
//
// [Verifier] reads tokens, [Issuer] makes and refreshes them, [KeySet] has the keys
// of the service, [RemoteKeySet] those of another issuer. Stores for refresh
// families are in memory and in the packages redisstore and sqlstore.
//
// # What it protects from
//
//   - Tokens that choose how they are verified: a key has one algorithm, a set has
//     HMAC or asymmetric keys and never both, "none" does not exist, and a header
//     that brings a key (jwk, jku, x5c, x5u) or changes the rules (crit, b64) is
//     refused ([RFC 8725]).
//   - Tokens that say two things: names that are there twice or differ in case
//     only, numbers that are not integers, invalid text, base64 that is not
//     canonical, anything after the end.
//   - Tokens for something else: issuer and audience must be named and are compared
//     exactly, and typ keeps ID tokens and others of the same key apart.
//   - Tokens without an end: exp, iat, sub and jti are required, and no token may
//     live longer than VerifierConfig.MaxLifetime.
//   - Tokens as a load: what is too long or malformed is refused without an
//     allocation, the signature is checked before the claims are parsed, and tokens
//     with unknown keys cannot make a RemoteKeySet fetch more than once a minute, or
//     every ten seconds while the issuer does not answer.
//   - Weak keys, on the way in: short secrets, secrets that are public keys, RSA
//     below 2048 bits, points off their curve.
//   - Refresh tokens that are stolen, see [Issuer].
//
// # What it does not
//
// A bearer token is good for whoever has it. Keep its life short, keep it out of
// URLs and of storage that script can read. Encrypted tokens (JWE), the JSON
// serialization, and tokens bound to a key of the client (DPoP, mTLS) are not
// supported; the latter are refused only if their issuer uses another typ.
//
// # Ending access tokens
//
// An access token is good until it expires; nobody is asked. What can be done:
//
//   - Nothing: the token of somebody who has signed out is good for 15 minutes at
//     most, and its refresh token is dead at once.
//   - [Epochs], a time for each subject: "log out everywhere", a reset or a stolen
//     refresh token ends all access tokens of the subject within
//     VerifierConfig.EpochDelay, 10 seconds unless configured. They are kept in the
//     memory of one process, or for several in a database, by package sqlstore.
//   - VerifierConfig.Revoked, a look-up for each request, such as [Issuer.Revoked].
//
// In both of the latter a store that is down refuses with 503.
//
// Roles in a token are those of when it was issued or refreshed. The hook
// auth.Gate.Current reads those of now.
//
// # What the client sees
//
// A token that is refused is a 401 with error="invalid_token" ([RFC 6750 §3.1]). The
// code of the problem is TOKEN_EXPIRED if the token was genuine and its time is over,
// or it was revoked: the client refreshes once and repeats the request. It is
// TOKEN_INVALID for any other, one of a retired key included; to refresh once is
// right there too, and to go on doing so is not.
//
// # Performance
//
// The first look at a token of HMAC costs one HMAC and one pass over the claims. A
// token of an asymmetric key is verified once and then remembered by its hash, see
// VerifierConfig.CacheSize; key, times and revocation are checked each time.
//
// [RFC 6750 §3.1]: https://www.rfc-editor.org/rfc/rfc6750#section-3.1
// [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725
package jwtauth
