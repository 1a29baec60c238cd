// Package throttle limits guessing: of passwords, of one-time codes, of
// anything that a stranger may try again and again.
//
//	limiter, err := throttle.New(nil, throttle.Config{})
//	...
//	attempt, err := limiter.Begin(ctx, "account:"+id, "address:"+addr)
//	if err != nil {
//		return err // a *LockedError is a 429 with Retry-After
//	}
//	if !secretMatches {
//		return errMismatch
//	}
//	return attempt.Succeed(ctx)
//
// # What it protects from
//
// Guessing at one account, in parallel too: an attempt is counted before the
// secret is compared, so a thousand guesses sent at once are no more than five
// sent in turn. Clearing the count of a victim by signing in elsewhere: a
// success forgives one key, the first that was named, and no other. Filling the
// memory with made-up names: keys are kept as digests of fixed length, and the
// store in memory is bounded.
//
// # What it does not
//
// Guessing one password at each of many accounts: that needs a second key, such
// as the client's address, with a Limiter of its own size. Locking somebody out
// on purpose: whoever knows a login can use up its attempts, for the time of the
// lockout.
//
// # Limits
//
// The store in memory counts for one process. When it is full it forgets keys
// with few attempts before keys with many, so that a locked one stays locked.
package throttle
