// Package session keeps users signed in with a cookie and state on the server.
// It is what a site of one domain, with pages or a single-page front end, should
// use: a session ends at once when it is told to.
//
//	sessions, err := session.New(store, session.Config{})
//	...
//	mux.Handle("POST /login", accounts.Login(sessions))     // a *Manager is an auth.SignIn
//	mux.Handle("POST /logout", sessions.SignOutHandler())
//	mux.Handle("GET /account", auth.Require(sessions)(page)) // and an auth.Authenticator
//	http.ListenAndServeTLS(addr, cert, key, sessions.Handler(mux))
//
// Package redisstore keeps sessions in Redis. A nil store keeps them in memory.
//
// # What it protects from
//
//   - Fixation: a sign-in makes a new id and ends the old one in one step; values
//     from before do not survive it, but for a list of names. Ids that the
//     service has not made are never taken over.
//   - A session that comes back: every write is conditional on the session being
//     there, so a request that runs during a sign-out cannot revive it. An end of
//     a session that cannot be written is an error, never "signed out".
//   - A session that escapes: whoever ends the sessions of a user ends all that are
//     there, also those that are renewed at that moment, at the next request.
//   - A session that does not end: lifetime and idle timeout are checked on every
//     load by the clock of the server, whatever the store keeps.
//   - A stolen store: it holds hashes of the cookies, see [ID]. The cookie is
//     random to whoever sees a part of it; who has all of it can tell a subject
//     that he guesses, and is that subject anyway.
//   - Planted cookies: the "__Host-" prefix, and two cookies of the name are none.
//   - Forged requests from other origins: whenever the cookie is the credential,
//     [http.CrossOriginProtection] is asked, and the scheme of the origin is
//     compared too. So are sign-in and sign-out (login CSRF, [RFC 9700 §4.7]).
//   - A response that says what did not happen: the session is saved before the
//     first byte, by whatever road that leaves, and if it cannot be saved the
//     handler's response is withheld.
//   - Responses of one user served to another by a cache: those that depend on a
//     session have Vary: Cookie and, if they say nothing else, Cache-Control:
//     no-store.
//
// # What it does not
//
// Script of an attacker in a page can act as the user for as long as the page is
// open, HttpOnly or not. A cookie that was copied from the browser's machine is
// as good as the original. Plain HTTP in front of the service: a cookie is only
// Secure if the browser speaks HTTPS; use HSTS. Routes without a login need a
// cross-origin check of their own, see [CSRF].
// Session data is for a few small values: at most [MaxRecordSize] bytes.
//
// # Ending sessions
//
// [Manager.SignOut] is for the session of the request. A user who has lost a
// phone looks at [Manager.List] and calls [Manager.Revoke] or
// [Manager.RevokeOthers]; an administrator, a password reset or a change of
// factors calls [Manager.RevokeSubject], which makes a Manager an [auth.Revoker].
// What they end is refused from the next request on. They take time in proportion
// to the sessions of that user, who has at most Config.MaxPerUser of them.
//
// A user who is disabled or loses a role is not the business of a session: it
// says who signed in. Tell how the user stands now in the hook of the gate,
// [auth.Gate].Current, and revoke besides if the sessions are not to come back
// when the user does.
//
// # Fresh proofs
//
// [Manager.Elevate] notes a proof that the user has given since the sign-in, with
// its time, for [auth.RequireFresh]:
//
//	mux.Handle("POST /account/delete", auth.Require(sessions)(auth.RequireFresh(5*time.Minute, auth.FactorPassword)(page)))
//
// # Staying signed in
//
// The browser forgets the cookie when it ends, unless the sign-in was made under
// [Remember]. Config.RememberLifetime and Config.RememberIdleTimeout are the
// limits of such sessions.
//
// # Visitors
//
// Who is not signed in has a session only if the application puts a value into
// it. Requests that do not touch the session cost no store call, set no cookie
// and can be cached.
//
// # Concurrent requests
//
// Requests of one session run in parallel. What matters to security, who is
// signed in and whether the session lives, changes only together with the id, so
// that a request that began before cannot overwrite it: its late write fails, and
// its response is a 401. Of values written by parallel requests the last wins.
// A request with the old cookie that arrives after a sign-in or an Elevate is
// anonymous; if it is a sign-out, the new session is not ended by it.
//
// # Cookies that are worth nothing
//
// A cookie that is expired, unknown, malformed or there twice is treated as no
// cookie, see [Manager.Authenticate], and is not cleared: the answer to a slow
// request could clear the cookie that a faster one has just set.
//
// # Moving from scs
//
// Values are kept by [scs], and [Manager.SCS] has its methods. A service on scs
// replaces LoadAndSave by [Manager.Handler], RenewToken at login by
// [Manager.Begin], Destroy by [Manager.SignOut], and can keep all other calls, on
// the manager that it has, by naming that in Config.SCS. The example shows it.
// [FromSCS] keeps sessions in any store for scs, with a weaker guarantee.
//
// Two Managers may be in one chain, for example one for staff. Their SCS()
// cannot be told apart by scs unless one of them was made by scs.New and named in
// Config.SCS; using it otherwise panics and says so.
//
// [RFC 9700 §4.7]: https://www.rfc-editor.org/rfc/rfc9700#section-4.7
// [scs]: https://pkg.go.dev/github.com/alexedwards/scs/v2
package session
