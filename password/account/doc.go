// Package account is what a service needs around a password: registration, proof of
// the address, login, logout, a forgotten password, changes of password and
// address, and the end of an account, as handlers over a table of users.
//
//	outbox, err := account.NewOutbox(mailer, account.OutboxConfig{})
//	...
//	accounts, err := account.New(users, account.Config{
//		BaseURL:  "https://app.example.com",
//		Key:      key, // 32 random bytes
//		Outbox:   outbox,
//		Revokers: auth.Revokers{sessions},
//		Elevate:  sessions.Elevate,
//	})
//	...
//	mux.Handle("POST /register", accounts.Register())
//	mux.Handle("POST /login", accounts.Login(sessions))
//
// The same handlers take JSON and HTML forms, by the Content-Type, and answer in
// kind: a status or a problem, or a redirect to a page (Pages) and, if something is
// wrong, the page again (Config.Form). Below each is a method that works without
// HTTP: SignUp, ConfirmEmail, Authenticate, RequestReset, ResetPassword,
// UpdatePassword, RequestEmail and DeleteAccount.
//
// # What it protects from
//
// Strangers who want to know who has an account. Register and Forgot look nothing
// up before they have answered: they check what depends on the input alone, and
// leave the rest to the Outbox, so the answer and its time are the same for every
// address. The real answer comes by mail, to the address that is stored. A login is
// refused in one way, after the same work, whatever the reason (password.Checker).
//
// Accounts in the name of others. An account is made when the link in a mail is
// used, and not before, so nobody can sign up with the address of somebody else and
// wait for them. Where an account exists whose address was never proved, whoever
// proves it gets it, with nothing left of what was there (Config.Claim).
//
// Guessing: attempts are counted by account and by address before they are
// compared, at the login and wherever the current password is asked for. A device
// from which the owner has signed in before is counted by itself, so nobody can
// lock them out.
//
// Old credentials. A reset or change of password ends all others (Revokers), and
// the time of it is stored in the same step as the hash: Service.Current refuses
// every sign-in from before, also if the process died half-way, and every link of
// mail is void by what it is bound to. Two requests with one link never both work.
//
// Links that lead elsewhere: they are built from BaseURL, and no header is read.
// Requests that another site makes a browser send: all handlers refuse them. Bodies
// with anything in them that is not asked for.
//
// # What it does not
//
// Whoever can read the mail of a user can reset the password; a second factor, which
// a reset leaves alone, is what helps. A user without a password gets none by mail.
//
// Whoever opens the link of a registration that somebody else has made, although the
// mail says not to, has an account with the password of that stranger, who gets in
// until it is reset and may have added a second factor by then. What an account with
// a new address may do should not rest on that address alone.
//
// Whoever can register at all can have the service send a few messages in an hour
// to any address, after which a registration by its owner sends none in that hour.
//
// A Store that takes longer for an address that it knows shows that at the login,
// though not at Register or Forgot. Whoever keeps an address locked sees when an
// account is made or deleted at it, or moves to it or away: the account brings a
// count of its own.
//
// # Addresses
//
// An address is ASCII, and its one canonical form is in lower case. Canonical says
// what is refused, and why nothing else is folded. Mail goes to the address as it
// was written when it was proved.
//
// # Links
//
// The token is in the query of the page that a link leads to, since that works
// without JavaScript: the page puts it into a form, and the form posts it. The
// address of the page is secret as long as the token is good, for an hour at most
// with a reset: wrap the page in TokenPage, and let no log keep its query. With
// Config.TokenInFragment the token stands behind "#", which a browser sends to
// nobody, and a script has to put it into the form. Opening a link changes nothing;
// mail scanners do it before people.
//
// # Limits
//
// What is in the Outbox is in memory: a process that dies loses mail, and nothing
// else, and the user asks again. The stores, tokens and limits that New makes itself
// are in memory, too; name others for more than one process. A browser is a known
// device of one account at a time.
package account
