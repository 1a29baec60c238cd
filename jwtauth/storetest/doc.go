// Package storetest is the conformance suite of jwtauth.FamilyStore, and with
// RunEpochs that of jwtauth.EpochStore: whoever writes a store runs it and has the guarantees that refresh tokens build on.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) jwtauth.FamilyStore {
//			return mystore.New(openDatabase(t))
//		})
//	}
//
// History is the long form of what Run asks about rotation: many clients at
// random, over several stores of one database.
//
// The stores of this module pass both. Each case says what goes wrong in a service
// whose store fails it.
package storetest
