package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// Classify tells what err means: ErrDuplicate, ErrConflict, ErrReadOnly,
// ErrUnavailable, ErrNoTable, or nil for everything else, such as the end of a
// context. It imports no driver, and recognises this:
//
// PostgreSQL: what has a method SQLState() string, as the errors of pgx and of
// lib/pq. 23505 is a duplicate; 40001, 40P01 and 55P03 are conflicts; 25006 is
// read-only; class 08, 53300, 57P01, 57P02, 57P03, 57P05 and 25P03 are
// unavailable; 42P01 is a missing table.
//
// MySQL: what has a type named MySQLError, as of go-sql-driver, whose text is
// "Error number (state): message" or, of old, "Error number: message". 1062, 1169
// and 1586 are duplicates; 1020, 1205, 1213 and 3572 are conflicts; 1290 (if it is
// about read-only), 1792 and 1836 are read-only; 1040, 1047, 1053, 1077, 1079,
// 1152, 1158 to 1161, 1184, 1203, 1927, 3032 and 4031 are unavailable; 1146 is a
// missing table. The text "invalid connection" is unavailable.
//
// SQLite: what has a method Code() int, as the errors of modernc.org/sqlite, with
// result codes as in sqlite.org/rescode.html. Else what has a type with sqlite in
// its name or that of its package, as of mattn/go-sqlite3 and ncruces/go-sqlite3,
// by the messages of SQLite. BUSY and LOCKED are conflicts; READONLY is read-only;
// CANTOPEN is unavailable; constraints UNIQUE, PRIMARYKEY and ROWID are duplicates.
//
// All: driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, and the
// errors of package net and of sockets are unavailable.
func (d Dialect) Classify(err error) error {
	if err == nil {
		return nil
	}
	_, class := d.verdict(err)
	return class
}

// verdict is what the server said, if it was the server that said something.
func (d Dialect) verdict(err error) (code string, class error) {
	switch d {
	case PostgreSQL:
		code, class = postgresqlVerdict(err)
	case MySQL:
		code, class = mysqlVerdict(err)
	case SQLite:
		code, class = sqliteVerdict(err)
	}
	if code == "" && isConnection(err) {
		class = ErrUnavailable
	}
	return code, class
}

// unsure reports whether a write that failed with err may have been done. That
// is so unless the server said what went wrong, or nothing was sent.
func (d Dialect) unsure(err error) bool {
	code, class := d.verdict(err)
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), strings.HasPrefix(err.Error(), "sql: "):
		return false
	case code == "" || errors.Is(class, ErrUnavailable):
		return true
	}
	switch d {
	case PostgreSQL:
		return code == "40003" || strings.HasPrefix(code, "XX")
	case MySQL:
		return code == "1317" || code == "1180"
	}
	return code == sqliteIOErr
}

// describe is the text of err without what the server may have quoted from the
// data.
func (d Dialect) describe(err error) string {
	code, class := d.verdict(err)
	if code == "" {
		return err.Error()
	}
	quotes := errors.Is(class, ErrDuplicate)
	switch d {
	case PostgreSQL:
		quotes = quotes || strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23") || strings.HasPrefix(code, "P0")
	case MySQL:
		quotes = quotes || !mysqlQuotesNothing(code)
	case SQLite:
		quotes = false // it names columns, never values
	}
	if quotes {
		return fmt.Sprintf("%s error %s", d, code)
	}
	return err.Error()
}

func isConnection(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	for _, gone := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, gone) {
			return true
		}
	}
	var network net.Error
	var socket syscall.Errno
	return errors.As(err, &network) || errors.As(err, &socket)
}

// search calls found with err and all that it wraps, until it returns true.
func search(err error, found func(error) bool) bool {
	if err == nil {
		return false
	}
	if found(err) {
		return true
	}
	switch e := err.(type) { //nolint:errorlint // it is the tree that is walked
	case interface{ Unwrap() error }:
		return search(e.Unwrap(), found)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if search(inner, found) {
				return true
			}
		}
	}
	return false
}
