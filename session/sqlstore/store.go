package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/session"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps sessions in a database. It is safe for concurrent use, and as
// many as you like, in any number of processes, may share the tables.
type Store struct {
	db    *sqldb.DB
	sweep *sqldb.Sweeper
	now   func() time.Time
}

var _ session.Store = (*Store)(nil)

// New returns a Store on a pool that others may use too and that the caller
// closes. It does not talk to the server.
func New(db *sql.DB, dialect Dialect, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	ground, err := sqldb.New(db, dialect, sqldb.Config{Prefix: cfg.Prefix, Schema: cfg.Schema, Timeout: cfg.Timeout})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	sweep, err := ground.Sweeper(sqldb.Sweep{Table: "sessions", Key: "id", Expiry: "expires_at"})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	return &Store{db: ground, sweep: sweep, now: cfg.Now}, nil
}

// Migrate creates the tables or brings them up to date. It may be called at each
// start, by any number of processes at once. It first checks that the server is
// of the dialect and has settings that can be relied on; it refuses tables that
// are newer than this program. Config.Timeout does not hold: ctx decides.
func (s *Store) Migrate(ctx context.Context) error {
	return failed("migrate", s.db.Migrate(ctx, "sessions", migrations))
}

// Find implements session.Store.
func (s *Store) Find(ctx context.Context, id session.ID) (*session.Record, error) {
	var data []byte
	var seen time.Time
	err := s.db.Query(ctx, "SELECT data, seen_at FROM {sessions} WHERE id = ? AND expires_at > ?", id[:], sqldb.Micros(s.now())).
		Scan(&data, sqldb.Timestamp(&seen))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, session.ErrNoSession
	}
	if err != nil {
		return nil, failed("find", err)
	}
	return decode(data, seen)
}

// Update implements session.Store.
func (s *Store) Update(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time) error {
	r, err := encode(rec, expiry)
	if err != nil {
		return err
	}
	now := sqldb.Micros(s.now())
	if r.expires <= now {
		return s.expire(ctx, id)
	}
	return s.change(ctx, "update",
		"UPDATE {sessions} SET public_hash = ?, created_at = ?, seen_at = ?, expires_at = ?, data = ?, writes = writes + 1 WHERE id = ? AND expires_at > ?",
		r.public, r.created, r.seen, r.expires, r.data, id[:], now)
}

// Touch implements session.Store.
func (s *Store) Touch(ctx context.Context, id session.ID, seen, expiry time.Time) error {
	now, expires := sqldb.Micros(s.now()), sqldb.Micros(expiry)
	if expires <= now {
		return s.expire(ctx, id)
	}
	return s.change(ctx, "touch",
		"UPDATE {sessions} SET seen_at = ?, expires_at = ?, writes = writes + 1 WHERE id = ? AND expires_at > ?",
		sqldb.Micros(seen), expires, id[:], now)
}

// Rename implements session.Store.
func (s *Store) Rename(ctx context.Context, from, to session.ID, rec *session.Record, expiry time.Time) error {
	if from.Bucket() != to.Bucket() {
		return errBuckets
	}
	r, err := encode(rec, expiry)
	if err != nil {
		return err
	}
	now := sqldb.Micros(s.now())
	if r.expires <= now {
		return s.expire(ctx, from)
	}
	err = s.change(ctx, "rename",
		"UPDATE {sessions} SET id = ?, public_hash = ?, created_at = ?, seen_at = ?, expires_at = ?, data = ?, writes = writes + 1 WHERE id = ? AND expires_at > ?",
		to[:], r.public, r.created, r.seen, r.expires, r.data, from[:], now)
	switch {
	case errors.Is(err, sqldb.ErrDuplicate):
		return session.ErrExists
	case errors.Is(err, session.ErrNoSession):
		// Unless it was this very call that renamed it, and came again.
		state, readErr := occupant(ctx, s.db, to, r, now)
		if readErr != nil {
			return failed("rename", readErr)
		}
		if state == same {
			return nil
		}
	}
	return err
}

// Delete implements session.Store.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {sessions} WHERE id = ?", id[:])
	return failed("delete", err)
}

// List implements session.Store.
func (s *Store) List(ctx context.Context, subject string) ([]*session.Record, error) {
	bucket := session.BucketOf(subject)
	var list []*session.Record
	err := s.db.Query(ctx, "SELECT data, seen_at FROM {sessions} WHERE bucket = ? AND expires_at > ?", bucket[:], sqldb.Micros(s.now())).
		Each(func(scan func(...any) error) error {
			var data []byte
			var seen time.Time
			if err := scan(&data, sqldb.Timestamp(&seen)); err != nil {
				return err
			}
			if rec, err := decode(data, seen); !errors.Is(err, session.ErrCorrupt) {
				list = append(list, rec)
			}
			return nil
		})
	if err != nil {
		return nil, failed("list", err)
	}
	return list, nil
}

// Revoke implements session.Store.
func (s *Store) Revoke(ctx context.Context, subject, publicID string) error {
	bucket := session.BucketOf(subject)
	_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {sessions} WHERE bucket = ? AND public_hash = ?", bucket[:], publicHash(publicID))
	return failed("revoke", err)
}

// RevokeSubject implements session.Store.
func (s *Store) RevokeSubject(ctx context.Context, subject, except string) error {
	bucket := session.BucketOf(subject)
	query, args := "DELETE FROM {sessions} WHERE bucket = ?", []any{bucket[:]}
	if except != "" {
		query, args = query+" AND public_hash <> ?", append(args, publicHash(except))
	}
	_, err := s.db.ExecRepeatable(ctx, query, args...)
	return failed("revoke", err)
}

// change runs an UPDATE of one session. MySQL counts a row only if something in
// it became another: that is what the column writes is for.
func (s *Store) change(ctx context.Context, doing, query string, args ...any) error {
	n, err := s.db.ExecRepeatable(ctx, query, args...)
	if err == nil && n == 0 {
		return session.ErrNoSession
	}
	return failed(doing, err)
}

// expire is a write whose expiry has passed.
func (s *Store) expire(ctx context.Context, id session.ID) error {
	if err := s.Delete(ctx, id); err != nil {
		return err
	}
	return session.ErrNoSession
}

var errBuckets = errors.New("sqlstore: a session cannot be renamed from one bucket to another")

// failed wraps an error of the database. Those hold no values, see sqldb.Error.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, err)
}
