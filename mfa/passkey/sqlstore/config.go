package sqlstore

import (
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// A Dialect is the SQL of one kind of server. The zero value is none: it is never
// guessed from the name of a driver.
type Dialect = sqldb.Dialect

// The dialects.
const (
	SQLite     = sqldb.SQLite     // from 3.37
	PostgreSQL = sqldb.PostgreSQL // all versions that PostgreSQL supports
	MySQL      = sqldb.MySQL      // MySQL from 8.0 and MariaDB from 10.6, with InnoDB
)

// Defaults of Config.
const (
	DefaultPrefix  = sqldb.DefaultPrefix
	DefaultTimeout = sqldb.DefaultTimeout
)

// Config configures a Store. The zero value is the recommended setting.
type Config struct {
	// Prefix is what the names of all tables and indexes begin with: at most 20
	// of a-z, 0-9 and _. Empty: "auth_".
	Prefix string
	// Schema is the schema (PostgreSQL) or database (MySQL) of the tables, which
	// must exist. Empty: the one of the connection. SQLite has none.
	Schema string
	// Timeout bounds every statement or transaction, waiting for a connection and
	// retries included, except those of Migrate. A call is one to three of them.
	// Zero: five seconds.
	Timeout time.Duration
}
