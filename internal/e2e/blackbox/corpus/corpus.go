// Package corpus names the cases that are tried against the running reference
// server, and writes what came of them into the file that SALLYPORT_TABLE names, one
// line for each: id, result, recipe and expectation, with tabs between them. `make
// attack` prints it as a table.
package corpus

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// Case runs f as a subtest that is named after the case. Recipe is what is tried,
// expect what must come of it: "401", "one success", "303 to /".
//
// An id may be that of an attack (J01), a requirement (SES-07) or a fault (F02). One that needs more
// than the server can show is still a case, for what it can; the recipe then says
// what is left to the tests of the package.
func Case(t *testing.T, id, recipe, expect string, f func(t *testing.T)) {
	t.Helper()
	skipped := false
	passed := t.Run(id+" "+recipe, func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		f(t)
	})
	result := "held"
	switch {
	case !passed:
		result = "BROKEN"
	case skipped:
		result = "skipped"
	}
	record(t, id, result, recipe, expect)
}

var mu sync.Mutex

func record(t *testing.T, columns ...string) {
	t.Helper()
	name := os.Getenv("SALLYPORT_TABLE")
	if name == "" {
		return
	}
	mu.Lock()
	defer mu.Unlock()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range columns {
		columns[i] = strings.Join(strings.Fields(c), " ")
	}
	_, err = fmt.Fprintln(f, strings.Join(columns, "\t")) // one write, since packages run at once
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Error(err)
	}
}
