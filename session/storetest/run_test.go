package storetest_test

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) session.Store {
		s, err := session.NewMemoryStore(session.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestMemoryHistory(t *testing.T) {
	t.Run("F23 I2 whatever runs at once, what was ended stays ended", func(t *testing.T) {
		s, err := session.NewMemoryStore(session.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		storetest.History(t, 700*time.Millisecond, s, s)
	})
}
