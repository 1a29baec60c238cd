package faketb_test

import (
	"os"
	"slices"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

func TestRun(t *testing.T) {
	var order []string
	note := func(s string) func() { return func() { order = append(order, s) } }
	tests := []struct {
		name string
		f    func(testing.TB)
		want faketb.Result
	}{
		{"nothing", func(testing.TB) {}, faketb.Result{}},
		{"log", func(t testing.TB) { t.Log("a", 1); t.Logf("%d", 2) }, faketb.Result{Log: []string{"a1", "2"}}},
		{"error goes on", func(t testing.TB) { t.Error("a"); t.Errorf("%s", "b") }, faketb.Result{Failed: true, Log: []string{"a", "b"}}},
		{"fatal ends", func(t testing.TB) { t.Fatal("a"); t.Log("b") }, faketb.Result{Failed: true, Log: []string{"a"}}},
		{"skip ends", func(t testing.TB) { t.Skipf("a%s", "b"); t.Log("c") }, faketb.Result{Skipped: true, Log: []string{"ab"}}},
		{"panic", func(testing.TB) { panic("ouch") }, faketb.Result{Failed: true, Log: []string{"panic: ouch"}}},
		{"cleanups run last first, also after Fatal", func(t testing.TB) {
			t.Cleanup(note("first"))
			t.Cleanup(func() { t.Cleanup(note("of a cleanup")) })
			t.Cleanup(note("last"))
			t.FailNow()
		}, faketb.Result{Failed: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := faketb.Run("TestX", test.f)
			if got.Failed != test.want.Failed || got.Skipped != test.want.Skipped || !slices.Equal(got.Log, test.want.Log) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	if want := []string{"last", "of a cleanup", "first"}; !slices.Equal(order, want) {
		t.Errorf("cleanups ran as %q, want %q", order, want)
	}
}

func TestTempDirAndContextEndWithTheRun(t *testing.T) {
	var dir string
	r := faketb.Run("TestX", func(tb testing.TB) {
		dir = tb.TempDir()
		if _, err := os.Stat(dir); err != nil {
			tb.Fatal(err)
		}
		if tb.Context().Err() != nil {
			tb.Fatal("the context was done at the start")
		}
		tb.Cleanup(func() {
			if tb.Context().Err() == nil {
				tb.Error("the context is alive in a cleanup")
			}
		})
	})
	if r.Failed {
		t.Error(r.Log)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}
