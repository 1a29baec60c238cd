package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// TxOptions are the options of a transaction. The zero value is the usual one.
type TxOptions struct {
	// Serializable asks for isolation as if there were no other transactions.
	// Without, it is READ COMMITTED: what is read is locked only by {FOR UPDATE}.
	// SQLite is always serializable.
	Serializable bool
	// Repeatable says that the work may be done twice without harm, so that it is
	// tried again when the answer to COMMIT was lost. Without, that is ErrInDoubt.
	Repeatable bool
}

// A Tx is a transaction under way. It is for one goroutine, and for no longer
// than the work that it was given to.
type Tx struct {
	db     *DB
	conn   *sql.Conn
	ctx    context.Context //nolint:containedctx // of the transaction, for its statements
	failed error
}

var errTxEnded = errors.New("sqldb: the transaction has ended: its Tx was kept too long")

// Tx does some work in one transaction: all of it or nothing.
//
// It commits when the work returns nil and rolls back when it returns an error,
// which Tx returns as it is, panics, or ends its goroutine. A verdict that must
// be returned although something is to be written, such as "used before", goes
// into a variable, and the work returns nil.
//
// After a conflict, or if the connection was lost before COMMIT, the work is
// done again from the start, up to 20 times or 3, with random pauses, within
// Config.Timeout: so it must set its variables anew each time, and touch nothing
// but its Tx. Once a statement has failed, nothing is committed whatever the work
// returns, and its other statements fail with the same error.
//
// If ctx is cancelled the next statement, or COMMIT, is not sent, and it rolls
// back. A statement under way is waited for until the deadline of ctx or of
// Config.Timeout, and COMMIT for a second at least. A security write that must
// not be stopped by the client has its ctx from Detach.
func (db *DB) Tx(ctx context.Context, opts TxOptions, do func(ctx context.Context, tx *Tx) error) error {
	w := work{repeatable: opts.Repeatable, writes: true, limit: db.timeout}
	return db.run(ctx, w, func(statements context.Context, conn *sql.Conn) (inDoubt bool, err error) {
		return db.transact(statements, conn, opts, func(_ context.Context, tx *Tx) error {
			if err := do(ctx, tx); err != nil {
				return err
			}
			return ctx.Err()
		})
	})
}

// transact makes one attempt. BEGIN and COMMIT are statements of their own and
// not those of sql.Tx, because that cannot ask SQLite for the lock at once, and
// because its Commit and Rollback know no deadline.
func (db *DB) transact(ctx context.Context, conn *sql.Conn, opts TxOptions, do func(context.Context, *Tx) error) (inDoubt bool, err error) {
	committed := false
	defer func() {
		if !committed {
			db.rollback(ctx, conn)
		}
	}()
	for _, begin := range db.dialect.begin(opts) {
		if _, err := conn.ExecContext(ctx, begin); err != nil {
			return false, err
		}
	}
	tx := &Tx{db: db, conn: conn, ctx: ctx}
	err = do(ctx, tx)
	tx.conn = nil
	switch {
	case tx.failed != nil && (err == nil || errors.Is(tx.failed, ErrConflict) || errors.Is(tx.failed, ErrUnavailable) || errors.Is(tx.failed, ErrReadOnly)):
		// What the work made of it does not count: it may be tried again.
		return false, tx.failed
	case err != nil:
		return false, final{err}
	}
	commitCtx, cancel := closing(ctx)
	defer cancel()
	if _, err = conn.ExecContext(commitCtx, "COMMIT"); err != nil {
		return db.dialect.unsure(err), db.dialect.fail(commitCtx, err, db.dialect.unsure(err))
	}
	committed = true
	return false, nil
}

func (d Dialect) begin(opts TxOptions) []string {
	level := "READ COMMITTED"
	if opts.Serializable {
		level = "SERIALIZABLE"
	}
	switch d {
	case PostgreSQL:
		return []string{"BEGIN ISOLATION LEVEL " + level}
	case MySQL:
		return []string{"SET TRANSACTION ISOLATION LEVEL " + level, "START TRANSACTION"}
	}
	return []string{"BEGIN IMMEDIATE"}
}

// rollback leaves no transaction open on conn: one that cannot be rolled back is
// closed, for the next user of the connection would go on in it.
func (db *DB) rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
	defer cancel()
	_, err := conn.ExecContext(ctx, "ROLLBACK")
	if err != nil && !sqliteNoTransaction(err) {
		discard(conn)
	}
}

// closing is the context of COMMIT: until the deadline of ctx, but for a second
// at least, and not cancelled with it.
func closing(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(graceful)
	if deadline, ok := ctx.Deadline(); ok && deadline.After(end) {
		end = deadline
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end)
}

// Exec implements Querier.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	st, err := tx.statement(ctx, query, args)
	if err != nil {
		return 0, tx.fail(err)
	}
	n, err := execOn(tx.ctx, tx.conn, st.text, args)
	return n, tx.fail(err)
}

// Insert implements Querier. A key that is taken does not fail the transaction.
func (tx *Tx) Insert(ctx context.Context, query string, args ...any) (bool, error) {
	st, err := tx.statement(ctx, query, args)
	if err != nil {
		return false, tx.fail(err)
	}
	n, err := execOn(tx.ctx, tx.conn, st.text+tx.db.dialect.ifAbsent(), args)
	if tx.db.dialect == MySQL && errors.Is(tx.db.dialect.Classify(err), ErrDuplicate) {
		return false, nil // MySQL undoes the statement alone
	}
	return n > 0, tx.fail(err)
}

// Query implements Querier.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) *Query {
	return &Query{ctx: ctx, db: tx.db, tx: tx, text: query, args: args}
}

func (tx *Tx) each(ctx context.Context, query string, args []any, row func(scan func(...any) error) error) error {
	st, err := tx.statement(ctx, query, args)
	if err != nil {
		return tx.fail(err)
	}
	_, err = eachOn(tx.ctx, tx.conn, st.text, args, func(scan func(...any) error) error {
		return row(func(dest ...any) error { return tx.fail(scan(dest...)) })
	})
	var own final
	if errors.As(err, &own) {
		return own.error
	}
	return tx.fail(err)
}

// statement renders the next statement, unless there should not be one.
func (tx *Tx) statement(ctx context.Context, query string, args []any) (statement, error) {
	switch {
	case tx.conn == nil:
		return statement{}, errTxEnded
	case tx.failed != nil:
		return statement{}, tx.failed
	case ctx.Err() != nil:
		return statement{}, tx.db.dialect.fail(ctx, ctx.Err(), false)
	}
	return tx.db.statement(query, args)
}

// fail notes the first failure, which decides that nothing is committed.
func (tx *Tx) fail(err error) error {
	err = tx.db.dialect.fail(tx.ctx, err, false)
	if err != nil && tx.failed == nil {
		tx.failed = err
	}
	return err
}
