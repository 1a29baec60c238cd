package sqldb

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Micros is how a time is kept: as microseconds since 1970 in UTC, so that no
// time zone of a driver, a session or a server has a part in it. What is below a
// microsecond is cut off. The zero time is 0, and so is 1970 itself.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the reverse of Micros, in UTC.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Timestamp scans a TIME column into t.
func Timestamp(t *time.Time) sql.Scanner { return timestamp{t} }

type timestamp struct{ to *time.Time }

func (s timestamp) Scan(value any) error {
	var n int64
	switch v := value.(type) {
	case int64:
		n = v
	case []byte: // MySQL, from a statement without arguments
		var err error
		if n, err = strconv.ParseInt(string(v), 10, 64); err != nil {
			return errors.New("sqldb: a TIME column holds no integer")
		}
	default:
		return fmt.Errorf("sqldb: a %T where a time is kept as an integer", value)
	}
	*s.to = Time(n)
	return nil
}

// Clock is the time of the server, for SQLite that of the machine, as an expression
// whose value is that of Micros. It is UTC throughout: no time zone, and no night on
// which an hour comes twice, has a part in it.
func (d Dialect) Clock() string {
	switch d {
	case PostgreSQL:
		return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
	case MySQL:
		return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))"
	}
	// Days of 86,400 seconds since noon of 4714 BC; 1970 began with 2440587.5.
	return "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"
}
