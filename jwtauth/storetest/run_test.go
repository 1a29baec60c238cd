package storetest_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/jwtauth/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) jwtauth.FamilyStore {
		s, err := jwtauth.NewMemoryStore(jwtauth.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestMemoryEpochs(t *testing.T) {
	storetest.RunEpochs(t, func(t *testing.T) jwtauth.EpochStore {
		s, err := jwtauth.NewMemoryEpochs(jwtauth.MemoryEpochsConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestMemoryHistory(t *testing.T) {
	t.Run("F17 F23 I2 I3 whatever runs at once, while the clock jumps, is explained by the model", func(t *testing.T) {
		start := time.Now()
		clock := authtest.NewClock(start)
		s, err := jwtauth.NewMemoryStore(jwtauth.MemoryConfig{Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		step := func(rnd *rand.Rand) { clock.Set(start.Add(time.Duration(rnd.IntN(61)-30) * time.Minute)) }
		storetest.History(t, 700*time.Millisecond, step, s, s)
	})
}
