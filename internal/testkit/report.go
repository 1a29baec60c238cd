package testkit

import (
	"os"
	"strings"
	"testing"
)

// Unavailable notes that something real is not on this machine, so that what
// goes on was tested against a stand-in or not at all. What names the missing
// thing first and then the consequence:
//
//	testkit.Unavailable(t, "redis-server: not on PATH, miniredis stood in")
//
// It appends a line of what, a tab and the test's name to the file that
// SALLYPORT_REPORT names, if it does, so that a run over many packages can say at
// its end what it could not exercise. If SALLYPORT_NO_SKIP is 1 it ends the test
// as failed instead: that is for machines which must have everything.
func Unavailable(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("SALLYPORT_NO_SKIP") == "1" {
		t.Fatalf("not available, and SALLYPORT_NO_SKIP=1 forbids to go on without: %s", what)
	}
	t.Logf("not available: %s", what)
	if file := os.Getenv("SALLYPORT_REPORT"); file != "" {
		line := strings.Join(strings.Fields(what), " ") + "\t" + t.Name() + "\n"
		if err := appendTo(file, line); err != nil {
			t.Fatalf("SALLYPORT_REPORT: %v", err)
		}
	}
}

// Skip is Unavailable for a test that cannot run without; it ends it.
func Skip(t testing.TB, what string) {
	t.Helper()
	Unavailable(t, what)
	t.SkipNow()
}

// appendTo writes line at once, for the tests of several packages report at the
// same time.
func appendTo(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
