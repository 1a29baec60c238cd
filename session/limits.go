package session

import "time"

// limits are how long a session lasts. An idle time of zero is none.
type limits struct {
	lifetime, idle, touchEvery time.Duration
}

// limitsFor are those of sessions that are remembered, or of all others.
func (c *Config) limitsFor(remembered bool) limits {
	if !remembered {
		return limits{c.Lifetime, c.IdleTimeout, c.TouchEvery}
	}
	l := limits{c.RememberLifetime, c.RememberIdleTimeout, c.RememberIdleTimeout / 10}
	if c.TouchEvery > 0 {
		l.touchEvery = min(l.touchEvery, c.TouchEvery) // a list of sessions is as exact
	}
	return l
}

// deadline is the absolute end of rec, under the lifetime of today.
func (m *Manager) deadline(rec *Record) time.Time {
	if d := rec.Created.Add(m.cfg.limitsFor(rec.Remembered).lifetime); d.Before(rec.Deadline) {
		return d
	}
	return rec.Deadline
}

// expiry is when the record must be gone if it is not used again.
func (m *Manager) expiry(rec *Record, now time.Time) time.Time {
	deadline := m.deadline(rec)
	if idle := m.cfg.limitsFor(rec.Remembered).idle; idle > 0 && now.Add(idle).Before(deadline) {
		return now.Add(idle)
	}
	return deadline
}

// live reports whether rec is within its limits, whatever the store thinks.
func (m *Manager) live(rec *Record, now time.Time) bool {
	if !now.Before(m.deadline(rec)) {
		return false
	}
	idle := m.cfg.limitsFor(rec.Remembered).idle
	return idle == 0 || now.Before(rec.Seen.Add(idle))
}

// stale reports whether the use of rec is to be noted.
func (m *Manager) stale(rec *Record, now time.Time) bool {
	l := m.cfg.limitsFor(rec.Remembered)
	return l.idle > 0 && now.Sub(rec.Seen) >= l.touchEvery
}
