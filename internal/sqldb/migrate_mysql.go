package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

var errLock = errors.New("sqldb: MySQL gave no lock for the migration: GET_LOCK returned NULL")

// underLock applies all missing steps while no other process does. The lock
// belongs to the connection and ends with it, so that nothing of it goes back
// into the pool.
func (m *migration) underLock(ctx context.Context, conn *sql.Conn) error {
	defer discard(conn)
	if err := m.lockMySQL(ctx, conn); err != nil {
		return err
	}
	tx := &Tx{db: m.db, conn: conn, ctx: ctx} // its statements, without BEGIN
	if _, err := tx.Exec(ctx, historyTable); err != nil {
		return err
	}
	list, err := m.history(ctx, tx)
	if err != nil {
		return err
	}
	finished, err := m.compare(list)
	if err != nil {
		return final{err}
	}
	for i := finished; i < len(m.steps); i++ {
		begun := -1
		if i < len(list) {
			begun = list[i].statements
		}
		if err := m.applyMySQL(ctx, conn, m.steps[i], begun); err != nil {
			return final{err}
		}
	}
	return nil
}

// lockMySQL waits for a lock whose name has the database in it, for the names are
// those of the whole server.
func (m *migration) lockMySQL(ctx context.Context, conn *sql.Conn) error {
	prefix := fmt.Sprintf("sallyport:%014x", uint64(m.lockKey())>>8) //nolint:gosec // any bits will do
	for {
		var got sql.NullInt64
		// In short waits, because a driver may not be able to break one off.
		err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT(?, SHA1(COALESCE(NULLIF(?, ''), DATABASE()))), 1)", prefix, m.db.names.schema).Scan(&got)
		switch {
		case err != nil:
			return err
		case !got.Valid:
			return final{errLock}
		case got.Int64 == 1:
			return nil
		}
	}
}

// applyMySQL applies a step from the statement that begun tells, which is -1 for
// a new step. How far it came is counted in the transaction of each statement.
// That of a DDL statement is committed too early, so the first statement of a
// step that was broken off may find its work done.
func (m *migration) applyMySQL(ctx context.Context, conn *sql.Conn, s step, begun int) error {
	if begun < 0 {
		tx := &Tx{db: m.db, conn: conn, ctx: ctx}
		if err := m.record(ctx, tx, s, 0, time.Time{}); err != nil {
			return err
		}
	}
	for i := max(begun, 0); i < len(s.statements); i++ {
		_, err := m.db.transact(ctx, conn, TxOptions{}, func(ctx context.Context, tx *Tx) error {
			_, err := execOn(ctx, conn, s.statements[i].text, nil)
			if err != nil && (i != begun || !mysqlAlreadyDone(err)) {
				return tx.fail(err)
			}
			at := int64(0)
			if i == len(s.statements)-1 {
				at = Micros(time.Now())
			}
			_, err = tx.Exec(ctx, "UPDATE {migrations} SET statements = ?, applied_at = ? WHERE component = ? AND version = ?", i+1, at, m.component, s.version)
			return err
		})
		if err != nil {
			var own final
			if errors.As(err, &own) {
				err = own.error
			}
			return m.stepError(s, i, err)
		}
	}
	return nil
}
