package sqldb

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Defaults of Sweep.
const (
	DefaultSweepEvery = time.Minute
	DefaultSweepBatch = 500
)

// A Sweep names the rows of a table that nobody will miss: those whose time is
// over. It removes them in batches, so that none holds locks for long, and needs
// no goroutine: the store calls Lazily when it writes.
//
// It only makes room. Whether a row is still good a store decides when it reads
// it.
type Sweep struct {
	Table  string        // as between braces
	Key    string        // the column of its primary key
	Expiry string        // a TIME column with an index; 0 is never
	Every  time.Duration // zero: one minute
	Batch  int           // zero: 500 rows
}

// A Sweeper does a Sweep. It is safe for concurrent use.
type Sweeper struct {
	db     *DB
	query  string
	every  time.Duration
	batch  int
	mu     sync.Mutex
	due    time.Time
	active bool
}

// Sweeper returns a Sweeper, or an error if s names no columns.
func (db *DB) Sweeper(s Sweep) (*Sweeper, error) {
	for _, name := range []string{s.Table, s.Key, s.Expiry} {
		if !isName(name, maxName) {
			return nil, fmt.Errorf("sqldb: %q is no name of a table or a column to sweep", name)
		}
	}
	if s.Every == 0 {
		s.Every = DefaultSweepEvery
	}
	if s.Batch == 0 {
		s.Batch = DefaultSweepBatch
	}
	if s.Every < 0 || s.Batch < 0 {
		return nil, fmt.Errorf("sqldb: a sweep of %d rows every %s: use positive numbers", s.Batch, s.Every)
	}
	// The outer condition is not idle: PostgreSQL looks at it again if the row was
	// prolonged while the DELETE waited for it. MySQL has no LIMIT in a subquery.
	over := s.Expiry + " > 0 AND " + s.Expiry + " <= ?"
	query := "DELETE FROM {" + s.Table + "} WHERE " + over + " ORDER BY " + s.Expiry + " LIMIT ?"
	if db.dialect != MySQL {
		lock := ""
		if db.dialect == PostgreSQL {
			lock = " FOR UPDATE SKIP LOCKED"
		}
		query = "DELETE FROM {" + s.Table + "} WHERE " + over + " AND " + s.Key + " IN (SELECT " + s.Key + " FROM {" + s.Table + "} WHERE " +
			over + " ORDER BY " + s.Expiry + " LIMIT ?" + lock + ")"
	}
	return &Sweeper{db: db, query: query, every: s.Every, batch: s.Batch}, nil
}

// Lazily removes one batch if it is time to, and nobody else in this process is
// at it: at most once in Every, or again at the next call while there is more.
// Its error is for an event or a log; nothing depends on it.
func (s *Sweeper) Lazily(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	if s.active || now.Before(s.due) {
		s.mu.Unlock()
		return nil
	}
	s.active = true
	s.mu.Unlock()
	deleted := int64(0)
	var err error
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.active = false
		if s.due = now.Add(s.every); err == nil && deleted >= int64(s.batch) {
			s.due = now
		}
	}()
	deleted, err = s.Batch(ctx, now)
	return err
}

// Batch removes up to Batch rows that are over at now and returns how many.
func (s *Sweeper) Batch(ctx context.Context, now time.Time) (deleted int64, err error) {
	args := []any{Micros(now), s.batch}
	if s.db.dialect != MySQL {
		args = []any{Micros(now), Micros(now), s.batch}
	}
	// In a transaction of its own for its level: at MySQL's own it would lock the
	// gaps that others insert into.
	err = s.db.Tx(ctx, TxOptions{Repeatable: true}, func(ctx context.Context, tx *Tx) (err error) {
		deleted, err = tx.Exec(ctx, s.query, args...)
		return err
	})
	return deleted, err
}
