package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps API keys in a database. It is safe for concurrent use, and as many as
// you like, in any number of processes, may share the tables.
type Store struct {
	db    *sqldb.DB
	sweep *sqldb.Sweeper
}

var _ apikey.Store = (*Store)(nil)

// New returns a Store on a pool that others may use too and that the caller
// closes. It does not talk to the server.
func New(db *sql.DB, dialect Dialect, cfg Config) (*Store, error) {
	ground, err := sqldb.New(db, dialect, sqldb.Config{Prefix: cfg.Prefix, Schema: cfg.Schema, Timeout: cfg.Timeout})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	sweep, err := ground.Sweeper(sqldb.Sweep{Table: "api_keys", Key: "id", Expiry: "forget_at"})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	return &Store{db: ground, sweep: sweep}, nil
}

// Migrate creates the tables or brings them up to date. It may be called at each
// start, by any number of processes at once. It first checks that the server is
// of the dialect and has settings that can be relied on; it refuses tables that
// are newer than this program. Config.Timeout does not hold: ctx decides.
func (s *Store) Migrate(ctx context.Context) error {
	return failed("migrate", s.db.Migrate(ctx, "api_keys", migrations))
}

// Find implements apikey.Store.
func (s *Store) Find(ctx context.Context, id string) (*apikey.Key, error) {
	if !keeps(id) {
		return nil, apikey.ErrNotFound
	}
	k, err := find(ctx, s.db, id, "")
	return k, failed("find", err)
}

// find reads the row of id; with lock it is locked.
func find(ctx context.Context, q sqldb.Querier, id, lock string) (k *apikey.Key, err error) {
	found := false
	err = q.Query(ctx, selects+" WHERE id = ?"+lock, id).Each(func(scan func(...any) error) error {
		found = true
		k, err = scanKey(scan)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, apikey.ErrNotFound
	}
	return k, nil
}

// List implements apikey.Store. A damaged row is left out: Find fails for it, so it is
// good for nothing.
func (s *Store) List(ctx context.Context, subject string) ([]*apikey.Key, error) {
	if !keeps(subject) {
		return nil, nil
	}
	var list []*apikey.Key
	err := s.db.Query(ctx, selects+" WHERE subject = ?", subject).Each(func(scan func(...any) error) error {
		k, err := scanKey(scan)
		if errors.Is(err, errCorrupt) {
			return nil
		}
		list = append(list, k)
		return err
	})
	if err != nil {
		return nil, failed("list", err)
	}
	return list, nil
}

// Expire implements apikey.Store.
func (s *Store) Expire(ctx context.Context, id string, at time.Time) error {
	end := sqldb.Micros(at)
	// MySQL sets one column after the other: forget_at looks at none that is set.
	return s.change(ctx, "expire", id,
		"UPDATE {api_keys} SET forget_at = CASE WHEN revoked_at > 0 AND revoked_at < ? THEN revoked_at ELSE ? END + ?, expires_at = ? WHERE id = ? AND (expires_at = 0 OR expires_at > ?)",
		end, end, retention, end, id, end)
}

// Revoke implements apikey.Store.
func (s *Store) Revoke(ctx context.Context, id string, at time.Time) error {
	end := sqldb.Micros(at)
	return s.change(ctx, "revoke", id, revoke+" WHERE id = ? AND revoked_at = 0", end, end, retention, end, id)
}

// revoke is the UPDATE of rows that are not revoked, up to WHERE. It wants the time
// twice, the retention and the time.
const revoke = "UPDATE {api_keys} SET forget_at = CASE WHEN expires_at > 0 AND expires_at < ? THEN expires_at ELSE ? END + ?, revoked_at = ?"

// retention is what is between the death of a key and its forget_at.
var retention = apikey.Retention.Microseconds()

// change runs an UPDATE of one key, which may run twice: its condition does not hold
// any more when it is done. If it fitted no row, either there is no such key or there
// was nothing to do.
func (s *Store) change(ctx context.Context, doing, id, query string, args ...any) error {
	if !keeps(id) {
		return apikey.ErrNotFound
	}
	n, err := s.db.ExecRepeatable(ctx, query, args...)
	if err != nil || n > 0 {
		return failed(doing, err)
	}
	var one int64
	err = s.db.Query(ctx, "SELECT 1 FROM {api_keys} WHERE id = ?", id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return apikey.ErrNotFound
	}
	return failed(doing, err)
}

// RevokeAll implements apikey.Store.
func (s *Store) RevokeAll(ctx context.Context, subject, except string, at time.Time) error {
	if !keeps(subject) {
		return nil
	}
	if !keeps(except) {
		except = "" // no key has that id
	}
	end := sqldb.Micros(at)
	err := s.db.Tx(ctx, sqldb.TxOptions{Repeatable: true}, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := lock(ctx, tx, apikey.ShardOf(subject)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, revoke+" WHERE subject = ? AND revoked_at = 0 AND id <> ?", end, end, retention, end, subject, except)
		return err
	})
	return failed("revoke", err)
}

// failed wraps an error of the database. Those hold no values, see sqldb.Error.
func failed(doing string, err error) error {
	if err == nil || errors.Is(err, apikey.ErrNotFound) {
		return err
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, err)
}
