// Package storetest holds an apikey.Store to its contract. An author of a store calls
// Run from a test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) apikey.Store { return newStore(t) })
//	}
//
// and RunWatcher if the store is an apikey.Watcher. Run it with -race, and for a
// database against the real one.
package storetest
