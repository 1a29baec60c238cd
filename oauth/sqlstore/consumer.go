package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/oauth"
)

const (
	// spare is how much longer a note is kept than it must be by the clock of the
	// process that sweeps: another one's may be behind.
	spare = time.Hour
	// sweepTimeout is how long a callback waits for the removal of old notes.
	sweepTimeout = time.Second
)

// A Consumer notes beside the links which attempts are used, for services of several
// processes. It is safe for concurrent use.
type Consumer struct{ s *Store }

var _ oauth.Consumer = (*Consumer)(nil)

// Consume implements oauth.Consumer.
func (c *Consumer) Consume(ctx context.Context, id oauth.AttemptID, call oauth.CallID, expires time.Time) error {
	now := c.s.now()
	if expires.After(now) {
		_, err := c.s.db.ExecRepeatable(ctx, "INSERT INTO {oauth_attempts} (id, used_by, expires_at) VALUES (?, ?, ?)", id[:], call[:], sqldb.Micros(expires))
		if err == nil {
			c.makeRoom(ctx, now)
			return nil
		}
		if !errors.Is(err, sqldb.ErrDuplicate) {
			return failed("consume", err)
		}
	}
	var by []byte
	err := c.s.db.Query(ctx, "SELECT used_by FROM {oauth_attempts} WHERE id = ?", id[:]).
		Each(func(scan func(...any) error) error { return scan(&by) })
	switch {
	case err != nil:
		return failed("consume", err)
	case bytes.Equal(by, call[:]):
		return nil // this call, come again
	}
	return oauth.ErrConsumed
}

// makeRoom removes old notes, now and then. Whether it succeeds is not what Consume is
// about.
func (c *Consumer) makeRoom(ctx context.Context, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	_ = c.s.sweep.Lazily(ctx, now.Add(-spare))
}
