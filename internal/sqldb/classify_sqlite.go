package sqldb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Result codes of SQLite. The low byte is the primary one.
const (
	sqliteError     = 1
	sqliteBusy      = 5
	sqliteLocked    = 6
	sqliteReadOnly  = 8
	sqliteCantOpen  = 14
	sqlitePrimary   = 19 | 6<<8
	sqliteUnique    = 19 | 8<<8
	sqliteRowID     = 19 | 10<<8
	sqliteIOErr     = "10" // the primary code as text
	sqliteUncertain = "?"  // SQLite said something, and the driver does not say its code
)

func sqliteVerdict(err error) (code string, class error) {
	var coded interface {
		error
		Code() int
	}
	if errors.As(err, &coded) {
		n := coded.Code()
		return strconv.Itoa(n & 0xff), sqliteClass(n, coded.Error())
	}
	search(err, func(e error) bool {
		if !strings.Contains(fmt.Sprintf("%T", e), "sqlite") {
			return false
		}
		code, class = sqliteMessage(e.Error())
		return true
	})
	return code, class
}

func sqliteClass(code int, message string) error {
	switch code {
	case sqlitePrimary, sqliteUnique, sqliteRowID:
		return ErrDuplicate
	}
	switch code & 0xff {
	case sqliteBusy, sqliteLocked:
		return ErrConflict
	case sqliteReadOnly:
		return ErrReadOnly
	case sqliteCantOpen:
		return ErrUnavailable
	case sqliteError:
		if strings.Contains(message, "no such table") {
			return ErrNoTable
		}
	}
	return nil
}

// sqliteMessage reads the messages of SQLite itself, of sqlite3ErrStr and of the
// constraints, which have not changed in many years.
func sqliteMessage(text string) (code string, class error) {
	for _, known := range []struct {
		message string
		class   error
	}{
		{"UNIQUE constraint failed", ErrDuplicate},
		{"PRIMARY KEY must be unique", ErrDuplicate},
		{"database is locked", ErrConflict},
		{"table is locked", ErrConflict},
		{"database schema is locked", ErrConflict},
		{"readonly database", ErrReadOnly},
		{"unable to open database file", ErrUnavailable},
		{"no such table", ErrNoTable},
	} {
		if strings.Contains(text, known.message) {
			return sqliteUncertain, known.class
		}
	}
	if strings.Contains(text, "disk I/O error") {
		return sqliteIOErr, nil
	}
	return sqliteUncertain, nil
}

// sqliteNoTransaction reports whether a ROLLBACK failed because SQLite had rolled
// back by itself, as it does after some errors.
func sqliteNoTransaction(err error) bool {
	return err != nil && strings.Contains(err.Error(), "no transaction is active")
}
