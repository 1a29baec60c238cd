// Package passkeysql has the tests of mfa/passkey/sqlstore on real servers.
package passkeysql
