// Package bench measures this library and its peers side by side, in one run of
// one process, so that the ratios mean something on a busy machine. Every
// benchmark has a sub-benchmark per contender, named who=…, which `make bench`
// turns into a table with benchstat.
//
// It is a module of its own so that no peer reaches the go.sum of a user.
package bench
