package apikey_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// wantLocked holds an error to 429 with a time after which to try again.
func wantLocked(t *testing.T, err error) {
	t.Helper()
	var locked *throttle.LockedError
	if !errors.As(err, &locked) || locked.RetryAfter <= 0 || locked.RetryAfter > time.Hour || problem.From(err).Status != 429 {
		t.Fatalf("%v, want 429", err)
	}
}
