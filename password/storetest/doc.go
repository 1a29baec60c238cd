// Package storetest is the conformance suite of password.TokenStore: whoever
// writes a store runs it and has the guarantees that password.Tokens builds on.
//
//	func TestTokens(t *testing.T) {
//		storetest.RunTokens(t, func(t *testing.T) password.TokenStore {
//			return mystore.New(openDatabase(t))
//		})
//	}
//
// The stores of this module pass it. Each case says what goes wrong in a service
// whose store fails it.
package storetest
