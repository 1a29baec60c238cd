// Package sessionsql has the tests of session/sqlstore on real servers: SQLite,
// PostgreSQL and MariaDB, whatever package sqltest finds.
package sessionsql
