// Package passwordsql has the tests of password/sqlstore on real servers.
package passwordsql
