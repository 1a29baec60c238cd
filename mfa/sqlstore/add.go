package sqlstore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa"
)

// stripes is how many locks all subjects share.
const stripes = 1024

// adding runs a transaction that is alone among those that add a challenge or a
// device in the same bucket. Without, two would not see each other's rows, and the
// limit would be a suggestion.
func (s *Store) adding(ctx context.Context, b mfa.Bucket, do func(ctx context.Context, tx *sqldb.Tx) error) error {
	stripe := int64(binary.BigEndian.Uint16(b[:])) % stripes
	alone := func(ctx context.Context, tx *sqldb.Tx) error {
		var locked int64
		if err := tx.Query(ctx, "SELECT stripe FROM {mfa_locks} WHERE stripe = ? {FOR UPDATE}", stripe).Scan(&locked); err != nil {
			return err
		}
		return do(ctx, tx)
	}
	err := s.db.Tx(ctx, repeatable, alone)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	// The first of all that share this stripe.
	if _, err := s.db.ExecRepeatable(ctx, "INSERT INTO {mfa_locks} (stripe) VALUES (?)", stripe); err != nil && !errors.Is(err, sqldb.ErrDuplicate) {
		return err
	}
	return s.db.Tx(ctx, repeatable, alone)
}

// A row is what adding looks at.
type row struct {
	key   []byte
	added int64
}

// place makes room for one more of rows, which are live and sorted by age, the
// youngest first: it returns those that have to go, and a time for the new one,
// later than that of all others also if the clock went back.
func place(rows []row, now time.Time, limit int) (victims []row, added int64) {
	added = sqldb.Micros(now)
	if len(rows) > 0 {
		added = max(added, rows[0].added+1)
	}
	return rows[min(max(limit-1, 0), len(rows)):], added
}

// live reads the rows of a query, which has two columns.
func live(q *sqldb.Query) (rows []row, err error) {
	err = q.Each(func(scan func(...any) error) error {
		var r row
		if err := scan(&r.key, &r.added); err != nil {
			return err
		}
		rows = append(rows, r)
		return nil
	})
	return rows, err
}
