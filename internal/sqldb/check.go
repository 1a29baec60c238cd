package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Check asks the server who it is. It returns an error if that is not the
// dialect of the DB, or if a setting of the connection endangers what stores rely
// on: a MySQL that cuts values to fit, does not commit by itself, or makes
// tables without transactions; a SQLite that is too old.
func (db *DB) Check(ctx context.Context) error {
	return db.run(ctx, work{repeatable: true, limit: db.timeout}, func(ctx context.Context, conn *sql.Conn) (bool, error) {
		err := db.checkOn(ctx, conn)
		if err == nil || isConnection(err) || ctx.Err() != nil {
			return false, err
		}
		if found, what := identify(ctx, conn); found != 0 && found != db.dialect {
			return false, final{fmt.Errorf("sqldb: the dialect is %s and the server is %s: pass %s", db.dialect, what, found)}
		}
		return false, err
	})
}

func (db *DB) checkOn(ctx context.Context, conn *sql.Conn) error {
	switch db.dialect {
	case PostgreSQL:
		version, err := text(ctx, conn, "SELECT version()")
		if err == nil && !strings.HasPrefix(version, "PostgreSQL ") {
			err = final{fmt.Errorf("sqldb: the dialect is PostgreSQL and the server is %q", version)}
		}
		return err
	case MySQL:
		return checkMySQL(ctx, conn)
	}
	version, err := text(ctx, conn, "SELECT sqlite_version()")
	if err == nil && !atLeast(version, 3, 37) {
		err = final{fmt.Errorf("sqldb: SQLite %s has no STRICT tables: use a driver with 3.37 or later", version)}
	}
	return err
}

func checkMySQL(ctx context.Context, conn *sql.Conn) error {
	var mode, engine string
	var autocommit bool
	row := conn.QueryRowContext(ctx, "SELECT @@SESSION.sql_mode, @@SESSION.autocommit, @@SESSION.default_storage_engine")
	if err := row.Scan(&mode, &autocommit, &engine); err != nil {
		return err
	}
	var wrong []error
	if !strings.Contains(mode, "STRICT_TRANS_TABLES") && !strings.Contains(mode, "STRICT_ALL_TABLES") {
		wrong = append(wrong, errors.New("sqldb: sql_mode is not strict, so MySQL would cut values to fit and take one name for another: add STRICT_TRANS_TABLES"))
	}
	if !autocommit {
		wrong = append(wrong, errors.New("sqldb: autocommit is off, so single statements would never be committed: remove it from the DSN"))
	}
	if !strings.EqualFold(engine, "InnoDB") {
		wrong = append(wrong, fmt.Errorf("sqldb: default_storage_engine is %s, which may have no transactions: set InnoDB", engine))
	}
	if err := errors.Join(wrong...); err != nil {
		return final{err}
	}
	return nil
}

// identify tells which dialect the server speaks, if it is one of them.
func identify(ctx context.Context, conn *sql.Conn) (Dialect, string) {
	if version, err := text(ctx, conn, "SELECT sqlite_version()"); err == nil {
		return SQLite, "SQLite " + version
	}
	version, err := text(ctx, conn, "SELECT version()")
	if err != nil {
		return 0, ""
	}
	if strings.HasPrefix(version, "PostgreSQL ") {
		return PostgreSQL, version
	}
	if _, err := text(ctx, conn, "SELECT @@version_comment"); err == nil {
		return MySQL, "MySQL or MariaDB " + version
	}
	return 0, ""
}

func text(ctx context.Context, conn *sql.Conn, query string) (s string, err error) {
	err = conn.QueryRowContext(ctx, query).Scan(&s)
	return s, err
}

// atLeast compares the first two numbers of a version; one that is not of that
// form is new enough.
func atLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	return errA != nil || errB != nil || a > major || a == major && b >= minor
}
