package sqldb_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sallyport/auth/internal/sqldb"
)

func TestClassify(t *testing.T) {
	const mysql, pg, lite = sqldb.MySQL, sqldb.PostgreSQL, sqldb.SQLite
	tests := []struct {
		d    sqldb.Dialect
		err  error
		want error
	}{
		{pg, stateError("23505"), sqldb.ErrDuplicate},
		{pg, stateError("23503"), nil},
		{pg, stateError("40001"), sqldb.ErrConflict},
		{pg, stateError("40P01"), sqldb.ErrConflict},
		{pg, stateError("55P03"), sqldb.ErrConflict},
		{pg, stateError("40003"), nil},
		{pg, stateError("25006"), sqldb.ErrReadOnly},
		{pg, stateError("08006"), sqldb.ErrUnavailable},
		{pg, stateError("57P01"), sqldb.ErrUnavailable},
		{pg, stateError("53300"), sqldb.ErrUnavailable},
		{pg, stateError("57014"), nil},
		{pg, stateError("42P01"), sqldb.ErrNoTable},
		{pg, errors.Join(errors.New("a"), fmt.Errorf("b: %w", stateError("40001"))), sqldb.ErrConflict},
		{pg, MySQLError("Error 1213: Deadlock"), nil},
		{mysql, MySQLError("Error 1062 (23000): Duplicate entry 'a' for key 'PRIMARY'"), sqldb.ErrDuplicate},
		{mysql, MySQLError("Error 1213 (40001): Deadlock found"), sqldb.ErrConflict},
		{mysql, MySQLError("Error 1213: Deadlock found"), sqldb.ErrConflict},
		{mysql, MySQLError("Error 1205 (HY000): Lock wait timeout exceeded"), sqldb.ErrConflict},
		{mysql, MySQLError("Error 1020 (HY000): Record has changed"), sqldb.ErrConflict},
		{mysql, fmt.Errorf("x: %w", MySQLError("Error 1205 (HY000): Lock")), sqldb.ErrConflict},
		{mysql, MySQLError("Error 1290 (HY000): running with the --read-only option"), sqldb.ErrReadOnly},
		{mysql, MySQLError("Error 1290 (HY000): running with the --secure-file-priv option"), nil},
		{mysql, MySQLError("Error 1792 (25006): READ ONLY transaction"), sqldb.ErrReadOnly},
		{mysql, MySQLError("Error 1927 (70100): Connection was killed"), sqldb.ErrUnavailable},
		{mysql, MySQLError("Error 1146 (42S02): Table 'a' doesn't exist"), sqldb.ErrNoTable},
		{mysql, MySQLError("Error 12130: no"), nil},
		{mysql, MySQLError("Error 1213"), nil},
		{mysql, MySQLError("Error : 1213"), nil},
		{mysql, errors.New("Error 1213: said somebody else"), nil},
		{mysql, MySQLError("Error 1366 (HY000): Incorrect value: 'Error 1213: '"), nil},
		{mysql, errors.New("invalid connection"), sqldb.ErrUnavailable},
		{lite, codeError(5), sqldb.ErrConflict},
		{lite, codeError(517), sqldb.ErrConflict},
		{lite, codeError(6), sqldb.ErrConflict},
		{lite, codeError(8), sqldb.ErrReadOnly},
		{lite, codeError(14), sqldb.ErrUnavailable},
		{lite, codeError(2067), sqldb.ErrDuplicate},
		{lite, codeError(1555), sqldb.ErrDuplicate},
		{lite, codeError(275), nil}, // CHECK
		{lite, codeError(787), nil}, // FOREIGN KEY
		{lite, codeError(9), nil},
		{lite, sqliteError("database is locked"), sqldb.ErrConflict},
		{lite, sqliteError("sqlite3: database table is locked"), sqldb.ErrConflict},
		{lite, sqliteError("UNIQUE constraint failed: a.id"), sqldb.ErrDuplicate},
		{lite, sqliteError("attempt to write a readonly database"), sqldb.ErrReadOnly},
		{lite, sqliteError("unable to open database file"), sqldb.ErrUnavailable},
		{lite, sqliteError("no such table: a"), sqldb.ErrNoTable},
		{lite, errors.New("database is locked, said somebody else"), nil},
		{pg, driver.ErrBadConn, sqldb.ErrUnavailable},
		{pg, sql.ErrConnDone, sqldb.ErrUnavailable},
		{mysql, io.EOF, sqldb.ErrUnavailable},
		{pg, fmt.Errorf("x: %w", io.ErrUnexpectedEOF), sqldb.ErrUnavailable},
		{pg, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, sqldb.ErrUnavailable},
		{pg, syscall.EPIPE, sqldb.ErrUnavailable},
		{pg, os.ErrDeadlineExceeded, sqldb.ErrUnavailable},
		{pg, context.DeadlineExceeded, nil},
		{pg, errors.Join(context.Canceled, os.ErrDeadlineExceeded), nil}, // as pgx breaks a statement off
		{pg, context.Canceled, nil},
		{pg, sql.ErrNoRows, nil},
		{pg, nil, nil},
	}
	for _, test := range tests {
		if got := test.d.Classify(test.err); got != test.want { //nolint:errorlint // as it is
			t.Errorf("%s: %v is %v, want %v", test.d, test.err, got, test.want)
		}
	}
}

func TestErrorTextQuotesNoData(t *testing.T) {
	for d, quoting := range map[sqldb.Dialect][]error{
		sqldb.PostgreSQL: {quotingState("23505"), quotingState("22P02"), quotingState("23514"), quotingState("P0001")},
		sqldb.MySQL: {
			MySQLError("Error 1062 (23000): Duplicate entry 'secret' for key 'PRIMARY'"), MySQLError("Error 1366 (22007): Incorrect integer value: 'secret'"),
			MySQLError("Error 1064 (42000): syntax error near 'secret'"), MySQLError("Error 1292 (22007): Truncated 'secret'"), MySQLError("Error 9999: secret"),
		},
	} {
		for _, cause := range quoting {
			f := &fake{answer: failing("UPDATE", 0, cause)}
			_, err := f.db(t, d).Exec(t.Context(), "UPDATE t")
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", d, err)
			}
			if !errors.Is(err, cause) {
				t.Errorf("%s: the cause is lost: %v", d, err)
			}
		}
	}
}

type quotingState string

func (e quotingState) Error() string    { return "ERROR: value secret" }
func (e quotingState) SQLState() string { return string(e) }
