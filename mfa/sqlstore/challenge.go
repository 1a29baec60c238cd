package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa"
)

var unclaimed mfa.CallID

// OpenChallenge implements mfa.ChallengeStore.
func (s *Store) OpenChallenge(ctx context.Context, c mfa.Challenge, ttl time.Duration, limit int) error {
	b, slot := split(c.ID)
	var now time.Time
	err := s.adding(ctx, c.ID.Bucket(), func(ctx context.Context, tx *sqldb.Tx) (err error) {
		if now, err = s.now(ctx, tx); err != nil {
			return err
		}
		rows, err := live(tx.Query(ctx, "SELECT slot, opened_at FROM {mfa_challenges} WHERE bucket = ? AND slot <> ? AND claim = ? AND expires_at > ? ORDER BY opened_at DESC, slot",
			b, slot, unclaimed[:], sqldb.Micros(now)))
		if err != nil {
			return err
		}
		victims, opened := place(rows, now, limit)
		done, err := tx.Insert(ctx, "INSERT INTO {mfa_challenges} (bucket, slot, sealed, attempts, claim, opened_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			b, slot, []byte(c.Sealed), int64(c.Attempts), unclaimed[:], opened, sqldb.Micros(now.Add(ttl)))
		if err != nil || !done { // this call, come again
			return err
		}
		for _, v := range victims {
			if _, err := tx.Exec(ctx, "DELETE FROM {mfa_challenges} WHERE bucket = ? AND slot = ? AND claim = ?", b, v.key, unclaimed[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return failed("open a challenge", err)
	}
	tidy(ctx, s.challenges, now)
	return nil
}

// FindChallenge implements mfa.ChallengeStore.
func (s *Store) FindChallenge(ctx context.Context, id mfa.ChallengeID) (mfa.Challenge, error) {
	c, claim, err := s.read(ctx, s.db, id, "")
	switch {
	case err != nil:
		return mfa.Challenge{}, challengeFailed("find a challenge", err)
	case claim != unclaimed:
		return mfa.Challenge{}, mfa.ErrNoChallenge
	}
	return c, nil
}

// TryChallenge implements mfa.ChallengeStore.
func (s *Store) TryChallenge(ctx context.Context, id mfa.ChallengeID, limit int) (mfa.Challenge, error) {
	b, slot := split(id)
	var c mfa.Challenge
	var counted bool
	err := s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		var claim mfa.CallID
		var err error
		counted = false
		c, claim, err = s.read(ctx, tx, id, " {FOR UPDATE}")
		if errors.Is(err, mfa.ErrNoChallenge) || err == nil && (claim != unclaimed || c.Attempts >= limit) {
			return nil // and not an error, so that what has expired is removed
		}
		if err != nil {
			return err
		}
		counted = true
		c.Attempts++
		_, err = tx.Exec(ctx, "UPDATE {mfa_challenges} SET attempts = ? WHERE bucket = ? AND slot = ?", int64(c.Attempts), b, slot)
		return err
	})
	switch {
	case err != nil:
		return mfa.Challenge{}, challengeFailed("try a challenge", err)
	case !counted:
		return mfa.Challenge{}, mfa.ErrNoChallenge
	}
	return c, nil
}

// ClaimChallenge implements mfa.ChallengeStore. What the challenge was for is
// forgotten.
func (s *Store) ClaimChallenge(ctx context.Context, id mfa.ChallengeID, call mfa.CallID) error {
	b, slot := split(id)
	n, err := s.db.ExecRepeatable(ctx, "UPDATE {mfa_challenges} SET claim = ?, sealed = ? WHERE bucket = ? AND slot = ? AND claim = ? AND expires_at > "+s.clock,
		call[:], []byte{}, b, slot, unclaimed[:])
	if err != nil || n > 0 {
		return failed("claim a challenge", err)
	}
	_, claim, err := s.read(ctx, s.db, id, "")
	switch {
	case err != nil:
		return challengeFailed("claim a challenge", err)
	case claim != call:
		return mfa.ErrNoChallenge
	}
	return nil
}

// EndChallenges implements mfa.ChallengeStore.
func (s *Store) EndChallenges(ctx context.Context, b mfa.Bucket) error {
	_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {mfa_challenges} WHERE bucket = ?", b[:])
	return failed("end challenges", err)
}

// read returns the challenge of id and the call that has claimed it, if one has. One
// that has expired it removes, so that no clock brings it back.
func (s *Store) read(ctx context.Context, q sqldb.Querier, id mfa.ChallengeID, lock string) (c mfa.Challenge, claim mfa.CallID, err error) {
	b, slot := split(id)
	var sealed, by []byte
	var attempts int64
	var expires, now time.Time
	err = q.Query(ctx, "SELECT sealed, attempts, claim, expires_at, "+s.clock+" FROM {mfa_challenges} WHERE bucket = ? AND slot = ?"+lock, b, slot).
		Scan(&sealed, &attempts, &by, sqldb.Timestamp(&expires), sqldb.Timestamp(&now))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return c, claim, mfa.ErrNoChallenge
	case err != nil:
		return c, claim, err
	case !expires.After(now):
		if _, err := q.Exec(ctx, "DELETE FROM {mfa_challenges} WHERE bucket = ? AND slot = ? AND expires_at <= ?", b, slot, sqldb.Micros(now)); err != nil {
			return c, claim, err
		}
		return c, claim, mfa.ErrNoChallenge
	case len(by) != len(claim) || attempts < 0:
		return c, claim, errCorrupt
	}
	copy(claim[:], by)
	return mfa.Challenge{ID: id, Sealed: string(sealed), Attempts: int(attempts)}, claim, nil
}

// split returns the two halves of the primary key.
func split(id mfa.ChallengeID) (bucket, slot []byte) {
	n := len(mfa.Bucket{})
	return bytes.Clone(id[:n]), bytes.Clone(id[n:])
}

func challengeFailed(doing string, err error) error {
	if errors.Is(err, mfa.ErrNoChallenge) {
		return err
	}
	return failed(doing, err)
}
