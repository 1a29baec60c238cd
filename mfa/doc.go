// Package mfa is the second factor of a sign-in: codes of an authenticator app
// (TOTP, RFC 6238), recovery codes, and a Gate that stands in front of any
// auth.SignIn.
//
//	factors, err := mfa.New(store, mfa.Config{
//		Issuer:   "Example",
//		Key:      key, // 32 random bytes
//		Revokers: auth.Revokers{sessions},
//		Elevate:  sessions.Elevate,
//		Current:  gate.Current,
//		SignedIn: gate,
//	})
//	...
//	mux.Handle("POST /login", accounts.Login(factors.Gate(sessions)))
//	mux.Handle("POST /mfa/challenge", factors.ChallengeHandler())
//	mux.Handle("POST /mfa/enable", gate.Handler(factors.EnableHandler()))
//	mux.Handle("POST /mfa/verify", gate.Handler(factors.VerifyHandler()))
//	mux.Handle("POST /mfa/disable", gate.Handler(factors.DisableHandler()))
//	mux.Handle("POST /mfa/recovery-codes", gate.Handler(factors.RecoveryCodesHandler()))
//
// The rest of the wiring is at the accounts, so that a change of password ends what
// the Manager keeps, and an account that was claimed loses the factors of a stranger:
//
//	account.Config{
//		Revokers: auth.Revokers{factors, sessions}, // what waits ends before it becomes a session
//		Claim:    factors.Remove,
//		Remember: factors.Remember,
//	}
//
// Whoever proves an identity is given the Gate and nothing else, so no road to a
// credential goes around it. For a user without a factor the Gate passes the
// sign-in on. For one with a factor it keeps the sign-in, answers 401 MFA_REQUIRED
// with a cookie, and ChallengeHandler completes exactly the sign-in that was
// interrupted: the session, or the tokens, that the Gate was made for.
//
// # What it protects from
//
// Replay: a code is accepted once, and after it none of an earlier time, by one
// compare-and-set in the store (RFC 6238 §5.2). So a code that was watched or
// phished is worth nothing after its owner has used it, in however many processes
// it is tried at once.
//
// Guessing: an attempt is counted before anything is compared, under the subject
// and nothing else. Signing in again, another browser, another endpoint, a recovery
// code in place of a code: all take from the same budget, of 5 attempts and then
// locks that double from 15 minutes to a day. The owner's successes clear that
// budget and not a second one of 100 failures. A month of guessing finds a code of
// 6 digits with a probability below 1 %.
//
// Side doors. A change of factors (enabling, replacing, disabling, new recovery
// codes) wants a fresh proof of a factor that the user has, or a fresh sign-in if
// there is none yet; it ends all other credentials, all trusted devices and all
// waiting challenges, and tells the user (Config.Notify). An API key changes
// nothing. A waiting challenge opens nothing: it is no credential, lasts 10 minutes
// at most, works in the browser that it was made for, and is tried 10 times at most.
//
// A store that was read: secrets and challenges are sealed with AES-256-GCM for
// their subject, recovery codes and cookies are there as digests. A store that was
// written to by somebody else, in part: no sealed value opens in another row.
//
// A store that fails: whoever cannot be looked up is not let in (503).
//
// # What it does not
//
// A code can be phished: a page in the middle that passes it on at once is let in.
// Passkeys (package passkey) cannot.
//
// Without Config.Current a sign-in is completed as it began: with the roles of then,
// and of whoever was disabled meanwhile. A Gate of requests with a Current refuses
// them all the same; who verifies tokens elsewhere does not.
//
// A store that loses a factor has turned it off, see FactorStore. Whoever can
// write to the store can delete a factor, or put in a recovery code or a trusted
// device that they know: of those it has digests without a key.
//
// Whoever knows the password of a user can use up the attempts, and keep the user out
// until the lock ends or Unlock. A user who is wrong a hundred times within three
// days, however many times right in between, is locked out for three more.
//
// # Codes
//
// A code is 6 (or 8) ASCII digits, with nothing around it. That of the current 30
// seconds is good, and so are those of the 30 seconds before and after, for clocks
// that differ and people who are slow: RFC 6238 §5.2 recommends one step of delay.
// So a code is good for 90 seconds, unless it or a later one is used; ASVS V6.5.5
// would have 30. All three are computed and compared each time. If the server's
// clock was ahead when a code was accepted, codes are refused until the time has come
// there again: nothing is replayed.
//
// # Time of proof
//
// A completed sign-in has an auth.Factor of the kind and time of the proof, which
// auth.RequireFresh asks for: auth.FactorOTP, auth.FactorRecovery, or the Name of
// a Kind. Someone signed in who lacks one posts it to ChallengeHandler as well, and
// has the session raised (Config.Elevate) or gets new tokens (Config.Reissue).
package mfa
