// Package secret makes random tokens, names them by their hash, and compares
// secrets.
//
// # What it protects from
//
// Guessing: a [Token] has at least 128 bits from crypto/rand, and no caller can
// ask for fewer. A stolen store: it holds the [Handle] of a token, from which the
// token cannot be found. Timing: [Equal], [EqualBytes] and [Handle.Equal] take the
// same time wherever two secrets differ. Looking up a row by its Handle is safe
// as well: who does not know a token cannot steer its hash towards a stored one,
// so the time of an index look-up tells nothing of use.
//
// # What it does not
//
// A Handle is a plain SHA-256. It is for secrets that cannot be searched, which
// is what Token makes (ASVS 5.0 V6.5.2 asks for 112 bits). A password, a PIN or
// a short code goes through package password instead; its SHA-256 is searched
// through in seconds.
//
// Everything here is safe for concurrent use.
package secret
