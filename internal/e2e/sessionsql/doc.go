// Package sessionsql has the tests of session/sqlstore on real servers. They need
// the build tag sessionsql until each run of them is green on a loaded machine:
//
//	go test -tags sessionsql ./sessionsql
package sessionsql
