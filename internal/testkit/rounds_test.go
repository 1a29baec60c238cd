package testkit_test

import (
	"testing"

	"github.com/go-sallyport/auth/internal/testkit"
)

// One of the two is always in full, so that of two runs, with and without the race
// detector, each test has one.
func TestRoundsAndVolume(t *testing.T) {
	rounds, volume := testkit.Rounds(1000), testkit.Volume(1000)
	if !(rounds == 1000 && volume == 100 || rounds == 250 && volume == 1000) {
		t.Errorf("%d rounds, volume %d", rounds, volume)
	}
	if testkit.Rounds(1) != 1 || testkit.Volume(1) != 1 {
		t.Error("nothing is left of one")
	}
}
