// Package sqlstore keeps the passkeys of package passkey in a database of SQLite,
// PostgreSQL, MySQL or MariaDB, through database/sql and a driver of your choice.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{})
//	...
//	err = store.Migrate(ctx) // at each start, or in a step of your deployment
//	...
//	passkeys, err := passkey.New(store, factors, passkey.Config{…})
//
// The database of your users is the place for passkeys, as they are lost and restored
// together.
//
// # What is where
//
// A passkey is a row of auth_passkey_credentials, and what authenticators know a user
// by a row of auth_passkey_users. A challenge that was answered is a row of
// auth_passkey_answers for a day; its primary key is what makes an answer good once.
// Registering and using a passkey is a transaction each: it writes the answer and
// locks the row of the user, or that of the passkey.
//
// The clock for those answers is that of the database server, for SQLite that of the
// machine: the clocks of the services may differ. The times of a passkey are those of
// the services.
//
// # What it does not
//
// A replica shows a passkey as absent for a while: give it a pool that goes to the
// primary. A failover to an asynchronous replica may lose the last writes: a passkey
// that was registered in that moment, and that a challenge was answered. On PostgreSQL
// synchronous_commit, with a synchronous standby, decides; on MySQL
// innodb_flush_log_at_trx_commit and semi-synchronous replication; on SQLite
// synchronous, of which NORMAL with WAL may lose the last commits when the power fails.
//
// Whoever can write to the tables can register a passkey for anybody. There is no
// secret in them; the subject and the names of passkeys are in the tables and their
// backups.
//
// # Servers
//
// SQLite from 3.37: use WAL and a busy_timeout of about a second, such as
// file:app.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(1000) with
// modernc.org/sqlite. An in-memory database exists once per connection: call
// SetMaxOpenConns(1). MySQL from 8.0 and MariaDB from 10.6, in strict mode, which is
// their default. New does not talk to the server; Migrate checks that it is one of
// these.
package sqlstore
