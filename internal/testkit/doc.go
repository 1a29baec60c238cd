// Package testkit holds what the tests of every package of this module share, and
// users do not need; package authtest has the rest.
//
//   - [Canary] makes secrets and fails the test if one of them turns up in a log,
//     an event, an error or a response, in any of the usual encodings.
//   - [Unavailable] and [Skip] keep account of what a machine could not test.
//   - [Rounds] and [Volume] say how often and how much, with the race detector and
//     without.
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
