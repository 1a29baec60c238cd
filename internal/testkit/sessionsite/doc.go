// Package sessionsite runs a service with sessions in a process of its own, for
// what one process would hide (F23), and for what only a process can do: die
// between two steps (F14).
//
//	func TestMain(m *testing.M) {
//		sessionsite.Main(m, func(args []string) (session.Store, error) { return openStore(args[0]) })
//	}
//
//	a, b := sessionsite.Start(t, addr), sessionsite.Start(t, addr)
//	storetest.HistoryAt(t, time.Second, a, b)
//	sessionsite.Crash(t, store, func(t *testing.T) (http.Handler, func()) {
//		p := sessionsite.Start(t, addr)
//		return p, p.Kill
//	})
//
// Where another package starts the processes, [Serve] is what such a process
// runs and [At] is how it is reached.
package sessionsite
