package sqlstore

import (
	"errors"
	"slices"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/jwtauth"
)

var errCorrupt = errors.New("sqlstore: a stored family cannot be read")

// selects is the statement that scanFamily reads, up to WHERE.
func (s *Store) selects() string {
	return "SELECT bucket, slot, counter, ended, created_at, used_at, expires_at, deadline, calls, data, " + s.now + " FROM {families}"
}

// scanFamily reads a row and the time at which it was read.
func scanFamily(scan func(...any) error) (*jwtauth.Family, time.Time, error) {
	f := new(jwtauth.Family)
	var now time.Time
	var b, slot, calls []byte
	var counter, ended int64
	err := scan(&b, &slot, &counter, &ended, sqldb.Timestamp(&f.CreatedAt), sqldb.Timestamp(&f.UsedAt),
		sqldb.Timestamp(&f.ExpiresAt), sqldb.Timestamp(&f.Deadline), &calls, &f.Grant, sqldb.Timestamp(&now))
	if err != nil {
		return nil, now, err
	}
	id := slices.Concat(b, slot)
	if len(id) != len(f.ID) || len(calls) != len(f.Calls)*len(f.Calls[0]) || counter < 1 {
		return nil, now, errCorrupt
	}
	f.ID, f.Counter, f.Ended = jwtauth.FamilyID(id), uint64(counter), ended != 0
	for i := range f.Calls {
		calls = calls[copy(f.Calls[i][:], calls):]
	}
	return f, now, nil
}

// calls are those of f in one value.
func calls(f *jwtauth.Family) []byte {
	b := make([]byte, 0, len(f.Calls)*len(f.Calls[0]))
	for i := range f.Calls {
		b = append(b, f.Calls[i][:]...)
	}
	return b
}

// split returns the two halves of the primary key.
func split(id jwtauth.FamilyID) (bucket, slot []byte) {
	n := len(jwtauth.Bucket{})
	return id[:n:n], id[n:]
}
