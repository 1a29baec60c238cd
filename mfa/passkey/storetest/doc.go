// Package storetest is the conformance suite of passkey.Store: whoever writes a store
// runs it and has the guarantees that passkeys build on.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) passkey.Store {
//			return mystore.New(openDatabase(t))
//		})
//	}
//
// Shared holds two stores of one database, as two processes have them, to one truth.
//
// The stores of this module pass it. Each case says what goes wrong in a service whose
// store fails it.
package storetest
