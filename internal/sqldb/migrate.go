package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"io/fs"
	"time"
)

// A migration brings the tables of one component up to date.
type migration struct {
	db        *DB
	component string
	steps     []step
}

// Migrate brings the tables of a component, such as "sessions", up to date with
// the migration files of this program. It first checks the server, see Check.
//
// Files are named 0001_create.sql, 0002_expiry.sql and so on, in any folder of
// files; 0002_expiry.mysql.sql, .postgresql.sql or .sqlite.sql stands in for one
// dialect. They hold statements as the package comment describes, with a
// semicolon after each. What was applied is in the table {migrations}, with a
// checksum of the file.
//
// It may be called at each start, by any number of processes at once: one does
// the work and the others wait. If there is nothing to do it only reads. On
// PostgreSQL and SQLite each step is a transaction. MySQL commits after each DDL
// statement; there a step that was broken off goes on where it stopped at the
// next call, as long as its file is the same. The error wraps ErrSchema, and
// nothing is done, if the tables are newer than the program or an applied file
// was changed.
//
// Config.Timeout does not hold, since a big table takes its time: ctx decides.
func (db *DB) Migrate(ctx context.Context, component string, files fs.FS) error {
	m, err := db.migration(ctx, component, files)
	if err != nil {
		return err
	}
	if done, err := m.current(ctx); done || err != nil {
		return err
	}
	if db.dialect == MySQL {
		return db.run(ctx, work{breakable: true}, func(ctx context.Context, conn *sql.Conn) (bool, error) {
			return false, m.underLock(ctx, conn)
		})
	}
	for done := false; !done; {
		w := work{repeatable: true, writes: true, breakable: true}
		err := db.run(ctx, w, func(ctx context.Context, conn *sql.Conn) (bool, error) {
			return db.transact(ctx, conn, TxOptions{}, func(ctx context.Context, tx *Tx) (err error) {
				done, err = m.next(ctx, tx)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// CheckSchema is Migrate for a program that may not change tables: it returns an
// error that wraps ErrSchema unless all steps, and no others, were applied.
func (db *DB) CheckSchema(ctx context.Context, component string, files fs.FS) error {
	m, err := db.migration(ctx, component, files)
	if err != nil {
		return err
	}
	done, err := m.current(ctx)
	if err == nil && !done {
		err = m.misfit("steps are missing: run Migrate")
	}
	return err
}

func (db *DB) migration(ctx context.Context, component string, files fs.FS) (*migration, error) {
	if !isName(component, maxName) {
		return nil, fmt.Errorf("sqldb: the component %q: use 1 to %d of a-z, 0-9 and _, beginning with a letter", component, maxName)
	}
	steps, err := loadSteps(db.names, files)
	if err != nil {
		return nil, err
	}
	return &migration{db: db, component: component, steps: steps}, db.Check(ctx)
}

// current reports whether there is nothing to do, without a lock.
func (m *migration) current(ctx context.Context) (bool, error) {
	var exists bool
	err := m.db.run(ctx, work{repeatable: true, limit: m.db.timeout}, func(ctx context.Context, conn *sql.Conn) (_ bool, err error) {
		exists, err = m.exists(ctx, conn)
		return false, err
	})
	if err != nil || !exists {
		return false, err
	}
	list, err := m.history(ctx, m.db)
	if err != nil {
		return false, err
	}
	finished, err := m.compare(list)
	return finished == len(m.steps), err
}

// next applies the first step that is missing, in a transaction that nobody else
// can be in. On SQLite every Tx is such a one.
func (m *migration) next(ctx context.Context, tx *Tx) (done bool, err error) {
	if m.db.dialect == PostgreSQL {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(?)", m.lockKey()); err != nil {
			return false, err
		}
	}
	if _, err := tx.Exec(ctx, historyTable); err != nil {
		return false, m.explain(err)
	}
	list, err := m.history(ctx, tx)
	if err != nil {
		return false, err
	}
	finished, err := m.compare(list)
	if err != nil || finished == len(m.steps) {
		return true, err
	}
	s := m.steps[finished]
	for i, st := range s.statements {
		if _, err := execOn(ctx, tx.conn, st.text, nil); err != nil {
			return false, m.stepError(s, i, tx.fail(err))
		}
	}
	if err := m.record(ctx, tx, s, len(s.statements), time.Now()); err != nil {
		return false, err
	}
	return finished+1 == len(m.steps), nil
}

func (m *migration) record(ctx context.Context, q Querier, s step, statements int, at time.Time) error {
	_, err := q.Exec(ctx, "INSERT INTO {migrations} (component, version, name, checksum, statements, applied_at) VALUES (?, ?, ?, ?, ?, ?)",
		m.component, s.version, s.name, s.sum[:], statements, Micros(at))
	return err
}

func (m *migration) stepError(s step, i int, err error) error {
	return fmt.Errorf("sqldb: %s, migration %04d (%s), statement %d: %w", m.component, s.version, s.name, i+1, m.explain(err))
}

// explain adds what to do to an error of PostgreSQL that is not plain.
func (m *migration) explain(err error) error {
	if code, _ := postgresqlVerdict(err); code == "3F000" {
		return fmt.Errorf("the schema %s does not exist, or no schema of the search_path does: create it: %w", m.db.names.schema, err)
	}
	return err
}

// lockKey is the same for all who share a table {migrations}, and for others with
// the same prefix, who then wait for each other.
func (m *migration) lockKey() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("sallyport migrations " + m.db.names.prefix))
	return int64(h.Sum64()) //nolint:gosec // any 64 bits are a key
}
