// Package sqlstore keeps refresh families and epochs in a database of SQLite,
// PostgreSQL, MySQL or MariaDB, through database/sql and a driver of your choice.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{})
//	...
//	err = store.Migrate(ctx) // at each start, or in a step of your deployment
//	...
//	issuer, err := jwtauth.NewIssuer(keys, store, jwtauth.IssuerConfig{Epochs: store.Epochs(), …})
//	verifier, err := jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Epochs: store.Epochs(), …})
//
// # What is where
//
// An epoch is one row of auth_epochs, kept for 25 hours, which is longer than any
// access token lives.
//
// Every family is one row of the table auth_families. Its primary key begins with
// a hash of the user (see jwtauth.Bucket), so that the families of a user are found
// together, and never changes. A rotation reads the row and then writes it in one
// UPDATE, on condition that its counter is still what was read; who comes second
// reads again. A DELETE for the same user waits for the UPDATE and takes the row as
// it has become. So a revocation has ended whatever was rotated while it ran.
//
// The clock is that of the database server, for SQLite that of the machine: the
// clocks of the services may differ.
//
// Expired rows are never found. They are removed in batches of 500, one now and
// then after a sign-in. There is no goroutine, and nothing to be run by a timer.
//
// # What it protects from
//
// A family that forks, or comes back after a sign-out: a row is written only as it
// was read. A write that is done twice, or told as failed although it was done,
// because its answer was lost: conflicts and lost connections are tried again, and
// every write is made so that the repeat changes nothing and gets the same answer.
// A database that stalls: every call ends, see [Config.Timeout]. Theft by whoever
// can read the table: no token can be made of what is there.
//
// # What it does not
//
// A replica shows families for a while after their end: give it a pool that goes
// to the primary. A failover to an asynchronous replica may lose the last writes,
// revocations too; a rotation that is lost is caught up with by the next one.
//
// A sign-in ends what is above the limit of a user after its own row is there: a
// process that dies in between leaves one more until the next sign-in.
//
// The table has roles, attributes, addresses and user agents in it. Whoever can
// write to it can move families, though not make tokens.
//
// # Servers
//
// As for session/sqlstore: SQLite from 3.37, with WAL and a busy_timeout of about a
// second; MySQL from 8.0 and MariaDB from 10.6, in strict mode, where
// interpolateParams=true in the DSN of go-sql-driver saves round trips. New does not
// talk to the server; Migrate checks that it is one of these.
package sqlstore
