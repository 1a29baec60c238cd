// Package jwtsql has the tests of jwtauth/sqlstore on real servers, and those in
// which two processes share a store.
package jwtsql
