package breach

import (
	"strings"
	"testing"
)

// FuzzRange (XCT-11): whatever a server sends is a count or an error, and a count
// only of an answer that is lines of a range from first to last.
func FuzzRange(f *testing.F) {
	suffix := strings.Repeat("A", suffixDigits)
	for _, s := range []string{
		"", suffix + ":1", suffix + ":0\r\n" + suffix + ":4294967295\n", suffix + ":", suffix, "<html>", "\n", "\r\n", suffix + ":1\r", suffix + ":00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		count, err := search(body, suffix)
		if err != nil {
			if count != 0 {
				t.Errorf("%q: %d, %v", body, count, err)
			}
			return
		}
		if count < 0 || count > 0 && !strings.Contains(string(body), suffix+":") {
			t.Errorf("%q: %d", body, count)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(body), "\n"), "\n") {
			if line = strings.TrimSuffix(line, "\r"); len(line) < suffixDigits+2 || strings.Trim(line, "0123456789ABCDEF:") != "" || strings.Count(line, ":") != 1 {
				t.Errorf("%q has the line %q", body, line)
			}
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	body := []byte(strings.Repeat("0018A45C4D1DEF81644B54AB7F969B88D65:21\r\n", 1500))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := search(body, strings.Repeat("A", suffixDigits)); err != nil {
			b.Fatal(err)
		}
	}
}
