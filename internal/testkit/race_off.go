//go:build !race

package testkit

// RaceDetector reports whether the tests are built with it.
const RaceDetector = false
