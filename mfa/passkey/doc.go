// Package passkey lets users prove themselves with passkeys and security keys
// (WebAuthn Level 3), as a second factor in a Gate of package mfa and as a login of
// their own. It is built on github.com/go-webauthn/webauthn, which only those link who
// import it.
//
//	passkeys, err := passkey.New(store, factors, passkey.Config{
//		RPID:    "example.com",
//		Key:     key, // 32 random bytes
//		Elevate: sessions.Elevate,
//		Current: users.Current,
//	})
//	...
//	mux.Handle("GET /passkey.js", passkey.ScriptHandler())
//	mux.Handle("POST /passkeys/register/begin", gate.Handler(passkeys.RegisterBeginHandler()))
//	mux.Handle("POST /passkeys/register/finish", gate.Handler(passkeys.RegisterFinishHandler()))
//	mux.Handle("GET /passkeys", gate.Handler(passkeys.ListHandler()))
//	mux.Handle("PATCH /passkeys/{id}", gate.Handler(passkeys.RenameHandler()))
//	mux.Handle("DELETE /passkeys/{id}", gate.Handler(passkeys.RemoveHandler()))
//	mux.Handle("POST /passkeys/factor/begin", passkeys.FactorBeginHandler())
//	mux.Handle("POST /passkeys/factor/finish", passkeys.FactorFinishHandler())
//	mux.Handle("POST /passkeys/login/begin", passkeys.LoginBeginHandler())
//	mux.Handle("POST /passkeys/login/finish", passkeys.LoginHandler(factors.Gate(sessions)))
//
// and in the page
//
//	import { createPasskeys } from "/passkey.js";
//	await createPasskeys().login();
//
// # What it protects from
//
// Phishing: the browser signs where it is, and an answer from another origin, for
// another site, or from within the frame of another site is refused. Origins are
// compared byte by byte.
//
// Replay: a challenge has 256 random bits, lasts 5 minutes and is answered once, in
// however many processes it is tried at once: the store notes the answer and the
// counter of the passkey in one step. It is good in the browser that it was made for,
// by a __Host- cookie, and for one purpose: a registration for the login that has
// begun it, a second factor for the sign-in that waits, a login for nobody before the
// passkey says whose it is. A wrong answer does not use it up.
//
// Somebody else's passkey: it has to belong to the user who signs in; in a login
// alone, the user handle that the authenticator names has to be that of the passkey.
// A passkey is registered once, for one user.
//
// Side doors: registering and removing a passkey are changes of factors, see
// mfa.Manager.Change. They want a fresh proof, end all other sessions, trusted devices
// and waiting challenges, and tell the user.
//
// Flooding: a challenge that waits is nowhere but in the page, sealed. Of a login
// nothing is stored before its signature was verified; who has signed in and begins to
// register gets a handle.
//
// # User verification
//
// A passkey that verifies its user, by a PIN or biometrics, is two factors at once: it
// has the key, and asks for what the user knows or is. So LoginHandler always wants
// verification, and a Gate of the mfa.Manager then asks for nothing else. Beside a
// password it is asked for where there is one, and a security key without a PIN will do;
// Config.AlwaysVerify wants it there as well.
//
// A passkey that did not verify its user when it was registered cannot sign in alone
// before it has verified beside another factor: whoever finds a key without a PIN can
// give it one (WebAuthn L3 §7.2 step 24, uvInitialized).
//
// # Counters
//
// An authenticator may count its signatures. A counter that stays or goes back is what
// a copy of the key looks like, or two answers of one authenticator that overtook each
// other: the answer is refused, EventCloned tells of it, and the passkey stays, for its
// owner may be the one who was refused. A copy that is used first goes unnoticed until
// then. Passkeys that are synchronised between devices have no counter, it is 0 for
// ever, and their copies are what they are for.
//
// # Attestation
//
// None is asked for: what model an authenticator is, is not verified, and an AAGUID is
// a claim. "none" and self attestation are accepted, as browsers send them, and no
// certificate is ever parsed. New keys are EdDSA, ES256 or RS256 with 2048 to 4096
// bits; a key that cannot verify anything, or that verifies what anybody signs, is refused
// at once.
//
// # What it does not
//
// Script of an attacker in the page can use a passkey while its owner touches it. A
// subdomain of RPID that is not in Origins cannot. Native applications, whose origins
// are not https://, and pages in frames of another site are refused.
//
// A login that is under way in the moment in which its passkey is removed may still be
// completed, as a session that begins too late to be ended with the others. Whoever
// removes a passkey that was stolen looks at the list of sessions after it.
//
// A new password removes no passkey. Whoever had the old one of a user without a factor
// may have registered one, of which the user was told (mfa.Config.Notify): show the list.
//
// A store that loses its passkeys has turned a second factor off, see Store. Whoever can
// write to the store can add one. A user whose only way in is a passkey, and who loses
// it, needs another way back: recovery codes beside a password (mfa.Manager.IssueCodes),
// or a second passkey.
//
// # Beside go-webauthn
//
// It verifies signatures, the hash of the RPID, type, challenge and flags. What it leaves
// to its caller, or compares loosely, is done here: one-time challenges and their binding,
// the clock, whether counters may go on, passkeys that are registered twice, the origin
// (it ignores case and path), members of the client data that occur twice or in another
// case, keys that cannot verify and short RSA keys, sizes, and formats of attestation
// that nobody asked for.
package passkey
