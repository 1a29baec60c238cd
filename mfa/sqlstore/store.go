package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps factors, challenges and trusted devices in a database. It is safe
// for concurrent use, and as many as you like, in any number of processes, may
// share the tables.
type Store struct {
	db    *sqldb.DB
	clock string // the time of the server, as an expression

	enrolments, challenges, devices *sqldb.Sweeper
}

var _ mfa.Store = (*Store)(nil)

// New returns a Store on a pool that others may use too and that the caller
// closes. It does not talk to the server.
func New(db *sql.DB, dialect Dialect, cfg Config) (*Store, error) {
	ground, err := sqldb.New(db, dialect, sqldb.Config{Prefix: cfg.Prefix, Schema: cfg.Schema, Timeout: cfg.Timeout})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	s := &Store{db: ground, clock: dialect.Clock()}
	for _, sweep := range []struct {
		to         **sqldb.Sweeper
		table, key string
	}{
		{&s.enrolments, "mfa_enrolments", "subject"},
		{&s.challenges, "mfa_challenges", "slot"},
		{&s.devices, "mfa_devices", "hash"},
	} {
		if *sweep.to, err = ground.Sweeper(sqldb.Sweep{Table: sweep.table, Key: sweep.key, Expiry: "expires_at"}); err != nil {
			return nil, fmt.Errorf("sqlstore: %w", err)
		}
	}
	return s, nil
}

// Migrate creates the tables or brings them up to date. It may be called at each
// start, by any number of processes at once. It first checks that the server is
// of the dialect and has settings that can be relied on; it refuses tables that
// are newer than this program. Config.Timeout does not hold: ctx decides.
func (s *Store) Migrate(ctx context.Context) error {
	return failed("migrate", s.db.Migrate(ctx, "mfa", migrations))
}

// now asks q for the time of the server.
func (s *Store) now(ctx context.Context, q sqldb.Querier) (now time.Time, err error) {
	err = q.Query(ctx, "SELECT "+s.clock).Scan(sqldb.Timestamp(&now))
	return now, err
}

// sweepTimeout is how long a call waits for the removal of expired rows.
const sweepTimeout = time.Second

// tidy removes some expired rows now and then. Whether there is room is not what a
// call is about: the next one sweeps.
func tidy(ctx context.Context, sweep *sqldb.Sweeper, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	_ = sweep.Lazily(ctx, now)
}

// repeatable is for transactions that a repeat leaves as they are.
var repeatable = sqldb.TxOptions{Repeatable: true}

var errCorrupt = errors.New("sqlstore: a stored row cannot be read")

// failed wraps an error of the database. Those hold no values, see sqldb.Error.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, err)
}
