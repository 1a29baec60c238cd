// Package redistest gives tests real Redis servers: private, empty, on loopback,
// without persistence, gone when the test ends.
//
//	server := redistest.Start(t)
//	store := redisstore.New(server.Client(), redisstore.Config{})
//	server.Stop() // F01: connections are refused
//
// [Start] is one server, [Shared] a corner of the one at REDIS_URL, [Cluster]
// several masters, [Failover] a primary with a replica that the test promotes,
// [Sentinel] the same under three Sentinels who do it. For slow, cut and lossy
// connections put a faultproxy in front of a server and [Client] on its address.
//
// # Without redis-server
//
// If no redis-server is on PATH, Start falls back to miniredis and says so
// through testkit.Unavailable; tests that need what miniredis does not have
// (Pause, Config, Cluster, Failover, Sentinel) are skipped through testkit.Skip. Its keys
// expire by the real clock, as those of a real server do.
//
// # Limits
//
// A command to a refused port takes go-redis almost two seconds by its defaults:
// four attempts, each of five dials 100 ms apart. A server process is killed
// when the test's process dies on Linux; elsewhere a test binary that is killed
// leaves it behind.
package redistest
