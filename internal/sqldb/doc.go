// Package sqldb is the ground that every store of this module on database/sql
// stands on. It knows three dialects, SQLite, PostgreSQL and MySQL (which is
// MariaDB too), and imports no driver.
//
//	db, err := sqldb.New(pool, sqldb.PostgreSQL, sqldb.Config{})
//	...
//	err = db.Migrate(ctx, "sessions", migrations) // an embed.FS with *.sql
//	...
//	n, err := db.Exec(ctx, "UPDATE {keys} SET revoked_at = ? WHERE id = ? AND revoked_at = 0", sqldb.Micros(now), id)
//
// # What it protects from
//
// A transaction that is lost because another one collided with it: conflicts
// are told from other errors and tried again, with jitter, within a bound. A
// transaction that is done twice: one whose COMMIT got no answer is never
// repeated unless its author says that a repeat is harmless ([ErrInDoubt]). Half
// a transaction: after the first failed statement nothing of it is committed,
// whatever the work returns, and a context that is cancelled takes effect before
// COMMIT or not at all. A client that hangs up to do harm: no statement is broken
// off when a context is cancelled, only the next one is not sent, so that no
// connection is thrown away and no lock is left behind. A request that hangs:
// every call ends within [Config.Timeout] and one second. Two names that a collation takes for one, or
// a value that is cut to fit: text keys are compared byte by byte, and a MySQL
// that is not strict is refused. A personal value in a log: the text of an
// [Error] leaves out what a server quotes from the data.
//
// # What it does not
//
// It is no query builder and hides no isolation: a store must still say which
// rows it locks. It does not enforce lengths on PostgreSQL and SQLite: check
// them before, or MySQL alone refuses. It cannot tell whether a COMMIT without
// an answer happened.
//
// # Statements
//
// Statements are written once, in a subset that the three dialects read alike,
// with ? for arguments and braces for what differs:
//
//	{users}               a table of this store, with its schema and prefix
//	{INDEX users_email}   the name of an index, in CREATE INDEX
//	{TEXT 255} {BYTES 32} a column that can be a key, of at most so many bytes (1 to MaxKey)
//	{TEXT} {BYTES}        a column that cannot, of at most 16 MiB on MySQL
//	{INT} {BOOL}          a 64-bit integer, a truth value
//	{TIME}                a time, as microseconds since 1970 in UTC: see Micros and Timestamp
//	{OPTIONS}             what ends every CREATE TABLE (…)
//	{FOR UPDATE}          locks the rows of a SELECT; empty on SQLite, where a Tx is alone
//	{UPSERT (id) a, b}    ends an INSERT: if id is taken, sets a and b to the new values
//
// Comments and 'strings' are fine. Whatever some server would read otherwise
// is an error: backslashes, other quotes, dollar signs, named parameters.
//
// # Rules for stores
//
//   - Hand []byte to BYTES columns and string to TEXT columns, never the other.
//   - MySQL counts a row as affected only if something in it changed, unless the
//     pool was opened with clientFoundRows. Where the count decides, write a
//     condition that the update itself makes false, such as counter = ?.
//   - A transaction reads what it is going to write with {FOR UPDATE}.
//   - {UPSERT} needs a table with one unique key, for MySQL takes any of them.
//   - Inside the work of [DB.Tx] use its Tx alone: a second connection may be
//     what the first one waits for.
//   - PostgreSQL refuses text with a zero byte or broken UTF-8: refuse it earlier.
//   - Dialects differ in UPDATE … RETURNING, see [Dialect.Returning].
//
// # Servers
//
// SQLite from 3.37. Use WAL and a busy_timeout of about a second: a driver waits
// that long without looking at the context. Transactions that write begin
// IMMEDIATE, whatever the driver was told, so none fails half-way for lack of
// the lock. An in-memory database exists once per connection: SetMaxOpenConns(1).
//
// PostgreSQL and MySQL transactions are READ COMMITTED unless the work asks for
// SERIALIZABLE, also where MySQL defaults to REPEATABLE READ: that level reads
// from the past and locks gaps that others insert into. MySQL with binary logs
// in STATEMENT format cannot write at this level: use ROW or MIXED.
package sqldb
