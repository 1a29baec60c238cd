// Package storetest is the conformance suite of session.Store: whoever writes a
// store runs it and has the guarantees that package session builds on.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) session.Store {
//			return mystore.New(openDatabase(t))
//		})
//	}
//
// History is the long form of what Run asks about revocation: many clients at
// random, over several stores of one database. HistoryAt is the same over several
// processes.
//
// The stores of this module pass both. Each case says what goes wrong in a service
// whose store fails it.
package storetest
