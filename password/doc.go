// Package password hashes passwords, says which new ones are acceptable, and
// checks logins so that nobody learns who has an account.
//
//	checker, err := password.NewChecker(lookup, password.CheckerConfig{})
//	...
//	addr, err := clients.Address(r) // a throttle.ClientIP
//	...
//	p, err := checker.CheckFrom(ctx, throttle.Source{Address: addr}, r.PostFormValue("email"), r.PostFormValue("password"))
//	if err != nil {
//		problem.WriteError(w, r, err) // 401, the same for every reason; 429; 503
//		return
//	}
//	err = sessions.SignIn(w, r, p)
//
// and where a password is set
//
//	err := policy.Check(ctx, password, user.Name, user.Email) // *PolicyError: 422
//	...
//	encoded, err := hasher.Hash(ctx, password)
//
// A mail that resets a password carries a token from [Tokens], which is good once:
//
//	token, err := tokens.Issue(ctx, user.ID, password.PurposeReset, binding)
//	...
//	t, err := tokens.Consume(ctx, password.PurposeReset, token) // ErrToken: 400
//
// # What it protects from
//
// A stolen table of hashes: [Argon2id] by default, at the parameters that OWASP
// recommends, in strings that carry them (PHC form), so that they can be raised
// later; hashes with older ones are replaced at the next login ([Upgrade] for
// another scheme, package legacy for the tables of other programs).
//
// Exhausted memory: every hash waits for its share of a [Pool], a budget in MiB.
// A storm of logins queues, and beyond the queue is told to come back (503); it
// never takes the machine down. Parameters in a stored string are bounded before
// any work is done for them.
//
// Enumeration: an unknown login, an account without a password, a disabled one,
// one whose stored hash is of an old scheme or is damaged, and a wrong password
// get one answer, after the same work ([Checker]).
//
// Guessing: attempts are counted before they are hashed, by account, by address
// and by known device (package throttle), and passwords that attackers try first
// are refused when they are set ([Policy]).
//
// Silent truncation: what a scheme would ignore is refused. bcrypt reads 72 bytes
// and no more; neither it nor scrypt can tell every NUL from nothing.
//
// # What it does not
//
// Guessing one password at each of many accounts from as many addresses. A
// password that the same user has lost to another site: give [PolicyConfig] a
// Breached hook, such as that of package breach. A look-up that itself takes
// longer for known users: a Checker evens out what it does, not what it calls.
//
// # Text
//
// A password is the exact bytes that were received: case and spaces count,
// nothing is trimmed. With NFKC in the configuration of a Hasher, composed and
// decomposed forms of a character are the same password, equally when it is set
// and when it is verified (NIST SP 800-63B). A NUL, which no keyboard sends, is
// refused by every Hasher; bytes that are not UTF-8 are refused by a Policy, when
// a password is set, and hashed as they are otherwise. No password may have more
// than [MaxBytes] bytes, which is checked before any other work.
//
// # Even timing
//
// A failed check costs one hash by every scheme that the Hasher knows, at that
// scheme's own parameters, whatever is stored for the login, if anything:
//
//   - What Upgrade names is even exactly: verifying a stored bcrypt string is
//     followed by a discarded Argon2id hash, and the other way round. So each old
//     scheme that is named makes failures dearer; drop it when the last of its
//     hashes is gone.
//   - A stored hash of a named scheme with cheaper parameters is topped up to the
//     parameters of today: exactly for bcrypt and scrypt, within some 20 % for
//     Argon2id, whose time is not proportional to its parameters. Name the old
//     parameters in Upgrade as well, and it is exact; those that a constructor
//     refuses as too weak cannot be named.
//   - A stored hash that is dearer than anything named takes longer. Name it.
//
// A successful check costs only what it needs: who sees that one knows the
// password. The claim is measured, not asserted, by a statistical test on demand
// that takes four minutes and wants an idle machine:
//
//	go test -tags timing -run Timing -timeout 30m ./password
//
// It runs the classes of logins in random order and fails if one of them can be
// told from an unknown login: by 5 % in the median, or at a significance of 99 %
// by 1 % in the median or by 5 % in the 90th percentile.
package password
