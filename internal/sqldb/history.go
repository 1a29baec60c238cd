package sqldb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The table of the steps that were applied, one for all stores that share a
// schema and a prefix. applied_at is 0 for one that has begun and not ended, which
// only MySQL lets others see: it commits before and after each DDL statement.
const historyTable = `CREATE TABLE IF NOT EXISTS {migrations} (
	component  {TEXT 64} NOT NULL,
	version    {INT} NOT NULL,
	name       {TEXT 64} NOT NULL,
	checksum   {BYTES 32} NOT NULL,
	statements {INT} NOT NULL,
	applied_at {TIME} NOT NULL,
	PRIMARY KEY (component, version)
) {OPTIONS}`

// An applied is a row of that table.
type applied struct {
	version, statements int
	sum                 []byte
	at                  time.Time
}

func (a applied) finished() bool { return !a.at.IsZero() }

// history reads the rows of a component.
func (m *migration) history(ctx context.Context, q Querier) ([]applied, error) {
	var list []applied
	err := q.Query(ctx, "SELECT version, statements, checksum, applied_at FROM {migrations} WHERE component = ? ORDER BY version", m.component).
		Each(func(scan func(...any) error) error {
			var a applied
			if err := scan(&a.version, &a.statements, &a.sum, Timestamp(&a.at)); err != nil {
				return err
			}
			list = append(list, a)
			return nil
		})
	return list, err
}

// compare holds the rows against the steps of this program, and returns how many
// are finished.
func (m *migration) compare(list []applied) (finished int, err error) {
	for i, a := range list {
		switch {
		case a.version != i+1:
			return 0, m.misfit("step %d is recorded and step %d is not: restore the rows of the table %s", a.version, i+1, m.table())
		case i >= len(m.steps):
			return 0, m.misfit("it is at step %d and this program knows %d: a newer one has migrated it, run that one", list[len(list)-1].version, len(m.steps))
		case [sha256.Size]byte(padded(a.sum)) != m.steps[i].sum && a.finished():
			return 0, m.misfit("step %d (%s) was changed after it was applied on %s: restore it, and put the change into a new step",
				a.version, m.steps[i].name, a.at.Format(time.DateOnly))
		case [sha256.Size]byte(padded(a.sum)) != m.steps[i].sum:
			return 0, m.misfit("step %d (%s) was changed after %d of its statements were applied and it failed: restore it, or undo those and delete its row in the table %s",
				a.version, m.steps[i].name, a.statements, m.table())
		case !a.finished() && i != len(list)-1:
			return 0, m.misfit("step %d is unfinished and step %d is recorded: restore the rows of the table %s", a.version, a.version+1, m.table())
		case a.finished():
			finished++
		}
	}
	return finished, nil
}

func (m *migration) misfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrSchema, m.component, fmt.Sprintf(format, args...))
}

func (m *migration) table() string { return m.db.names.table("migrations") }

// exists looks the table up, so that a program that has nothing to migrate needs
// no right to create tables.
func (m *migration) exists(ctx context.Context, conn *sql.Conn) (bool, error) {
	n := m.db.names
	name := n.prefix + "migrations"
	query, args := "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?", []any{name}
	switch n.dialect {
	case PostgreSQL:
		query, args = "SELECT CASE WHEN to_regclass($1) IS NULL THEN 0 ELSE 1 END", []any{m.table()}
	case MySQL:
		query, args = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ?", []any{n.schema, name}
	}
	var count int
	err := conn.QueryRowContext(ctx, query, args...).Scan(&count)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return count > 0, err
}

func padded(sum []byte) []byte {
	if len(sum) != sha256.Size {
		return make([]byte, sha256.Size)
	}
	return sum
}
