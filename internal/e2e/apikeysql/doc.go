// Package apikeysql has the tests of apikey/sqlstore on real servers, and those in
// which several processes share a store.
package apikeysql
