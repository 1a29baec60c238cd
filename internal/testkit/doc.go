// Package testkit holds what the tests of every package of this module share.
//
//   - [Browser] drives a handler through a real server as a browser would: with
//     cookies, their prefixes and their limits, with Origin and Sec-Fetch-Site.
//   - [Canary] makes secrets and fails the test if one of them turns up in a log,
//     an event, an error or a response, in any of the usual encodings.
//   - [Clock] is a clock that a test moves.
//   - [As] is a request of somebody who has signed in.
//   - [Unavailable] and [Skip] keep account of what a machine could not test.
//
// Its subpackages bring the outside world: redistest a private Redis server, a
// cluster or a primary with its replica; faultproxy a TCP connection that breaks
// on demand. faketb tests the test support itself, loopback finds ports.
//
// # Environment
//
//	SALLYPORT_REPORT     a file to which Unavailable appends what could not be tested
//	SALLYPORT_NO_SKIP=1  turns Unavailable and Skip into failures
//	REDIS_URL            a Redis server for redistest.Shared
package testkit
