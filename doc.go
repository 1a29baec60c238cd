// Package auth is the core of Sallyport, authentication and authorization for
// Go services that speak net/http. A sally port is a guarded entry with two
// doors: the first asks who you are, the second what you may do.
//
// # Two roads
//
// Everything in this module stands on one of two short roads.
//
//	SIGN-IN ROAD   proof ───────────► gates ─────────────────► credential
//	               password           throttle (guessing)      session.Manager  (cookie)
//	               oauth.Flow         second factor            jwtauth.Issuer   (token pair)
//
//	REQUEST ROAD   credential ──────► auth.Require ──────────► rbac.Policy.Require ──► your handler
//	               session cookie     first credential present  permission            auth.FromContext
//	               bearer token       decides; a bad one        auth.RequireFresh
//	               API key            never falls through       (step-up, RFC 9470)
//
// They meet in two interfaces of this package and nowhere else: an
// [Authenticator] recognises one kind of credential, a [SignIn] turns a proven
// [Principal] into one. The methods do not know each other, so each works
// alone and all of them compose in any router.
//
// # Request road
//
//	member := auth.Require(keys, tokens, sessions)
//	mux.Handle("POST /orders", auth.Chain(member, policy.Require("orders:write"))(orders))
//
// [Gate] is the full form of Require. [Gate.Current] is the one hook that tells
// how a principal stands now, so that a demotion or a disabled account is
// obeyed at the next request by sessions, tokens and keys alike.
//
// # What it protects from
//
// A bad credential that is rescued by a good one, or by anonymous access; an
// authorization check that is mounted without an authentication check (it
// denies); identity taken from a header that the client wrote (identity lives
// only in the request context, under a key that no other package has); an
// internal error text in a response (see package problem); a redirect to
// another site after login ([LocalPath]).
//
// # What it does not
//
// TLS, rate limits on routes without credentials, and the safety of the
// handlers behind the gate are the service's own.
//
// # Zero values
//
// The zero value of every configuration in this module is the recommended
// production setting, and the zero value of every middleware denies. Weaker
// settings are fields whose names begin with Insecure, Skip or FailOpen, so a
// search for these words is an audit of a service.
package auth
