package storetest_test

import (
	"testing"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) apikey.Store {
		s, err := apikey.NewMemoryStore(apikey.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
