package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/password/account"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps users in a database. It is safe for concurrent use, and as many
// as you like, in any number of processes, may share the tables.
type Store struct {
	db     *sqldb.DB
	tokens *TokenStore
	now    func() time.Time
}

var (
	_ account.Store   = (*Store)(nil)
	_ account.Deleter = (*Store)(nil)
)

// New returns a Store on a pool that others may use too and that the caller
// closes. It does not talk to the server.
func New(db *sql.DB, dialect Dialect, cfg Config) (*Store, error) {
	ground, err := sqldb.New(db, dialect, sqldb.Config{Prefix: cfg.Prefix, Schema: cfg.Schema, Timeout: cfg.Timeout})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	sweep, err := ground.Sweeper(sqldb.Sweep{Table: "user_tokens", Key: "hash", Expiry: "expires_at"})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Store{db: ground, tokens: &TokenStore{db: ground, sweep: sweep}, now: cfg.Now}, nil
}

// Migrate creates the tables or brings them up to date, those of tokens too. It may
// be called at each start, by any number of processes at once. It first checks that
// the server is of the dialect and has settings that can be relied on; it refuses
// tables that are newer than this program. Config.Timeout does not hold: ctx
// decides.
func (s *Store) Migrate(ctx context.Context) error {
	return failed("migrate", s.db.Migrate(ctx, "users", migrations))
}

// Tokens returns the store of one-time tokens beside the users.
func (s *Store) Tokens() *TokenStore { return s.tokens }

// Create implements account.Store. The id is u.ID.
func (s *Store) Create(ctx context.Context, u account.User) (string, error) {
	roles, err := encodeRoles(u.Roles)
	if err != nil {
		return "", err
	}
	if u.ID == "" || u.Canonical == "" || !keeps(u.ID, u.Email, u.Canonical, u.Hash) {
		return "", errValue
	}
	done, err := s.db.Insert(ctx,
		"INSERT INTO {users} (id, email, canonical, verified, disabled, hash, roles, created_at, valid_after, writes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
		u.ID, u.Email, u.Canonical, u.Verified, u.Disabled, u.Hash, roles, sqldb.Micros(u.CreatedAt), sqldb.Micros(u.ValidAfter))
	switch {
	case errors.Is(err, sqldb.ErrInDoubt):
		return s.created(ctx, u, err)
	case err != nil:
		return "", failed("create", err)
	case !done:
		return "", account.ErrExists
	}
	return u.ID, nil
}

// created finds out what became of an INSERT whose answer was lost. A row with
// this id and hash is its own, whatever has happened to it since.
func (s *Store) created(ctx context.Context, u account.User, lost error) (string, error) {
	there, err := s.Find(ctx, u.ID)
	if err == nil && there.Canonical == u.Canonical && there.Hash == u.Hash {
		return u.ID, nil
	}
	return "", failed("create", lost)
}

// Find implements account.Store.
func (s *Store) Find(ctx context.Context, id string) (account.User, error) {
	return s.find(ctx, "id", id)
}

// FindByEmail implements account.Store.
func (s *Store) FindByEmail(ctx context.Context, canonical string) (account.User, error) {
	return s.find(ctx, "canonical", canonical)
}

func (s *Store) find(ctx context.Context, column, value string) (account.User, error) {
	if !keeps(value) {
		// No row has it. The question is asked all the same, about a value that can
		// be asked for, so that the answer takes as long and fails as it would.
		value = ""
	}
	var u account.User
	err := scanUser(s.db.Query(ctx, "SELECT "+columns+" FROM {users} WHERE "+column+" = ?", value).Scan, &u)
	if errors.Is(err, sql.ErrNoRows) {
		return account.User{}, account.ErrNotFound
	}
	if err != nil {
		return account.User{}, failed("find", err)
	}
	return u, nil
}

// failed wraps an error of the database. Those hold no values, see sqldb.Error.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, err)
}
