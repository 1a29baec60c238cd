package storetest_test

import (
	"testing"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/storetest"
)

func TestMemoryTokenStore(t *testing.T) {
	storetest.RunTokens(t, func(t *testing.T) password.TokenStore {
		s, err := password.NewMemoryTokenStore(0)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
