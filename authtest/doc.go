// Package authtest is for the tests of a service that is built with this module:
//
//   - [As] puts a principal into a request, for a handler behind a Gate, and [Serve]
//     calls a handler without a server.
//   - [Browser] talks to a real server as a browser does where security depends on
//     it: it keeps cookies by their rules, sends Origin and Sec-Fetch-Site, follows
//     redirects when told to, reads forms, and can be on the page of another site.
//   - [Response] is what was answered: [Response.Want] and [Response.WantProblem] end
//     the test if it is something else.
//   - [Clock] is a clock that the test moves, for Config.Now.
//   - [Events] keeps events, for Config.OnEvent.
//   - [Mailbox] keeps mail, for account.NewOutbox, and waits for it.
//
// A test of a login and what is behind it:
//
//	clock := authtest.NewClock(time.Time{})
//	b := authtest.NewBrowser(t, newService(clock.Now))
//	form := b.Get("/login").Want(http.StatusOK).Form("/login")
//	form.Set("password", "correct horse battery staple")
//	b.Follow(b.Post("/login", form)).Want(http.StatusOK)
//
//	b.From("https://evil.example").Post("/orders", nil).WantProblem(http.StatusUnauthorized, problem.Unauthenticated)
//	clock.Advance(24 * time.Hour)
//	b.Fetch("GET", "/orders", nil).WantProblem(http.StatusUnauthorized, problem.Unauthenticated)
//
// What fails ends the test with t.Fatal, which only the goroutine of the test may
// call: another one uses [Browser.Try]. Everything else is safe for concurrent use.
//
// A provider to sign in with is in package oauth/oauthtest; tests of stores are in
// the packages storetest. This package belongs into files whose names end in
// _test.go: it links package testing, and guards nothing.
package authtest
