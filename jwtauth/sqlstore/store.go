package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/jwtauth"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps families in a database. It is safe for concurrent use, and as
// many as you like, in any number of processes, may share the table.
type Store struct {
	db     *sqldb.DB
	sweep  *sqldb.Sweeper
	now    string // the clock of the server
	epochs *EpochStore
}

var _ jwtauth.FamilyStore = (*Store)(nil)

// New returns a Store on a pool that others may use too and that the caller
// closes. It does not talk to the server.
func New(db *sql.DB, dialect Dialect, cfg Config) (*Store, error) {
	ground, err := sqldb.New(db, dialect, sqldb.Config{Prefix: cfg.Prefix, Schema: cfg.Schema, Timeout: cfg.Timeout})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	sweep, err := ground.Sweeper(sqldb.Sweep{Table: "families", Key: "slot", Expiry: "expires_at"})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	old, err := ground.Sweeper(sqldb.Sweep{Table: "epochs", Key: "subject", Expiry: "expires_at"})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	now := dialect.Clock()
	return &Store{db: ground, sweep: sweep, now: now, epochs: &EpochStore{db: ground, sweep: old, now: now}}, nil
}

// Epochs returns the store of epochs beside the families.
func (s *Store) Epochs() *EpochStore { return s.epochs }

// Migrate creates the tables or brings them up to date. It may be called at each
// start, by any number of processes at once. It first checks that the server is
// of the dialect and has settings that can be relied on; it refuses tables that
// are newer than this program. Config.Timeout does not hold: ctx decides.
func (s *Store) Migrate(ctx context.Context) error {
	return failed("migrate", s.db.Migrate(ctx, "families", migrations))
}

// Find implements jwtauth.FamilyStore.
func (s *Store) Find(ctx context.Context, id jwtauth.FamilyID) (*jwtauth.Family, error) {
	f, _, err := s.read(ctx, id)
	if err != nil {
		return nil, failed("find", err)
	}
	return f, nil
}

// Rotate implements jwtauth.FamilyStore.
func (s *Store) Rotate(ctx context.Context, id jwtauth.FamilyID, r jwtauth.Rotation) (jwtauth.Outcome, time.Duration, error) {
	for {
		f, now, err := s.read(ctx, id)
		if err != nil {
			return 0, 0, failed("rotate", err)
		}
		was := *f
		outcome := r.Apply(f, now)
		if f.Counter != was.Counter || f.Ended != was.Ended {
			done, err := s.write(ctx, f, &was, r.Idle)
			if err != nil {
				return 0, 0, failed("rotate", err)
			}
			if !done {
				continue // somebody was faster, or this call, whose answer was lost
			}
		}
		if outcome == jwtauth.Reused {
			return outcome, 0, nil
		}
		return outcome, max(f.ExpiresAt.Sub(now), time.Millisecond), nil
	}
}

// write keeps f, which Apply has changed, if the row is still what it was. The
// times are taken now and not from f: between reading and writing a process may
// stand still for long, and the grace begins with the write.
func (s *Store) write(ctx context.Context, f, was *jwtauth.Family, idle time.Duration) (bool, error) {
	b, slot := split(f.ID)
	const same = " WHERE bucket = ? AND slot = ? AND counter = ? AND ended = 0"
	counter := int64(was.Counter) //nolint:gosec // tokens have none that is larger
	var n int64
	var err error
	if f.Ended {
		n, err = s.db.ExecRepeatable(ctx, "UPDATE {families} SET ended = 1"+same, b, slot, counter)
		return n == 1, err
	}
	until := s.now + " + ?"
	n, err = s.db.ExecRepeatable(ctx, "UPDATE {families} SET counter = ?, calls = ?, used_at = "+s.now+
		", expires_at = CASE WHEN "+until+" < deadline THEN "+until+" ELSE deadline END"+same,
		int64(f.Counter), calls(f), idle.Microseconds(), idle.Microseconds(), b, slot, counter) //nolint:gosec // as above
	return n == 1, err
}

// Revoke implements jwtauth.FamilyStore.
func (s *Store) Revoke(ctx context.Context, id jwtauth.FamilyID) error {
	b, slot := split(id)
	_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {families} WHERE bucket = ? AND slot = ?", b, slot)
	return failed("revoke", err)
}

// RevokeAll implements jwtauth.FamilyStore.
func (s *Store) RevokeAll(ctx context.Context, b jwtauth.Bucket, except jwtauth.FamilyID) error {
	query, args := "DELETE FROM {families} WHERE bucket = ?", []any{b[:]}
	if except.Bucket() == b {
		_, slot := split(except)
		query, args = query+" AND slot <> ?", append(args, slot)
	}
	_, err := s.db.ExecRepeatable(ctx, query, args...)
	return failed("revoke", err)
}

// List implements jwtauth.FamilyStore.
func (s *Store) List(ctx context.Context, b jwtauth.Bucket) ([]*jwtauth.Family, error) {
	var list []*jwtauth.Family
	err := s.db.Query(ctx, s.selects()+" WHERE bucket = ?", b[:]).Each(func(scan func(...any) error) error {
		f, now, err := scanFamily(scan)
		if err == nil && f.Live(now) && !f.Ended {
			list = append(list, f)
		}
		return err
	})
	if err != nil {
		return nil, failed("list", err)
	}
	return list, nil
}

// read returns the family of id, and the time. One that has expired it removes, so
// that no clock brings it back.
func (s *Store) read(ctx context.Context, id jwtauth.FamilyID) (f *jwtauth.Family, now time.Time, err error) {
	b, slot := split(id)
	found := false
	err = s.db.Query(ctx, s.selects()+" WHERE bucket = ? AND slot = ?", b, slot).Each(func(scan func(...any) error) error {
		found = true
		f, now, err = scanFamily(scan)
		return err
	})
	switch {
	case err != nil:
		return nil, now, err
	case !found:
		return nil, now, jwtauth.ErrNoFamily
	case f.Live(now):
		return f, now, nil
	}
	if _, err := s.db.ExecRepeatable(ctx, "DELETE FROM {families} WHERE bucket = ? AND slot = ? AND counter = ?", b, slot, int64(f.Counter)); err != nil { //nolint:gosec // it was read as an int64
		return nil, now, err
	}
	return nil, now, jwtauth.ErrNoFamily
}

// failed wraps an error of the database. Those hold no values, see sqldb.Error.
func failed(doing string, err error) error {
	if err == nil || errors.Is(err, jwtauth.ErrNoFamily) || errors.Is(err, jwtauth.ErrFamilyExists) {
		return err
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, err)
}
