// Package faketb runs test support under a testing.TB that only remembers: the
// means to test that a check fails, and says what it should.
//
//	r := faketb.Run("TestTheirs", func(t testing.TB) { check(t, broken) })
//	// r.Failed, r.Skipped, r.Log
package faketb
