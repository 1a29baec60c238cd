// Package running starts the reference server of examples/ as what it is for its
// users, a program, and talks to it by HTTP only. It is for tests that may know
// nothing but the contract:
//
//	running.Each(t, func(t *testing.T, b *running.Backend) {
//		srv := b.Start(t, running.Options{})
//		alice := srv.Member(t, "alice@example.com", "correct horse battery staple")
//		alice.Want(t, alice.Call(t, "GET", "/api/v1/profile", nil), 200)
//	})
//
// A Backend is an empty database, with a Redis of its own or without. Several
// servers started on one Backend are the processes of one service: they have the
// same keys and the same base URL.
package running
