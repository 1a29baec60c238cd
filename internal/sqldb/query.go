package sqldb

import (
	"context"
	"database/sql"
	"errors"
)

// A Query is a statement that returns rows and has not run yet.
type Query struct {
	ctx  context.Context //nolint:containedctx // it lives no longer than the call that it describes
	db   *DB
	tx   *Tx // nil: a statement by itself
	text string
	args []any
}

// Scan runs the statement and copies the first row. Without one it returns
// sql.ErrNoRows.
func (q *Query) Scan(dest ...any) error {
	found := false
	err := q.Each(func(scan func(...any) error) error {
		found = true
		if err := scan(dest...); err != nil {
			return err
		}
		return errEnough
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// errEnough ends Each early.
var errEnough = errors.New("sqldb: enough rows")

// Each runs the statement and calls row for each row, with the function that
// copies its columns. An error of row ends it and is returned.
func (q *Query) Each(row func(scan func(dest ...any) error) error) error {
	if q.tx != nil {
		return q.tx.each(q.ctx, q.text, q.args, row)
	}
	st, err := q.db.statement(q.text, q.args)
	if err != nil {
		return err
	}
	return q.db.run(q.ctx, work{repeatable: st.reads, limit: q.db.timeout}, func(ctx context.Context, conn *sql.Conn) (bool, error) {
		delivered, err := eachOn(ctx, conn, st.text, q.args, row)
		var own final
		if err == nil || errors.As(err, &own) {
			return false, err
		}
		inDoubt := !st.reads && q.db.dialect.unsure(err)
		if delivered {
			// Rows cannot be taken back, and a repeat would deliver them twice.
			err = final{q.db.dialect.fail(ctx, err, inDoubt)}
		}
		return inDoubt, err
	})
}

// eachOn reports whether row was called for good: Scan may call it again.
func eachOn(ctx context.Context, conn *sql.Conn, text string, args []any, row func(scan func(...any) error) error) (delivered bool, err error) {
	rows, err := conn.QueryContext(ctx, text, args...)
	if err != nil {
		return false, err
	}
	defer func() {
		// What a server has to say after the first row comes with Close.
		if closeErr := rows.Close(); err == nil {
			err = closeErr
		}
	}()
	for rows.Next() {
		delivered = true
		err := row(rows.Scan)
		switch {
		case errors.Is(err, errEnough):
			return false, nil
		case err != nil:
			return true, final{err}
		}
	}
	return delivered, rows.Err()
}
