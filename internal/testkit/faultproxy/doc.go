// Package faultproxy is a TCP proxy that breaks connections on demand, for tests
// of what a service does when its store is slow, gone or cut off in the middle
// of a word.
//
//	proxy := faultproxy.New(t, server.Addr())
//	store := connect(t, proxy.Addr())
//	proxy.DropReply(1)           // F03: the command is carried out, its reply is lost
//	_, err := store.Rotate(ctx, family)
//
// # Verbs
//
// One verb is in force at a time; it applies to the connections that are open
// and to new ones, from the moment at which it is set.
//
//	Pass            forwards everything; the start
//	Refuse          F01: closes the port and every connection
//	Stall           F02: accepts, reads, forwards nothing; on the next verb what was read goes on
//	Latency         F05: a fixed time on every round trip
//	RandomLatency   F05: up to that time on every round trip
//	CutAfter        F04: closes a connection after n bytes of one direction, once
//	DropReply       F03: swallows the k-th reply and closes its connection, once
//	BlackHole       loses everything of one direction, without closing
//	Drip            a few bytes at a time
//
// CutAfter and DropReply strike once, are counted by Faults, and turn into Pass,
// so that the retry of a client goes through and can do its damage.
//
// # What counts as a reply
//
// The proxy knows no protocol. On each connection, a reply is what upstream
// sends from the first byte after the client has sent something until the
// client sends again. For a client that waits for each answer before it goes on,
// as go-redis does on one connection, that is exactly one reply per command, and
// one per pipeline or transaction. It is not exact for a client that
// writes while an answer is still arriving, nor for a request so large that the
// server begins to answer before it has all of it; a message that
// nobody asked for, such as a RESP3 push, belongs to the reply before it. The
// handshake of a new connection (HELLO, CLIENT SETINFO) counts as any other:
// warm the connection up before you count, and remember that a pool may open one
// at any time, as go-redis does for the first pipeline.
//
// # Limits
//
// Chunks are what one read returns, at most 32 KiB. Latency delays each chunk
// behind the one before it, so it also lowers throughput. If upstream cannot be
// reached, a client is accepted and closed at once. Packet loss, reordering and
// resets (RST) are not staged.
package faultproxy
