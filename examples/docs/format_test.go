package docs

import (
	"go/format"
	"strings"
	"testing"
)

// TestFormat holds what the pages show to gofmt, since that is what a reader's editor
// makes of it.
func TestFormat(t *testing.T) {
	for _, parts := range all(t) {
		for _, b := range parts {
			want, err := format.Source([]byte(b.code))
			if err != nil {
				t.Errorf("%s:%d: %v", b.page, b.line, err)
				continue
			}
			if strings.TrimRight(string(want), "\n") != strings.TrimRight(b.code, "\n") {
				t.Errorf("%s:%d: gofmt would write\n%s", b.page, b.line, want)
			}
		}
	}
}
