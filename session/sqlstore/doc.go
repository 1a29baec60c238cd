// Package sqlstore keeps sessions in a database of SQLite, PostgreSQL, MySQL or
// MariaDB, through database/sql and a driver of your choice.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{})
//	...
//	err = store.Migrate(ctx) // at each start, or in a step of your deployment
//	...
//	sessions, err := session.New(store, session.Config{})
//
// # What is where
//
// Every session is one row of the table auth_sessions. Its primary key begins
// with a hash of the user (see session.Bucket), so that the sessions of a user
// are found together, and never changes: a renewal is an UPDATE of the row. A
// DELETE for the same user waits for it and takes the row as it has become. So a
// revocation has ended whatever was renewed, used or written while it ran.
//
// A request reads with one SELECT. All writes are one statement each, but for a
// sign-in with a limit on the sessions of a user, which is a transaction;
// sign-ins of one user wait for each other in auth_session_locks.
//
// Expired rows are never found. They are removed in batches of 500, one now and
// then after a session was made. There is no goroutine, and nothing to be run by
// a timer.
//
// # What it protects from
//
// A session that comes back after logout: a session is written only if its row is
// there. A write that is done twice, or told as failed although it was done,
// because its answer was lost: conflicts and lost connections are tried again,
// and every write is made so that the repeat changes nothing and gets the same
// answer. A transaction that is half done: see Create. A database that stalls:
// every call ends, see [Config.Timeout]. Theft by whoever can
// read the table: its ids are hashes, see session.ID. A value that was cut or
// changed is a session that is signed out.
//
// # What it does not
//
// A replica shows sessions for a while after their end: give it a pool that goes
// to the primary. A failover to an asynchronous replica may lose the last writes,
// revocations too; on PostgreSQL synchronous_commit, with a synchronous standby,
// decides.
//
// The user is not in a key or an index but, like roles and the application's
// values, in the encoded record: backups of the table have personal data. Whoever
// can write to the table can make sessions.
//
// A write per request would wear a database out: Config.TouchEvery of package
// session bounds how often a session is noted as used. For many thousands of
// requests per second redisstore is the better place.
//
// # Servers
//
// SQLite from 3.37: use WAL and a busy_timeout of about a second, such as
// file:app.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(1000) with
// modernc.org/sqlite. An in-memory database exists once per connection: call
// SetMaxOpenConns(1). MySQL from 8.0 and MariaDB from 10.6, in strict mode, which
// is their default: interpolateParams=true in the DSN of go-sql-driver saves a
// round trip for each statement. New does not talk to the server; Migrate checks
// that it is one of these.
package sqlstore
