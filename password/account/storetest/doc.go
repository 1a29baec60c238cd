// Package storetest is the conformance suite of account.Store: whoever writes a
// store runs it and has the guarantees that package account builds on.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) account.Store {
//			return mystore.New(openDatabase(t))
//		})
//	}
//
// A store that is an account.Deleter is asked for that as well. Each case says
// what goes wrong in a service whose store fails it.
package storetest
