package sqldb_test

import (
	"math"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
)

func TestTimes(t *testing.T) {
	zone := time.FixedZone("odd", -3*3600-1800)
	for _, at := range []time.Time{
		{}, time.UnixMicro(1), time.UnixMicro(-1), time.Date(2026, 11, 1, 1, 30, 0, 999999999, zone),
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		got := sqldb.Time(sqldb.Micros(at))
		if !got.Equal(at.Truncate(time.Microsecond)) || got.Location() != time.UTC {
			t.Errorf("%s became %s", at, got)
		}
	}
	if sqldb.Micros(time.Time{}) != 0 || !sqldb.Time(0).IsZero() {
		t.Error("no time is not 0")
	}
}

func TestTimestamp(t *testing.T) {
	var at time.Time
	for _, value := range []any{int64(1_700_000_000_000_001), []byte("1700000000000001")} {
		at = time.Time{}
		if err := sqldb.Timestamp(&at).Scan(value); err != nil || at.UnixMicro() != 1_700_000_000_000_001 {
			t.Errorf("%v: %v, %v", value, at, err)
		}
	}
	for _, value := range []any{nil, "2026-01-01", time.Now(), math.Pi, []byte("x")} {
		if err := sqldb.Timestamp(&at).Scan(value); err == nil {
			t.Errorf("%v is taken for a time", value)
		}
	}
}
