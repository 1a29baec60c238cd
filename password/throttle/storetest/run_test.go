package storetest_test

import (
	"testing"

	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/password/throttle/storetest"
)

func newMemory(t *testing.T, maxKeys int) throttle.Store {
	t.Helper()
	s, err := throttle.NewMemoryStore(throttle.MemoryConfig{MaxKeys: maxKeys})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) throttle.Store { return newMemory(t, 0) })
	t.Run("one set", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) throttle.Store { return newMemory(t, 1) })
	})
	s := newMemory(t, 0)
	storetest.Shared(t, s, s)
}
