package storetest_test

import (
	"testing"

	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/account/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) account.Store {
		s, err := account.NewMemoryStore(0)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
