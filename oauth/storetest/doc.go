// Package storetest has the conformance suites of the stores of package oauth: whoever
// writes one runs it and has the guarantees that sign-in and links build on.
//
//	func TestLinks(t *testing.T) {
//		storetest.RunLinks(t, func(t *testing.T) oauth.LinkStore {
//			return mystore.New(openDatabase(t))
//		})
//	}
//
// RunTokens is the one of oauth.TokenStore, and RunConsumer that of oauth.Consumer. The
// stores of this module pass them. Each case says what goes wrong in a service whose
// store fails it. Every case gets a store of its own, which may share its database with
// others: keys are random.
package storetest
