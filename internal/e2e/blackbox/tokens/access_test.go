package tokens_test

import (
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// TestAccessTokens attacks one server with tokens. Reading a token is the same on
// every backend.
func TestAccessTokens(t *testing.T) {
	t.Parallel()
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	f := newForge(t, s)
	f.accepted(t, f.genuine)
	f.accepted(t, f.token(nil)) // the forge is good: what is refused is refused for its change
	before := s.rows(t)

	algorithms(t, f)
	signatures(t, f)
	headers(t, f)
	claimTypes(t, f)
	claimValues(t, f)
	otherKinds(t, f)
	shapes(t, f)
	transport(t, f)
	challenges(t, f)
	s.nothingGrew(t, before)

	spellings(t, f)
	f.accepted(t, f.genuine)
}
