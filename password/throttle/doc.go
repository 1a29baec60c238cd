// Package throttle limits guessing: of passwords, of one-time codes, of anything
// that a stranger may try again and again; and requests that are to be rare.
//
// A [Guard] is for logins. A password.Checker has one and calls it:
//
//	logins, err := throttle.NewGuard(store, throttle.GuardConfig{})
//	clients, err := throttle.NewClientIP(throttle.ClientIPConfig{TrustedProxies: proxies})
//	...
//	addr, err := clients.Address(r)
//	attempt, err := logins.Begin(ctx, throttle.Source{Account: account, Address: addr})
//	if err != nil {
//		return err // a *LockedError is a 429 with Retry-After
//	}
//	if !passwordMatches {
//		return errMismatch
//	}
//	return attempt.Succeed(ctx)
//
// A [Limiter] is for everything else: [Limiter.Begin] for guesses at a secret, such
// as the codes of a second factor, and [Limiter.Handler] for requests:
//
//	registrations, err := throttle.New(store, throttle.Config{Name: "register", Max: 10, Window: time.Hour})
//	...
//	mux.Handle("POST /register", registrations.Handler(clients.Key)(register))
//
// Counts are kept in memory, or in Redis by package redisstore.
//
// # What it protects from
//
//   - Guessing at one account, in parallel too: an attempt is counted before the
//     secret is compared, so a thousand guesses sent at once are no more than five
//     sent in turn. Locks grow from 15 minutes to a day.
//   - Patience: failures in a row are remembered for up to 90 days, and there are
//     never more than 100 of them without another proof (NIST SP 800-63B-4 §3.2.2).
//   - Guessing at many accounts from one address, for which no header of the client
//     is believed and the addresses of one IPv6 network are one.
//   - Clearing the count of a victim by signing in elsewhere: a success forgives one
//     account and takes one attempt back at the address.
//   - Locking somebody out on purpose: who comes from a known device has attempts of
//     their own ([Device]), and who has reset the password is let in
//     ([Guard.Unlock]).
//   - Filling the memory with made-up names: see [MemoryStore] and [Rule.Until].
//     Stores hold digests of one length, no names and no addresses.
//   - Learning who has an account: count attempts at names that are nobody's just
//     the same. They get locked just the same, for as long.
//   - A store that is down: attempts are refused with 503, unless FailOpen.
//
// # What it does not
//
// Guessing one password at each of many accounts from as many addresses: nothing
// that is counted here is ever seen twice. Refuse common passwords when they are
// set, and ask for a second factor.
//
// Locking out somebody who has no known device: whoever knows a login can use up
// its attempts, until the lock ends or the password is reset.
//
// Two things that watching the locks tells. Two logins of one account share its
// count, so somebody who guesses both, such as a public user name and an e-mail
// address, can see that they belong together; where that matters, let people sign
// in by one of them. And a success of the owner ends a count early, so somebody who
// goes on for long enough can see that there is an owner.
//
// # Limits
//
// The store in memory counts for one process, and a restart forgives. A count that
// a store loses is forgiven, on Redis too, see package redisstore: nothing here
// replaces a good password.
//
// An attempt counts while it runs. So more logins at once from one address than
// GuardConfig.MaxPerAddress are refused even if all would succeed, and with the
// Retry-After of a lock, though the first of them that succeeds ends it.
package throttle
