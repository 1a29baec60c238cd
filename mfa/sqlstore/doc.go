// Package sqlstore keeps second factors, challenges and trusted devices of package
// mfa in a database of SQLite, PostgreSQL, MySQL or MariaDB, through database/sql and
// a driver of your choice.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{})
//	...
//	err = store.Migrate(ctx) // at each start, or in a step of your deployment
//	...
//	factors, err := mfa.New(store, mfa.Config{…})
//
// The database of your users is the place for factors, as they are lost and restored
// together. Challenges and devices may be in Redis instead, see mfa.Split and
// mfa/redisstore.
//
// # What is where
//
// The factor of a user and all recovery codes are one row of auth_mfa_factors. That a
// code was accepted is one UPDATE, on condition that its time step is later than that
// of the row. A recovery code is used up by an UPDATE on condition that the codes are
// what was read. An enrolment that waits is a row of auth_mfa_enrolments, and
// confirming it a transaction which locks that row first.
//
// A challenge is a row of auth_mfa_challenges, which one UPDATE claims; a device one of
// auth_mfa_devices. Opening a challenge and adding a device are transactions, as there
// is a limit on both for each user; those of one user wait for each other in
// auth_mfa_locks. So does an attempt at a challenge, at its row.
//
// The clock is that of the database server, for SQLite that of the machine: the clocks
// of the services may differ.
//
// Expired rows are never found, and whoever comes across one removes it. The others are
// removed in batches of 500, one now and then after one of their kind was added. There
// is no goroutine, and nothing to be run by a timer. Factors and codes do not expire.
//
// # What it protects from
//
// A code, a recovery code or a challenge that is used twice, by however many processes:
// each is decided by the condition of one statement or behind a lock. A write that is
// done twice, or told as failed although it was done, because its answer was lost:
// conflicts and lost connections are tried again, and every write is made so that the
// repeat changes nothing and gets the same answer, but for an attempt at a challenge,
// which may count twice. A factor that cannot be read is a failure, and not a user
// without one. A database that stalls: every call ends, see [Config].Timeout. Names
// that only look the same to a collation: subjects are compared byte by byte. Theft by
// whoever can read the tables: there are digests, and what the Manager has sealed.
//
// # What it does not
//
// A replica shows a code as unused, and a factor as absent, for a while: give it a pool
// that goes to the primary. A failover to an asynchronous replica may lose the last
// writes: a factor that was enabled in that moment is off, a code of that moment is good
// once more until its 90 seconds are over, and a recovery code once more. On PostgreSQL
// synchronous_commit, with a synchronous standby, decides; on MySQL
// innodb_flush_log_at_trx_commit and semi-synchronous replication; on SQLite
// synchronous, of which NORMAL with WAL may lose the last commits when the power fails.
// A backup that is restored does the same for all that came after it.
//
// Whoever can write to the tables can delete a factor, or count a code as not used. The
// subject is in the tables and their backups, and so are the names of devices.
//
// # Servers
//
// SQLite from 3.37: use WAL and a busy_timeout of about a second, such as
// file:app.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(1000) with
// modernc.org/sqlite. An in-memory database exists once per connection: call
// SetMaxOpenConns(1). MySQL from 8.0 and MariaDB from 10.6, in strict mode, which is
// their default: interpolateParams=true in the DSN of go-sql-driver saves a round trip
// for each statement. New does not talk to the server; Migrate checks that it is one of
// these.
package sqlstore
