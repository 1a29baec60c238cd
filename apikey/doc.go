// Package apikey issues and verifies API keys: credentials of machines that act for an
// owner, with rights of their own choice among the owner's.
//
//	keys, err := apikey.New(store, apikey.Config{
//		Owner:   users.Current, // how the owner stands now; the hook that auth.Gate has
//		Permits: func(p *auth.Principal, scope string) bool { return policy.Allows(p, rbac.Permission(scope)) },
//	})
//	defer keys.Close(ctx)
//	...
//	mux.Handle("GET /orders", auth.Require(keys, sessions)(orders)) // a *Manager is an auth.Authenticator
//
//	signedIn := auth.Require(sessions)
//	mux.Handle("POST /api-keys", signedIn(keys.CreateHandler()))
//	mux.Handle("GET /api-keys", signedIn(keys.ListHandler()))
//	mux.Handle("DELETE /api-keys/{id}", signedIn(keys.RevokeHandler()))
//	mux.Handle("POST /api-keys/{id}/rotate", signedIn(keys.RotateHandler()))
//
// [Manager] does everything. Stores are in memory and in the packages redisstore and
// sqlstore; [Store] is the interface of another.
//
// # The key
//
// A key reads prefix_id_secret, as in
//
//	sk_live_4qLx0vJ2aYb7TzQm1Rk_d0…43 characters…Zp1k2Yc3
//
// The prefix tells people and secret scanners what it is, [Manager.Pattern] is the
// regular expression for it. The id, 19 characters, is public: it names the key in
// lists, logs and events. The secret is 43 random characters, which is 256 bits. The
// last 6 are a checksum, the CRC-32 (IEEE) of everything before in base 62, which
// [Parse] checks: a typing error, a cut end and a text that only looks like a key are
// refused with no look-up, and a scanner has no false alarms.
//
// # What it protects from
//
//   - A stolen store: it has the SHA-256 of the secret, from which nobody finds 256
//     bits. The key is shown once, to who made it.
//   - A key that outlives its reason: keys expire, after 90 days unless configured,
//     and a year at most. Rotation gives the successor a new secret, and the old key
//     an end.
//   - A key that outgrows its owner: at each use the scopes are cut down to what
//     the owner may do now, and the key of a disabled owner is refused.
//   - A key that makes keys: managing keys takes an interactive, recent sign-in. The
//     owner is the signed-in caller and is never read from a request; the scopes are
//     those of the caller or fewer.
//   - A key that travels: Addresses bind it to networks. It is read from its header
//     and never from the query or a cookie.
//   - Guessing and noise: 256 bits are not guessed, but look-ups cost. Junk is refused
//     without one, and an address with too many wrong keys is refused as well.
//     Nothing that a stranger sends makes memory grow.
//
// # What it does not
//
// A key is good for whoever has it. Keep it out of repositories and pages, and let a
// scanner look for it; [Manager.RevokeLeaked] takes what it finds. Requests are not
// signed and not bound to a TLS key.
//
// # Revocation
//
// Without Config.CacheFor every request asks the store: when a Revoke returns, no
// later request with that key succeeds, in any process. With it, other processes may
// accept the key for up to CacheFor, a minute at most; if the store is a [Watcher] they
// are told, and it is under a second. A lost subscription, whether noticed or not,
// leaves the bound at CacheFor: no record is used longer than that, whatever
// anybody is told. Owner and Permits are cached with the record and have the same
// bound; [Manager.Forget] drops what this process has of an owner.
//
// # What the client sees
//
// A refused key is a 401. The code is API_KEY_MALFORMED if it cannot be one, which
// anybody can compute, API_KEY_INVALID if there is none such, and, for whoever has
// presented the right secret, API_KEY_EXPIRED or API_KEY_REVOKED. For anybody else
// these are API_KEY_INVALID, and take the same look-up and comparison. With a cache, the
// time of the answer tells who knows an id whether it was looked up lately.
//
// # Two credentials
//
// An auth.Gate lets the first credential that is present decide. A key in Header
// decides over a bearer token if the Manager is named before the Verifier of tokens,
// and always over a cookie. Two keys in one request are refused.
package apikey
