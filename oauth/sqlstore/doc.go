// Package sqlstore keeps the links of package oauth, and what else it keeps, in a
// database of SQLite, PostgreSQL, MySQL or MariaDB, through database/sql and a driver of
// your choice.
//
//	db, err := sql.Open("pgx", "postgres://…")
//	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{})
//	...
//	err = store.Migrate(ctx) // at each start, or in a step of your deployment
//	...
//	links, err := oauth.NewLinks(store, oauth.LinksConfig{…})
//	tokens, err := oauth.NewTokens(store.Tokens(), oauth.TokensConfig{…})
//	flow, err := oauth.New(provider, oauth.Config{Consumer: store.Consumer(), Tokens: tokens, …})
//
// # What is where
//
// Every link is one row of auth_oauth_links. Its primary key is a hash of issuer and
// subject, so that of any number of processes that link one account at the same moment
// one wins. A change of the number of links of a user locks the row of that user in
// auth_oauth_users: two processes cannot get past the limit of links, nor remove the
// last two at once. auth_oauth_tokens has one row for each account whose tokens are
// kept, and auth_oauth_attempts one for each attempt that was completed of late.
//
// Rows of attempts are removed in batches of 500, one now and then after a sign-in, an
// hour after they could go: so much the clocks of services may differ. There is no
// goroutine, and nothing to be run by a timer.
//
// # What it protects from
//
// An account at a provider that opens two accounts here, and a user who is left without
// a way to sign in, in a race. Two names that a collation takes for one. A write that is
// done twice, or told as failed although it was done, because its answer was lost:
// conflicts and lost connections are tried again, and every write is made so that the
// repeat changes nothing and gets the same answer. A database that stalls: every call
// ends, see [Config.Timeout].
//
// # What it does not
//
// Links have names and mail addresses in them (Link.Label). Whoever can write to the
// table can sign in as anybody. Tokens are sealed by oauth.Tokens before they get here.
//
// A replica shows links for a while after their end: give it a pool that goes to the
// primary. A failover to an asynchronous replica may lose the last writes.
//
// # Servers
//
// As for session/sqlstore: SQLite from 3.37, with WAL and a busy_timeout of about a
// second; MySQL from 8.0 and MariaDB from 10.6, in strict mode, where
// interpolateParams=true in the DSN of go-sql-driver saves round trips. New does not
// talk to the server; Migrate checks that it is one of these.
package sqlstore
