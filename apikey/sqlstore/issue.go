package sqlstore

import (
	"context"
	"time"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/internal/sqldb"
)

// sweepTimeout is how long the issuing of a key waits for the removal of old rows.
const sweepTimeout = time.Second

// slotLen is how many characters of the shard of a subject name the row that is
// locked. Issuing is rare: 62 * 62 of them do.
const slotLen = 2

// Create implements apikey.Store.
func (s *Store) Create(ctx context.Context, k *apikey.Key, limit int) error {
	values, err := insertable(k)
	if err != nil {
		return err
	}
	// What is to be told goes into a variable, see sqldb.DB.Tx.
	var verdict error
	err = s.db.Tx(ctx, sqldb.TxOptions{Repeatable: true}, func(ctx context.Context, tx *sqldb.Tx) error {
		verdict = nil
		if err := lock(ctx, tx, apikey.ShardOf(k.Subject)); err != nil {
			return err
		}
		there, hash, err := hashOf(ctx, tx, k.ID)
		switch {
		case err != nil:
			return err
		case there:
			if hash != k.Hash {
				verdict = apikey.ErrExists
			}
			return nil // else this call, come again
		}
		verdict, err = add(ctx, tx, k, values, limit)
		return err
	})
	return s.issued(ctx, "create", k, verdict, err)
}

// Rotate implements apikey.Store.
func (s *Store) Rotate(ctx context.Context, id string, r apikey.Rotation) error {
	if !keeps(id) {
		return apikey.ErrNotFound
	}
	values, err := insertable(r.Next)
	if err != nil {
		return err
	}
	var verdict error
	err = s.db.Tx(ctx, sqldb.TxOptions{Repeatable: true}, func(ctx context.Context, tx *sqldb.Tx) error {
		verdict = nil
		if err := lock(ctx, tx, apikey.ShardOf(r.Next.Subject)); err != nil {
			return err
		}
		old, err := find(ctx, tx, id, " {FOR UPDATE}")
		if err != nil {
			return err
		}
		var repeated bool
		if repeated, verdict = r.Apply(old); repeated || verdict != nil {
			return nil //nolint:nilerr // the variable says it
		}
		if there, _, err := hashOf(ctx, tx, r.Next.ID); there || err != nil {
			verdict = apikey.ErrExists
			return err
		}
		if verdict, err = add(ctx, tx, r.Next, values, r.Limit); verdict != nil || err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE {api_keys} SET successor = ?, expires_at = ?, forget_at = ? WHERE id = ?",
			old.Successor, sqldb.Micros(old.ExpiresAt), sqldb.Micros(old.ForgetAt()), id)
		return err
	})
	return s.issued(ctx, "rotate", r.Next, verdict, err)
}

// issued ends a call that issues keys.
func (s *Store) issued(ctx context.Context, doing string, k *apikey.Key, verdict, err error) error {
	if err != nil {
		return failed(doing, err)
	}
	if verdict != nil {
		return verdict
	}
	sweepCtx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	// Whether there is room is not what this call is about: the next one sweeps.
	_ = s.sweep.Lazily(sweepCtx, k.CreatedAt)
	return nil
}

// lock waits for the others that issue or end all keys of a subject. A row that is
// missing is made; who inserts it has it locked.
func lock(ctx context.Context, tx *sqldb.Tx, shard string) error {
	slot, locked := shard[:slotLen], false
	for {
		err := tx.Query(ctx, "SELECT slot FROM {api_key_locks} WHERE slot = ? {FOR UPDATE}", slot).Each(func(scan func(...any) error) error {
			locked = true
			return scan(&slot)
		})
		if err != nil || locked {
			return err
		}
		if done, err := tx.Insert(ctx, "INSERT INTO {api_key_locks} (slot) VALUES (?)", slot); err != nil || done {
			return err
		}
	}
}

// hashOf reports whether there is a key of that id, and its hash.
func hashOf(ctx context.Context, tx *sqldb.Tx, id string) (there bool, hash [32]byte, err error) {
	err = tx.Query(ctx, "SELECT hash FROM {api_keys} WHERE id = ?", id).Each(func(scan func(...any) error) error {
		var b []byte
		err := scan(&b)
		there = true
		copy(hash[:], b)
		return err
	})
	return there, hash, err
}

// insertable returns the values of the row of a new key.
func insertable(k *apikey.Key) ([]any, error) {
	if k.ID == "" || k.Subject == "" || !keeps(k.ID, k.Subject, k.Successor) {
		return nil, errKey
	}
	grant, err := k.MarshalGrant()
	if err != nil {
		return nil, err
	}
	return []any{
		k.ID, k.Subject, k.Hash[:], sqldb.Micros(k.CreatedAt), sqldb.Micros(k.ExpiresAt), sqldb.Micros(k.RevokedAt), sqldb.Micros(k.ForgetAt()),
		k.Successor, sqldb.Micros(k.LastUsedAt), from(k.LastUsedFrom), string(grant),
	}, nil
}

// add inserts a key if the subject has room for it, and forgets the dead ones that are
// in the way. One that is being rotated is live.
func add(ctx context.Context, tx *sqldb.Tx, k *apikey.Key, values []any, limit int) (verdict, err error) {
	count, live := 0, 0
	var dead []string
	err = tx.Query(ctx, "SELECT id, expires_at, revoked_at FROM {api_keys} WHERE subject = ? ORDER BY created_at, id", k.Subject).
		Each(func(scan func(...any) error) error {
			var own apikey.Key
			if err := scan(&own.ID, sqldb.Timestamp(&own.ExpiresAt), sqldb.Timestamp(&own.RevokedAt)); err != nil {
				return err
			}
			count++
			if own.Live(k.CreatedAt) {
				live++
			} else {
				dead = append(dead, own.ID)
			}
			return nil
		})
	switch {
	case err != nil:
		return nil, err
	case live >= limit:
		return apikey.ErrTooMany, nil
	}
	done, err := tx.Insert(ctx, "INSERT INTO {api_keys} (id, subject, hash, created_at, expires_at, revoked_at, forget_at, successor, used_at, used_from, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values...)
	switch {
	case err != nil:
		return nil, err
	case !done: // it is of somebody whom the lock did not keep away
		return apikey.ErrExists, nil
	}
	for _, id := range dead[:min(len(dead), max(0, count-limit+1))] {
		if _, err := tx.Exec(ctx, "DELETE FROM {api_keys} WHERE id = ?", id); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
