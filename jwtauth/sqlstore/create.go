package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/jwtauth"
)

const (
	// trimBatch is how many families are looked at together when a user has too
	// many.
	trimBatch = 500
	// sweepTimeout is how long a sign-in waits for the removal of expired rows.
	sweepTimeout = time.Second
)

// Create implements jwtauth.FamilyStore.
func (s *Store) Create(ctx context.Context, id jwtauth.FamilyID, grant []byte, limits jwtauth.Limits) error {
	var now time.Time
	if err := s.db.Query(ctx, "SELECT "+s.now).Scan(sqldb.Timestamp(&now)); err != nil {
		return failed("create", err)
	}
	if grant == nil {
		grant = []byte{}
	}
	if err := s.insert(ctx, jwtauth.NewFamily(id, grant, limits, now)); err != nil {
		return failed("create", err)
	}
	// After the row is there: of sign-ins that run at the same time, the last one
	// to come here sees all of them.
	if err := s.trim(ctx, id, sqldb.Micros(now), limits.PerSubject); err != nil {
		return failed("create", err)
	}
	sweepCtx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	// Whether there is room is not what this call is about: the next one sweeps.
	_ = s.sweep.Lazily(sweepCtx, now)
	return nil
}

// insert adds a family unless its id is taken.
func (s *Store) insert(ctx context.Context, f *jwtauth.Family) error {
	b, slot := split(f.ID)
	_, err := s.db.ExecRepeatable(ctx,
		"INSERT INTO {families} (bucket, slot, counter, ended, created_at, used_at, expires_at, deadline, calls, data) VALUES (?, ?, 1, 0, ?, ?, ?, ?, ?, ?)",
		b, slot, sqldb.Micros(f.CreatedAt), sqldb.Micros(f.UsedAt), sqldb.Micros(f.ExpiresAt), sqldb.Micros(f.Deadline), calls(f), f.Grant)
	if !errors.Is(err, sqldb.ErrDuplicate) {
		return err
	}
	there, _, err := s.read(ctx, f.ID)
	switch {
	case errors.Is(err, jwtauth.ErrNoFamily): // it had expired, and is gone now
		return s.insert(ctx, f)
	case err != nil:
		return err
	case there.Counter == 1 && !there.Ended && bytes.Equal(there.Grant, f.Grant):
		return nil // this call, come again
	}
	return jwtauth.ErrFamilyExists
}

// trim ends the oldest families beside id, so that there are limit at most. It
// names the rows that it deletes, so as to lock no others.
func (s *Store) trim(ctx context.Context, id jwtauth.FamilyID, now int64, limit int) error {
	b, slot := split(id)
	for {
		var victims [][]byte
		err := s.db.Query(ctx, "SELECT slot FROM {families} WHERE bucket = ? AND slot <> ? AND expires_at > ? ORDER BY created_at DESC, slot LIMIT ? OFFSET ?",
			b, slot, now, trimBatch, max(limit-1, 0)).
			Each(func(scan func(...any) error) error {
				var v []byte
				if err := scan(&v); err != nil {
					return err
				}
				victims = append(victims, v)
				return nil
			})
		if err != nil {
			return err
		}
		for _, v := range victims {
			if _, err := s.db.ExecRepeatable(ctx, "DELETE FROM {families} WHERE bucket = ? AND slot = ?", b, v); err != nil {
				return err
			}
		}
		if len(victims) < trimBatch {
			return nil
		}
	}
}
