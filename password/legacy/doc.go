// Package legacy verifies the password hashes of other programs, so that a table
// of users can move to this one and nobody has to reset a password.
//
//	argon, err := password.NewArgon2id(password.Argon2idConfig{Pool: pool})
//	...
//	django, err := legacy.NewPBKDF2(legacy.PBKDF2Config{Iterations: 870_000, Pool: pool})
//	...
//	hasher, err := password.Upgrade(argon, django)
//
// A Checker with this Hasher and a Rehash hook signs users in by their old hash
// and replaces it. Nothing here writes new hashes. When the last old one is gone,
// or too old to wait for, take the Hasher away.
//
// # Who stores what
//
//	Django, default    pbkdf2_sha256$870000$…          PBKDF2
//	Django             pbkdf2_sha1$…                   PBKDF2 with crypto.SHA1
//	Django             argon2$argon2id$v=19$…          Wrapped, Prefix "argon2", of password.Argon2id
//	Django             argon2$argon2i$v=19$…           Wrapped, Prefix "argon2", of Argon2i
//	Django             bcrypt$$2b$12$…                 Wrapped, Prefix "bcrypt$", of password.Bcrypt
//	Django             bcrypt_sha256$$2b$12$…          Wrapped, Prefix "bcrypt_sha256$", of password.Bcrypt; see the example
//	Django             scrypt$16384$…                  Scrypt
//	Werkzeug (Flask)   scrypt:32768:8:1$…              Scrypt
//	Werkzeug (Flask)   pbkdf2:sha256:600000$…          PBKDF2
//	passlib            $pbkdf2-sha256$29000$…          PBKDF2
//	passlib            $pbkdf2-sha512$…, $pbkdf2$…     PBKDF2 with crypto.SHA512, crypto.SHA1
//	passlib            $scrypt$ln=16,r=8,p=1$…         password.Scrypt
//	PHP, Rails, Node   $2a$…, $2b$…, $2y$…             password.Bcrypt
//	PHP, argon2-cffi   $argon2id$v=19$…                password.Argon2id
//	PHP, argon2-cffi   $argon2i$v=19$…                 Argon2i
//	Spring, Dovecot    {bcrypt}$2a$…, {ARGON2ID}$…     Wrapped, Prefix "{bcrypt}", of password.Bcrypt, and so on
//	anybody            hex of MD5 or SHA-256           Wrapped, after all rows were wrapped
//
// # What it protects from
//
// A fast hash at rest: there is nothing here that verifies an MD5 or a SHA-256 as
// it stands. [Wrapped] puts all of them under Argon2id in one go, without a
// password, and then verifies those.
//
// A row that asks for too much: each Hasher is told the dearest parameters of the
// table, and a string that asks for more is an error that wraps
// password.ErrBadHash before any work for it.
//
// Telling by the time who has an old hash: see Even timing in package password. A
// failed check costs what the named parameters cost, whatever the string has:
// what it had less is made up for, exactly for PBKDF2, bcrypt and scrypt, within
// some 20 % for Argon2, and not at all where the Pool turns that work away, which
// is no reason not to count an attempt.
//
// # What it does not
//
// bcrypt's $2x$: those hashes were made by a fault of crypt_blowfish before 2011
// that lost characters beyond ASCII, so that passwords match that are not the
// user's, and no maintained code in Go makes the same fault. Argon2d and the
// versions of Argon2 before 1.3: golang.org/x/crypto has neither. The crypt
// schemes of Unix ($1$, $5$, $6$, yescrypt), phpass, passlib's $bcrypt-sha256$.
// Users with one of these set a new password by mail. No password is truncated
// here: one of more than 72 bytes that a bcrypt of old had cut does not match.
package legacy
