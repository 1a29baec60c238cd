package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/session"
)

// A row is what the columns hold of a record. The time of the last use counts in
// its own column, which a Touch overwrites, and not in data.
type row struct {
	public                 []byte
	created, seen, expires int64
	data                   []byte
}

func encode(rec *session.Record, expiry time.Time) (row, error) {
	data, err := rec.AppendBinary(make([]byte, 0, 384))
	return row{
		public:  publicHash(rec.ID),
		created: sqldb.Micros(rec.Created),
		seen:    sqldb.Micros(rec.Seen),
		expires: sqldb.Micros(expiry),
		data:    data,
	}, err
}

func decode(data []byte, seen time.Time) (*session.Record, error) {
	rec := new(session.Record)
	if err := rec.UnmarshalBinary(data); err != nil {
		return nil, errCorrupt
	}
	rec.Seen = seen
	return rec, nil
}

var errCorrupt = fmt.Errorf("sqlstore: %w: %w", session.ErrNoSession, session.ErrCorrupt)

// publicHash is how a session is found by its public id, which comes from
// clients: it may be of any length and have bytes that a server refuses in text.
func publicHash(id string) []byte {
	h := secret.HandleOf(id)
	return h[:16]
}

// A state is that of the place that an id has in the table.
type state int

const (
	free    state = iota
	expired       // a row that nobody will miss
	same          // the row that was to be written
	taken
)

// occupant tells what is under id, compared with r.
func occupant(ctx context.Context, q sqldb.Querier, id session.ID, r row, now int64) (state, error) {
	var data []byte
	var expires int64
	err := q.Query(ctx, "SELECT data, expires_at FROM {sessions} WHERE id = ?", id[:]).Scan(&data, &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return free, nil
	case err != nil:
		return free, err
	case expires <= now:
		return expired, nil
	case bytes.Equal(data, r.data):
		return same, nil
	}
	return taken, nil
}
