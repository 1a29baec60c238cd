package house

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/problem"
)

var (
	heading  = regexp.MustCompile(`(?m)^## ([A-Z_]+)$`)
	tableRow = regexp.MustCompile(`(?m)^\| \[([A-Z_]+)\]\(#([a-z_]+)\) \| (\d+) \|$`)
)

// TestProblemsPage keeps docs/problems.md and the registry of codes in step.
func TestProblemsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "problems.md"))
	if err != nil {
		t.Fatal(err)
	}
	var inRegistry, headings, rows []string
	for _, code := range problem.Codes() {
		inRegistry = append(inRegistry, string(code))
		if d := problem.New(code); !strings.HasSuffix(d.Type, "docs/problems.md#"+strings.ToLower(string(code))) {
			t.Errorf("%s: type %s is not its paragraph", code, d.Type)
		}
	}
	for _, m := range heading.FindAllStringSubmatch(string(page), -1) {
		headings = append(headings, m[1])
	}
	for _, m := range tableRow.FindAllStringSubmatch(string(page), -1) {
		rows = append(rows, m[1])
		if m[2] != strings.ToLower(m[1]) {
			t.Errorf("%s links to %s", m[1], m[2])
		}
		if want := fmt.Sprint(problem.New(problem.Code(m[1])).Status); m[3] != want {
			t.Errorf("%s has status %s on the page, %s in the code", m[1], m[3], want)
		}
	}
	for _, list := range [][]string{inRegistry, headings, rows} {
		slices.Sort(list)
	}
	if !slices.Equal(inRegistry, headings) {
		t.Errorf("paragraphs: %v\nregistry:   %v", headings, inRegistry)
	}
	if !slices.Equal(inRegistry, rows) {
		t.Errorf("table:    %v\nregistry: %v", rows, inRegistry)
	}
}
