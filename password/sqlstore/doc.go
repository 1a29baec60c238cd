// Package sqlstore keeps users and their one-time tokens in a database of SQLite,
// PostgreSQL, MySQL or MariaDB, through database/sql and a driver of your choice.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	users, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{})
//	...
//	err = users.Migrate(ctx) // at each start, or in a step of your deployment
//	...
//	tokens, err := password.NewTokens(users.Tokens(), password.TokensConfig{})
//	...
//	accounts, err := account.New(users, account.Config{Tokens: tokens, …})
//
// Whoever has a table of users already writes an account.Store over it and takes
// only the tokens from here.
//
// # What is where
//
// A user is a row of auth_users; a unique index on the canonical address decides
// that there is one. A token is a row of auth_user_tokens, under its user and
// purpose, so that a newer one takes its place. Roles are a JSON array in the row
// of the user, so that one query has all that a request wants to know.
//
// Reads are one SELECT. Writes are one statement each, but for Delete, which is a
// transaction. Text is compared byte by byte on all servers.
//
// Expired tokens are never found. They are removed in batches of 500, one now and
// then after a token was put. There is no goroutine, and nothing to be run by a
// timer.
//
// # What it protects from
//
// Two accounts with one address, two successes of one token, a rehash or a late
// change that undoes another: each is decided by the condition of one statement,
// and holds for any number of processes. A write that is done twice, or told as
// failed although it was done, because its answer was lost: what may be repeated
// is, and gets the same answer; after Create it looks. Consume alone is not
// repeated: the token is spent and its user asks for another. A database that
// stalls: every call ends, see [Config].Timeout. Names that only look the same to
// a collation, and text that a server would cut, convert or refuse.
//
// # What it does not
//
// A replica shows an old password, and a token that is spent, for a while: give it
// a pool that goes to the primary. A failover to an asynchronous replica may lose
// the last writes, such as that a token is spent; on PostgreSQL
// synchronous_commit, with a synchronous standby, decides.
//
// Addresses are personal data and are in the table and its backups, as are hashes
// of passwords; tokens are there as SHA-256 alone. Whoever can write to the table
// can make users.
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
