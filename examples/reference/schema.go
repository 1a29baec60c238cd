package main

import (
	"context"

	usersql "github.com/go-sallyport/auth/password/sqlstore"
)

// tables are those of this service itself; the stores of the library make their own. What
// is added to one later is a statement of its own, see createTables: the table may be there
// from an earlier start.
var tables = []string{createAudit, createOrders, createLocks}

// findIndex asks each database for an index by its name. MySQL has no CREATE INDEX IF NOT
// EXISTS, and that of PostgreSQL waits for all who write to the table, index or not.
var findIndex = map[usersql.Dialect]string{
	usersql.SQLite:     "SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND name = ?",
	usersql.PostgreSQL: "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = current_schema() AND indexname = ?",
	usersql.MySQL:      "SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = DATABASE() AND index_name = ?",
}

// createTables makes what is not there yet. Of processes that start at the same time one
// may find that another was faster, which is an error; at the next look it is there.
func (s *stores) createTables(ctx context.Context) (err error) {
	for range 5 {
		if err = s.createMissing(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (s *stores) createMissing(ctx context.Context) error {
	for _, create := range tables {
		if err := s.exec(ctx, create); err != nil {
			return err
		}
	}
	if err := s.execUnless(ctx, findIndex[s.dialect], auditIndex, "CREATE INDEX "+auditIndex+" ON reference_audit (at)"); err != nil {
		return err
	}
	return s.execUnless(ctx, "SELECT COUNT(*) FROM reference_locks WHERE name = ?", administrators,
		"INSERT INTO reference_locks (name, taken) VALUES ('"+administrators+"', 0)")
}

// execUnless runs a statement unless count finds something of that name.
func (s *stores) execUnless(ctx context.Context, count, name, statement string) error {
	n := 0
	if err := s.db.QueryRowContext(ctx, s.bind(count), name).Scan(&n); err != nil || n > 0 {
		return err
	}
	return s.exec(ctx, statement)
}
