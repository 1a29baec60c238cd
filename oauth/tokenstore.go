package oauth

import "context"

// A TokenStore keeps the tokens of providers, sealed by Tokens, under the key of a
// link: at most one for each. What it is given is opaque, and at most MaxKeptToken
// bytes.
//
// Every method is one atomic step, safe for concurrent use, and obeys the context. A
// write that returns nil is durable and harmless when it is sent again. The errors
// named below, wrapped or not, are answers; any other is a failure. Strings are
// compared byte for byte. Package storetest has a suite for every implementation.
type TokenStore interface {
	// Get returns what is kept, or ErrNoToken.
	Get(ctx context.Context, issuer, subject string) (sealed []byte, err error)
	// Put keeps sealed in the place of whatever was there.
	Put(ctx context.Context, issuer, subject string, sealed []byte) error
	// Swap keeps sealed in the place of old.
	//
	//   - If sealed is there already, this is a repeat: nil.
	//   - If something else than old is there: ErrTokenChanged, and nothing changes.
	//   - If nothing is there: ErrNoToken. A token that was deleted does not come back.
	Swap(ctx context.Context, issuer, subject string, old, sealed []byte) error
	// Delete forgets what is kept. Nothing is no error.
	Delete(ctx context.Context, issuer, subject string) error
}

// MaxKeptToken bounds what a TokenStore is given, in bytes.
const MaxKeptToken = 60 << 10
