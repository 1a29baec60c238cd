// Package sqlstore keeps API keys in a database of SQLite, PostgreSQL, MySQL or
// MariaDB, through database/sql and a driver of your choice.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{})
//	...
//	err = store.Migrate(ctx) // at each start, or in a step of your deployment
//	...
//	keys, err := apikey.New(store, apikey.Config{…})
//
// # What is where
//
// A key is one row of the table auth_api_keys, found by its id with one SELECT, and by
// its subject through an index. Times are microseconds since 1970 in UTC, and 0 for
// none. The column data has what is fixed when a key is issued, as JSON.
//
// Create, Rotate and RevokeAll are transactions. Each begins by locking a row of
// auth_api_key_locks, which those of the same subject share, so that what one of them
// has counted or listed does not change beneath it. Revoke and Expire are one UPDATE
// each, and last uses are written 32 in one UPDATE.
//
// Decisions are made by the times that the Manager gives; the clock of the server has
// no part in anything. Rows are removed apikey.Retention after their key has died, in
// batches of 500, one now and then after a key was issued. There is no goroutine, and
// nothing to be run by a timer.
//
// # What it protects from
//
// Two successors of one key, a key above the limit of its owner, a successor that a
// RevokeAll beside it has missed: see above, for any number of processes. A write that
// is done twice, or told as failed although it was done, because its answer was lost:
// conflicts and lost connections are tried again, and every write is made so that the
// repeat changes nothing and gets the same answer. A database that stalls: every call
// ends, see [Config].Timeout. Theft by whoever can read the tables: no key can be made
// of what is there.
//
// # What it does not
//
// It is no apikey.Watcher: with a cache, other processes learn of a revocation within
// apikey.Config.CacheFor. A replica shows a revoked key as good for a while: give it a
// pool that goes to the primary. A failover to an asynchronous replica may lose the
// last writes, such as a revocation; on PostgreSQL synchronous_commit, with a
// synchronous standby, decides.
//
// Names, scopes, labels and addresses are in the table. Whoever can write to it can
// make keys.
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
