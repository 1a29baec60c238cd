package authtest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
)

func TestClock(t *testing.T) {
	start := time.Date(2026, 3, 29, 1, 59, 59, 0, time.UTC)
	c := authtest.NewClock(start)
	if !c.Now().Equal(start) || !c.Now().Equal(c.Now()) {
		t.Errorf("shows %v, want %v and no other", c.Now(), start)
	}
	c.Advance(time.Minute)
	c.Advance(-2 * time.Minute)
	if want := start.Add(-time.Minute); !c.Now().Equal(want) {
		t.Errorf("shows %v, want %v", c.Now(), want)
	}
	now := time.Now()
	c.Set(now)
	if got := c.Now(); !got.Equal(now) || got != now.Round(0) {
		t.Errorf("shows %v, want %v without the monotonic reading", got, now)
	}
}

func TestClockZero(t *testing.T) {
	if now := authtest.NewClock(time.Time{}).Now(); now.Year() != 2026 {
		t.Errorf("the zero start shows %v", now)
	}
}

func TestClockConcurrently(t *testing.T) {
	start := time.Unix(0, 0)
	c := authtest.NewClock(start)
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() { c.Advance(time.Second) })
		wg.Go(func() { c.Now() })
	}
	wg.Wait()
	if got := c.Now().Sub(start); got != 300*time.Second {
		t.Errorf("300 steps of a second moved the clock by %v", got)
	}
}
