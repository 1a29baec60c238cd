// Package seal encrypts and authenticates small values that leave the hands of
// the service: the state of a sign-in attempt in a cookie, a TOTP secret in a
// database row.
//
// # What it protects from
//
// Reading and changing a value: AES-256-GCM, with a fresh random nonce for each.
// Moving a value to another place: what the associated data says at [Sealer.Seal]
// must be said again at [Sealer.Open], so a user's sealed secret does not open in
// the row of another user. Moving it to another use: each purpose has keys of its
// own, derived with HKDF (RFC 5869), so one configured key can serve cookies and
// TOTP secrets and neither opens as the other. Two spellings of one value: each
// sealed value has exactly one text, so a list of used ones cannot be evaded.
//
// # What it does not
//
// Replay: an old sealed value opens as well as a new one, so what must expire or
// be used once has to say so inside. Length: a sealed value is 37 bytes longer
// than what it holds and does not hide that. Deletion, and a stolen key.
//
// # Keys
//
// A key is 32 random bytes (openssl rand -base64 32). It has no name to manage:
// its id, which each sealed value begins with, is derived from the key itself. To
// rotate, make the new key current and keep the old one among the old: what it
// sealed still opens, and Open says that it is outdated, so that the caller seals
// it again. When nothing outdated is left the old key can go.
//
// # Limits
//
// With random nonces a key may seal 2^32 values per purpose (NIST SP 800-38D
// §8.3); after that the chance of a repeated nonce, which would reveal both values
// and let an attacker forge, exceeds 2^-32. Ten values a second reach that in
// thirteen years; a service with more traffic rotates yearly. Values are meant to
// be small: they are held in memory as a whole.
package seal
