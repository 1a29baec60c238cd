package storetest_test

import (
	"testing"

	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/mfa/passkey/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) passkey.Store {
		s, err := passkey.NewMemoryStore(passkey.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
