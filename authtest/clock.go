package authtest

import (
	"sync"
	"time"
)

// A Clock tells the time that a test sets; it does not run by itself. Its method
// Now fits every Config.Now of this module. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows start. The zero time is what much code
// takes for "never", so it stands for a fixed day instead: 2026-01-02 15:04:05
// UTC.
func NewClock(start time.Time) *Clock {
	if start.IsZero() {
		start = time.Date(2026, time.January, 2, 15, 4, 5, 0, time.UTC)
	}
	c := new(Clock)
	c.Set(start)
	return c
}

// Now returns the time that the clock shows. It has no monotonic reading, so it
// compares as a time from a store does.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set makes the clock show t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t.Round(0)
}
