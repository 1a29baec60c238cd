// Package faults breaks what the running reference server stands on, and the server
// itself, and looks at what its clients see: Redis and PostgreSQL refuse, stall, lose
// replies, run out of memory and of disk, load their data, give up transactions, lose
// writes at a failover; processes are killed, stopped and drowned in requests. It has
// tests only.
//
// Servers are processes of examples/reference, on PostgreSQL and on a redis-server of
// their own, each behind a faultproxy. What must hold:
//
//	I1  fail closed: no success without a positive answer of the store
//	I2  no lost revocation: what was answered as ended stays ended
//	I3  single use: each code, token and refresh head is spent at most once
//	I4  no false theft: a fault of the infrastructure ends no family of tokens
//	I5  bounded: memory, connections, keys
//	I6  bounded time: every request ends
//	I7  no secret in logs
//	I8  recovery: within five seconds all works again, without a restart
//
// I7 is looked for in the log of every server, at the end of its test. The default run
// is short; SALLYPORT_LONG=1 has longer histories and more kills.
package faults
