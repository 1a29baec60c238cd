// Package sqltest gives tests the SQL servers that stores must run on: SQLite
// always, PostgreSQL and MariaDB where there is one.
//
//	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
//		db, err := sqldb.New(d.Open(t), d.Dialect, sqldb.Config{})
//		...
//	})
//
// Every [Database] is new, has a random name, and is dropped when the test ends.
// Nothing else on a server is touched.
//
// Open gives a pool of its own each time, so two calls are two instances of a
// service. [Database.Start] runs a function of the test binary in a process of its
// own, for what one process would hide. [Database.Kill] and [Database.KillAll]
// end connections from the server's side.
//
// What the tests of every package sqlstore ask in the same words is here as well:
// [Refusals], [RunMySQLSettings], [RunKillable], [Together].
//
// # Environment
//
//	POSTGRES_URL  postgres://user:password@host:port/database; the user must be allowed to create schemas
//	MARIADB_URL   user:password@tcp(host:port)/, as go-sql-driver has it; the user must be allowed to create databases
//
// Without them a server on 127.0.0.1 (and, for PostgreSQL, on the socket in
// /var/run/postgresql) that lets root or postgres in without a password is taken.
// One that is not there is reported through testkit.Unavailable.
package sqltest
