// Package loopback finds TCP ports on 127.0.0.1 for servers that a test stops
// and starts again on the same port.
//
// Port 0 is not good enough for those: the kernel takes it from the range from
// which outgoing connections get their source ports, so a port that is given up
// for a moment may be somebody's connection in the next. The ports here lie
// below that range on Linux, macOS and Windows, and there is room for another
// 10000 above each, where a Redis Cluster has its bus.
//
// A port is free when it is found, and nothing keeps it so: a caller that starts
// another process on it must be ready to try again with the next one.
package loopback
