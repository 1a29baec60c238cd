package sqlstore

// A clock is the time of the server in microseconds since 1970, as an expression.
// It is UTC throughout: no time zone, and no night on which an hour comes twice,
// has a part in it.
func clock(d Dialect) string {
	switch d {
	case PostgreSQL:
		return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
	case MySQL:
		return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))"
	}
	// Days of 86,400 seconds since noon of 4714 BC; 1970 began with 2440587.5.
	return "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"
}
