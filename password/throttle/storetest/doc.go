// Package storetest is the conformance suite of throttle.Store: whoever writes a
// store runs it and has the guarantees that package throttle builds on.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) throttle.Store {
//			return mystore.New(openDatabase(t))
//		})
//	}
//
// Shared is for stores that several processes use.
//
// The stores of this module pass both. Each case says what goes wrong in a service
// whose store fails it.
package storetest
