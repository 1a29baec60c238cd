package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Defaults of Config.
const (
	DefaultPrefix  = "auth_"
	DefaultTimeout = 5 * time.Second
)

// Config configures a DB. The zero value is the recommended setting.
type Config struct {
	// Prefix is what the names of all tables and indexes begin with: at most 20
	// of a-z, 0-9 and _. Empty: "auth_".
	Prefix string
	// Schema is the schema (PostgreSQL) or database (MySQL) of the tables, which
	// must exist. Empty: the one of the connection. SQLite has none.
	Schema string
	// Timeout bounds every call, waiting for a connection and retries included,
	// except Migrate. Zero: five seconds.
	Timeout time.Duration
}

// A DB runs the statements of one store on a pool that others may use too. It is
// safe for concurrent use.
type DB struct {
	pool    *sql.DB
	dialect Dialect
	names   names
	timeout time.Duration
	writer  chan struct{} // SQLite: held by the one that writes

	mu         sync.RWMutex
	statements map[string]statement
}

// A Querier runs statements: a DB each by itself, a Tx all of them or none.
type Querier interface {
	// Exec runs a statement and returns how many rows it affected.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Insert runs an INSERT unless a unique key of it is taken, and reports
	// whether it did.
	Insert(ctx context.Context, query string, args ...any) (bool, error)
	// Query prepares a statement that returns rows. Scan or Each runs it.
	Query(ctx context.Context, query string, args ...any) *Query
}

var (
	_ Querier = (*DB)(nil)
	_ Querier = (*Tx)(nil)
)

// New returns a DB. It does not talk to the server: Check and Migrate do.
func New(pool *sql.DB, d Dialect, cfg Config) (*DB, error) {
	if pool == nil {
		return nil, errors.New("sqldb: the *sql.DB is nil")
	}
	if !d.known() {
		return nil, fmt.Errorf("sqldb: %s is no dialect: pass SQLite, PostgreSQL or MySQL", d)
	}
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("sqldb: Timeout %s: use a positive duration", cfg.Timeout)
	}
	n, err := newNames(d, cfg.Schema, cfg.Prefix)
	if err != nil {
		return nil, err
	}
	db := &DB{pool: pool, dialect: d, names: n, timeout: cfg.Timeout, statements: make(map[string]statement)}
	if d == SQLite {
		db.writer = make(chan struct{}, 1)
	}
	return db, nil
}

// Dialect returns the dialect that New was given.
func (db *DB) Dialect() Dialect { return db.dialect }

// Exec runs one statement by itself. If ctx is cancelled while it runs, it is
// waited for all the same, so that what it returns is so. A conflict is tried again; if the answer is
// lost the error wraps ErrInDoubt.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return db.exec(ctx, "", false, query, args)
}

// ExecRepeatable is Exec for a statement that may run twice without harm, such as
// a revocation: it is tried again also when its answer is lost. The number of
// rows is that of the last try, so it may be 0 although the first one did it.
func (db *DB) ExecRepeatable(ctx context.Context, query string, args ...any) (int64, error) {
	return db.exec(ctx, "", true, query, args)
}

// Insert implements Querier. All unique keys of the table count, the primary one
// and others.
func (db *DB) Insert(ctx context.Context, query string, args ...any) (bool, error) {
	n, err := db.exec(ctx, db.dialect.ifAbsent(), false, query, args)
	return inserted(n, err)
}

// Query prepares a statement that returns rows. A SELECT is tried again after a
// conflict or a lost connection, as long as no row was delivered; another
// statement (with RETURNING) as Exec does it.
func (db *DB) Query(ctx context.Context, query string, args ...any) *Query {
	return &Query{ctx: ctx, db: db, text: query, args: args}
}

func (db *DB) exec(ctx context.Context, suffix string, repeatable bool, query string, args []any) (affected int64, err error) {
	st, err := db.statement(query, args)
	if err != nil {
		return 0, err
	}
	err = db.run(ctx, work{repeatable: repeatable, writes: true, limit: db.timeout}, func(ctx context.Context, conn *sql.Conn) (bool, error) {
		affected, err = execOn(ctx, conn, st.text+suffix, args)
		return err != nil && db.dialect.unsure(err), err
	})
	return affected, err
}

func execOn(ctx context.Context, conn *sql.Conn, text string, args []any) (int64, error) {
	result, err := conn.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// ifAbsent is the end of an INSERT that does nothing if a key is taken. MySQL has
// only INSERT IGNORE, which ignores more than that: there the error is read.
func (d Dialect) ifAbsent() string {
	if d == MySQL {
		return ""
	}
	return " ON CONFLICT DO NOTHING"
}

func inserted(n int64, err error) (bool, error) {
	if errors.Is(err, ErrDuplicate) {
		return false, nil
	}
	return n > 0, err
}

// maxStatements bounds the memory of a store that builds its statements: beyond,
// they are rendered each time.
const maxStatements = 1024

// statement renders a template, once.
func (db *DB) statement(query string, args []any) (statement, error) {
	db.mu.RLock()
	st, known := db.statements[query]
	db.mu.RUnlock()
	if !known {
		var err error
		if st, err = db.names.one(query); err != nil {
			return st, err
		}
		db.mu.Lock()
		if len(db.statements) < maxStatements {
			db.statements[query] = st
		}
		db.mu.Unlock()
	}
	if st.args != len(args) {
		return st, fmt.Errorf("sqldb: the statement has %d places for arguments, not %d: %s", st.args, len(args), query)
	}
	return st, nil
}
