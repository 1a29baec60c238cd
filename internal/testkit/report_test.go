package testkit_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

func TestUnavailable(t *testing.T) {
	t.Run("goes on and says so in the log", func(t *testing.T) {
		t.Setenv("SALLYPORT_NO_SKIP", "")
		t.Setenv("SALLYPORT_REPORT", "")
		r := faketb.Run("TestX", func(t testing.TB) {
			testkit.Unavailable(t, "thing: stand-in")
			t.Log("went on")
		})
		if r.Failed || r.Skipped || len(r.Log) != 2 || !strings.Contains(r.Log[0], "thing: stand-in") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("appends one line each to the report", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "report")
		t.Setenv("SALLYPORT_NO_SKIP", "0")
		t.Setenv("SALLYPORT_REPORT", file)
		faketb.Run("TestX", func(t testing.TB) { testkit.Unavailable(t, "thing:\n\tstand-in") })
		r := faketb.Run("TestY/z", func(t testing.TB) { testkit.Skip(t, "other: not run"); t.Error("went on") })
		if !r.Skipped || r.Failed {
			t.Errorf("Skip: %+v", r)
		}
		got, err := os.ReadFile(file)
		if want := "thing: stand-in\tTestX\nother: not run\tTestY/z\n"; string(got) != want || err != nil {
			t.Errorf("report is %q, %v, want %q", got, err, want)
		}
	})
	t.Run("reports of many do not mix", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "report")
		t.Setenv("SALLYPORT_NO_SKIP", "")
		t.Setenv("SALLYPORT_REPORT", file)
		what := strings.Repeat("x", 500)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { faketb.Run("T", func(t testing.TB) { testkit.Unavailable(t, what) }) })
		}
		wg.Wait()
		got, err := os.ReadFile(file)
		if want := strings.Repeat(what+"\tT\n", 200); string(got) != want || err != nil {
			t.Errorf("200 lines became %d bytes, %v", len(got), err)
		}
	})
	t.Run("a report that cannot be written fails", func(t *testing.T) {
		t.Setenv("SALLYPORT_NO_SKIP", "")
		t.Setenv("SALLYPORT_REPORT", t.TempDir())
		if r := faketb.Run("TestX", func(t testing.TB) { testkit.Unavailable(t, "thing") }); !r.Failed {
			t.Errorf("%+v", r)
		}
	})
	t.Run("SALLYPORT_NO_SKIP=1 fails both", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "report")
		t.Setenv("SALLYPORT_NO_SKIP", "1")
		t.Setenv("SALLYPORT_REPORT", file)
		for name, call := range map[string]func(testing.TB, string){"Unavailable": testkit.Unavailable, "Skip": testkit.Skip} {
			r := faketb.Run("TestX", func(t testing.TB) { call(t, "thing: not there"); t.Log("went on") })
			if !r.Failed || r.Skipped || len(r.Log) != 1 || !strings.Contains(r.Log[0], "thing: not there") {
				t.Errorf("%s: %+v", name, r)
			}
		}
	})
}
