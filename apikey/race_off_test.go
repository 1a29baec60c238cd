//go:build !race

package apikey_test

// raceEnabled tells that allocations cannot be counted: sync.Pool drops some of what
// it gets under the race detector.
const raceEnabled = false
