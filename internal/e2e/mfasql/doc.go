// Package mfasql has the tests of mfa/sqlstore on real servers, and those in which
// two processes share a store.
package mfasql
