package sqldb

import "fmt"

// A Dialect is the SQL of one kind of server. The zero value is none and is
// refused by New: it is never guessed from the name of a driver. [DB.Check] holds
// it against the server.
type Dialect uint8

// The dialects.
const (
	SQLite     Dialect = iota + 1 // from 3.37
	PostgreSQL                    // all versions that PostgreSQL supports
	MySQL                         // MySQL from 8.0 and MariaDB from 10.6, with InnoDB
)

// String returns the name, as in the names of migration files but for case.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "SQLite"
	case PostgreSQL:
		return "PostgreSQL"
	case MySQL:
		return "MySQL"
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

// Returning reports whether UPDATE and DELETE know RETURNING. MySQL knows neither
// and MariaDB only the latter, so a store has a transaction for them: SELECT …
// {FOR UPDATE}, then UPDATE.
func (d Dialect) Returning() bool { return d == SQLite || d == PostgreSQL }

func (d Dialect) known() bool { return d >= SQLite && d <= MySQL }

// quote makes an identifier of a name that isName or isSchema has accepted, so
// there is nothing in it to be escaped.
func (d Dialect) quote(name string) string {
	if d == MySQL {
		return "`" + name + "`"
	}
	return `"` + name + `"`
}
