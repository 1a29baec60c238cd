// Package oauthsql has the tests of oauth/sqlstore on real servers, and those in which
// two processes share a store.
package oauthsql
