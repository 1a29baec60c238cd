package storetest_test

import (
	"testing"

	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/storetest"
)

func newStore(t *testing.T) mfa.Store {
	s, err := mfa.NewMemoryStore(mfa.MemoryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemoryStore(t *testing.T) { storetest.Run(t, newStore) }

func TestSplit(t *testing.T) {
	storetest.Run(t, func(t *testing.T) mfa.Store {
		return mfa.Split{FactorStore: newStore(t), ChallengeStore: newStore(t), DeviceStore: newStore(t)}
	})
}
