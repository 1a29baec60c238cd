package session

import "time"

// limits are how long a session lasts. An idle time of zero is none.
type limits struct {
	lifetime, idle, touchEvery time.Duration
}

// limits are those of sessions that are not remembered, and of those that are.
func (c *Config) limits() (usual, remembered limits) {
	usual = limits{c.Lifetime, c.IdleTimeout, c.TouchEvery}
	remembered = limits{c.RememberLifetime, c.RememberIdleTimeout, c.RememberIdleTimeout / 10}
	if c.TouchEvery > 0 {
		remembered.touchEvery = min(remembered.touchEvery, c.TouchEvery) // a list of sessions is as exact
	}
	return usual, remembered
}

func (m *Manager) limitsFor(remembered bool) *limits {
	if remembered {
		return &m.remembered
	}
	return &m.usual
}

// deadline is the absolute end of rec, under the lifetime of today.
func (m *Manager) deadline(rec *Record) time.Time {
	if d := rec.Created.Add(m.limitsFor(rec.Remembered).lifetime); d.Before(rec.Deadline) {
		return d
	}
	return rec.Deadline
}

// expiry is when the record must be gone if it is not used again.
func (m *Manager) expiry(rec *Record, now time.Time) time.Time {
	deadline := m.deadline(rec)
	if idle := m.limitsFor(rec.Remembered).idle; idle > 0 && now.Add(idle).Before(deadline) {
		return now.Add(idle)
	}
	return deadline
}

// live reports whether rec is within its limits, whatever the store thinks: before
// its deadline, and not idle for too long. It counts in whole milliseconds, as
// records do, since every request asks and Time.Sub costs several times as much.
func (m *Manager) live(rec *Record, now time.Time) bool {
	l, at := m.limitsFor(rec.Remembered), now.UnixMilli()
	return at < rec.Deadline.UnixMilli() && at-rec.Created.UnixMilli() < l.lifetime.Milliseconds() &&
		(l.idle == 0 || at-rec.Seen.UnixMilli() < l.idle.Milliseconds())
}

// stale reports whether the use of rec is to be noted.
func (m *Manager) stale(rec *Record, now time.Time) bool {
	l := m.limitsFor(rec.Remembered)
	return l.idle > 0 && now.UnixMilli()-rec.Seen.UnixMilli() >= l.touchEvery.Milliseconds()
}
