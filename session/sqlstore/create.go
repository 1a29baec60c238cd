package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/session"
)

const (
	// stripes is how many locks all users share.
	stripes = 1024
	// insertTries is how often the id may be taken and free again meanwhile.
	insertTries = 10
	// trimBatch is how many sessions are looked at together when a user has too
	// many.
	trimBatch = 500
	// sweepTimeout is how long a sign-in waits for the removal of expired rows.
	sweepTimeout = time.Second
)

// Create implements session.Store. Either the session is there and the oldest
// ones have ended, or neither.
func (s *Store) Create(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time, limit int) error {
	r, err := encode(rec, expiry)
	if err != nil {
		return err
	}
	at := s.now()
	now := sqldb.Micros(at)
	if r.expires <= now {
		return session.ErrNoSession
	}
	if limit > 0 && rec.Principal != nil {
		err = s.createWithin(ctx, id, r, now, limit)
	} else {
		err = insert(ctx, repeating{s.db}, id, r, now)
	}
	if errors.Is(err, session.ErrExists) {
		return err
	}
	if err != nil {
		return failed("create", err)
	}
	sweepCtx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	// Whether there is room is not what this call is about: the next one sweeps.
	_ = s.sweep.Lazily(sweepCtx, at)
	return nil
}

// createWithin is Create with a limit.
func (s *Store) createWithin(ctx context.Context, id session.ID, r row, now int64, limit int) error {
	stripe := int64(binary.BigEndian.Uint16(id[:])) % stripes
	do := func(ctx context.Context, tx *sqldb.Tx) error {
		var locked int64
		if err := tx.Query(ctx, "SELECT stripe FROM {session_locks} WHERE stripe = ? {FOR UPDATE}", stripe).Scan(&locked); err != nil {
			return err
		}
		if err := insert(ctx, tx, id, r, now); err != nil {
			return err
		}
		return trim(ctx, tx, id, now, limit)
	}
	err := s.db.Tx(ctx, sqldb.TxOptions{Repeatable: true}, do)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	// The first sign-in of all that share this stripe.
	if _, err := (repeating{s.db}).Insert(ctx, "INSERT INTO {session_locks} (stripe) VALUES (?)", stripe); err != nil {
		return err
	}
	return s.db.Tx(ctx, sqldb.TxOptions{Repeatable: true}, do)
}

// insert adds a session unless its id is taken, which is session.ErrExists.
func insert(ctx context.Context, q sqldb.Querier, id session.ID, r row, now int64) error {
	bucket := id.Bucket()
	for range insertTries {
		var slot [8]byte
		_, _ = rand.Read(slot[:]) // never fails
		done, err := q.Insert(ctx,
			"INSERT INTO {sessions} (bucket, slot, id, public_hash, created_at, seen_at, expires_at, writes, data) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)",
			bucket[:], slot[:], id[:], r.public, r.created, r.seen, r.expires, r.data)
		if done || err != nil {
			return err
		}
		there, err := occupant(ctx, q, id, r, now)
		switch {
		case err != nil:
			return err
		case there == same:
			return nil // this call, come again
		case there == taken:
			return session.ErrExists
		case there == expired:
			if _, err := q.Exec(ctx, "DELETE FROM {sessions} WHERE id = ? AND expires_at <= ?", id[:], now); err != nil {
				return err
			}
		}
	}
	return sqldb.ErrConflict
}

// trim ends the oldest sessions beside id, so that there are limit at most. It
// wants the lock of the stripe, without which two sign-ins would not see each
// other.
//
// It locks nothing but what it deletes, usually one row, so as not to collide with
// a revocation. If a row has become the session of another sign-in meanwhile, or
// is gone, it looks again.
func trim(ctx context.Context, tx *sqldb.Tx, id session.ID, now int64, limit int) error {
	type victim struct {
		slot    []byte
		created int64
	}
	bucket := id.Bucket()
	for {
		var victims []victim
		err := tx.Query(ctx, "SELECT slot, created_at FROM {sessions} WHERE bucket = ? AND id <> ? AND expires_at > ? ORDER BY created_at DESC, slot LIMIT ? OFFSET ?",
			bucket[:], id[:], now, trimBatch, limit-1).
			Each(func(scan func(...any) error) error {
				var v victim
				if err := scan(&v.slot, &v.created); err != nil {
					return err
				}
				victims = append(victims, v)
				return nil
			})
		if err != nil {
			return err
		}
		ended := int64(0)
		for _, v := range victims {
			n, err := tx.Exec(ctx, "DELETE FROM {sessions} WHERE bucket = ? AND slot = ? AND created_at = ?", bucket[:], v.slot, v.created)
			if err != nil {
				return err
			}
			ended += n
		}
		if ended == int64(len(victims)) && len(victims) < trimBatch {
			return nil
		}
	}
}

// A repeating DB inserts again if the answer was lost.
type repeating struct{ *sqldb.DB }

func (r repeating) Insert(ctx context.Context, query string, args ...any) (bool, error) {
	_, err := r.ExecRepeatable(ctx, query, args...)
	if errors.Is(err, sqldb.ErrDuplicate) {
		return false, nil
	}
	return err == nil, err
}
