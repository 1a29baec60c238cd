package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa/passkey"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps passkeys in a database. It is safe for concurrent use, and as many as
// you like, in any number of processes, may share the tables.
type Store struct {
	db      *sqldb.DB
	clock   string // the time of the server, as an expression
	answers *sqldb.Sweeper
}

var _ passkey.Store = (*Store)(nil)

// New returns a Store on a pool that others may use too and that the caller closes.
// It does not talk to the server.
func New(db *sql.DB, dialect Dialect, cfg Config) (*Store, error) {
	ground, err := sqldb.New(db, dialect, sqldb.Config{Prefix: cfg.Prefix, Schema: cfg.Schema, Timeout: cfg.Timeout})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	s := &Store{db: ground, clock: dialect.Clock()}
	if s.answers, err = ground.Sweeper(sqldb.Sweep{Table: "passkey_answers", Key: "challenge", Expiry: "expires_at"}); err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	return s, nil
}

// Migrate creates the tables or brings them up to date. It may be called at each
// start, by any number of processes at once. It first checks that the server is of the
// dialect and has settings that can be relied on; it refuses tables that are newer
// than this program. Config.Timeout does not hold: ctx decides.
func (s *Store) Migrate(ctx context.Context) error {
	return failed("migrate", s.db.Migrate(ctx, "passkey", migrations))
}

// repeatable is for transactions that a repeat leaves as they are.
var repeatable = sqldb.TxOptions{Repeatable: true}

// UserHandle implements passkey.Store.
func (s *Store) UserHandle(ctx context.Context, subject string, fresh passkey.UserHandle) (passkey.UserHandle, error) {
	handle, there, err := s.handle(ctx, s.db, subject, "")
	if err != nil || there {
		return handle, failed("find a user handle", err)
	}
	err = s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		_, err := tx.Insert(ctx, "INSERT INTO {passkey_users} (subject, handle) VALUES (?, ?)", []byte(subject), fresh[:])
		return err
	})
	if err == nil {
		// That of whoever was first.
		if handle, there, err = s.handle(ctx, s.db, subject, ""); err == nil && !there {
			err = sqldb.ErrConflict // RemoveAll came in between
		}
	}
	return handle, failed("keep a user handle", err)
}

func (s *Store) handle(ctx context.Context, q sqldb.Querier, subject, lock string) (h passkey.UserHandle, there bool, err error) {
	var raw []byte
	err = q.Query(ctx, "SELECT handle FROM {passkey_users} WHERE subject = ?"+lock, []byte(subject)).Scan(&raw)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return h, false, nil
	case err != nil:
		return h, false, err
	case len(raw) != len(h):
		return h, false, errCorrupt
	}
	copy(h[:], raw)
	return h, true, nil
}

// answer uses up a challenge within a transaction. Of those that come at the same time
// all but one wait for the end of that one. Repeat says that this call has come before.
func (s *Store) answer(ctx context.Context, tx *sqldb.Tx, a passkey.Answer) (repeat bool, err error) {
	done, err := tx.Insert(ctx, "INSERT INTO {passkey_answers} (challenge, call_id, expires_at) VALUES (?, ?, "+s.clock+" + ?)",
		a.Challenge[:], a.Call[:], a.Keep.Microseconds())
	if err != nil || done {
		return false, err
	}
	var call []byte
	err = tx.Query(ctx, "SELECT call_id FROM {passkey_answers} WHERE challenge = ?", a.Challenge[:]).Scan(&call)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, sqldb.ErrConflict // swept in this moment
	case err != nil:
		return false, err
	case string(call) != string(a.Call[:]):
		return false, passkey.ErrAnswered
	}
	return true, nil
}

// sweepTimeout is how long a call waits for the removal of expired rows.
const sweepTimeout = time.Second

// tidy removes some answers that have expired now and then. Whether there is room is
// not what a call is about: the next one sweeps.
func (s *Store) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	var now time.Time
	if err := s.db.Query(ctx, "SELECT "+s.clock).Scan(sqldb.Timestamp(&now)); err == nil {
		_ = s.answers.Lazily(ctx, now)
	}
}

var errCorrupt = errors.New("sqlstore: a stored row cannot be read")

// failed wraps an error of the database, and leaves the verdicts of passkey.Store as
// they are. The former hold no values, see sqldb.Error.
func failed(doing string, err error) error {
	for _, verdict := range []error{passkey.ErrAnswered, passkey.ErrNoCredential, passkey.ErrExists, passkey.ErrLimit, passkey.ErrCounter} {
		if errors.Is(err, verdict) {
			return err
		}
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, err)
}
