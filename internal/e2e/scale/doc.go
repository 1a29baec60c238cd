// Package scale runs two processes of the reference server as one service, on a Redis
// Cluster with replicas and on PostgreSQL, under the load of users who sign in, ask,
// refresh and sign out, and takes a process and a Redis master away from it. It has one
// test, which keeps a history of what each user was told, and checks it:
//
//	I1  fail closed: garbage is never let in, and nobody is while both stores are out
//	I2  no lost revocation: what was answered as ended stays ended, on every process
//	I3  single use: two refreshes of one token at once have one successor
//	I4  no false theft: no fault of the infrastructure signs anybody out
//	I5  bounded: memory, descriptors, threads, connections, keys without an end
//	I6  bounded time: every request ends
//	I7  no secret in logs
//	I8  recovery: errors stop by themselves
//
// Redis may lose writes that it has acknowledged when a replica takes over, see
// session/redisstore. What was written in the second before the master was killed, and
// is in Redis alone, is therefore counted and not an error.
//
// The default run is short. With SALLYPORT_LONG=1 it takes minutes, and prints what it
// has measured as the tables of docs/scale.md, into the file SALLYPORT_TABLE if that is
// set; they mean something on a machine that does nothing else.
package scale
