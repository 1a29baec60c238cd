package testkit

// Rounds is how often a test that looks for a race tries to meet it: n times with the
// race detector, which sees most of them, and a quarter of that without.
func Rounds(n int) int {
	if RaceDetector {
		return n
	}
	return max(1, n/4)
}

// Volume is how much a test pours into something that one goroutine fills: n, and a
// tenth of that with the race detector, which has nothing to see there and takes ten
// times as long.
func Volume(n int) int {
	if RaceDetector {
		return max(1, n/10)
	}
	return n
}
