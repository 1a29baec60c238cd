package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/oauth"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps links in a database. It is safe for concurrent use, and as many as you
// like, in any number of processes, may share the tables.
type Store struct {
	db    *sqldb.DB
	sweep *sqldb.Sweeper
	now   func() time.Time
}

var _ oauth.LinkStore = (*Store)(nil)

// New returns a Store on a pool that others may use too and that the caller closes. It
// does not talk to the server.
func New(db *sql.DB, dialect Dialect, cfg Config) (*Store, error) {
	ground, err := sqldb.New(db, dialect, sqldb.Config{Prefix: cfg.Prefix, Schema: cfg.Schema, Timeout: cfg.Timeout})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	sweep, err := ground.Sweeper(sqldb.Sweep{Table: "oauth_attempts", Key: "id", Expiry: "expires_at"})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Store{db: ground, sweep: sweep, now: cfg.Now}, nil
}

// Migrate creates the tables or brings them up to date, those of tokens and attempts
// too. It may be called at each start, by any number of processes at once. It first
// checks that the server is of the dialect and has settings that can be relied on; it
// refuses tables that are newer than this program. Config.Timeout does not hold: ctx
// decides.
func (s *Store) Migrate(ctx context.Context) error {
	return failed("migrate", s.db.Migrate(ctx, "oauth", migrations))
}

// Tokens returns the store of kept tokens beside the links.
func (s *Store) Tokens() *TokenStore { return &TokenStore{db: s.db} }

// Consumer returns what makes attempts count once over all processes.
func (s *Store) Consumer() *Consumer { return &Consumer{s} }

var (
	errValue   = errors.New("sqlstore: a value is empty, too long, or no text that every database keeps")
	errCorrupt = errors.New("sqlstore: a stored link cannot be read")
)

// keyOf is the primary key of what belongs to an account at a provider. The length
// keeps issuer and subject apart.
func keyOf(issuer, subject string) []byte {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(issuer)) + ":" + issuer + subject))
	return sum[:]
}

// keeps reports whether all databases return s as it is.
func keeps(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

// failed names what failed. The answers of package oauth stay as they are.
func failed(doing string, err error) error {
	for _, answer := range []error{oauth.ErrNoLink, oauth.ErrLinked, oauth.ErrTooManyLinks, oauth.ErrLastMethod, oauth.ErrNoToken, oauth.ErrTokenChanged, oauth.ErrConsumed} {
		if errors.Is(err, answer) {
			return err
		}
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlstore: %s: %w", doing, err)
}
