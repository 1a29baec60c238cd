package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	code    = regexp.MustCompile("(?s)\n```.*?\n```")
	noAngle = regexp.MustCompile("[^a-z0-9 _-]+")
)

// TestLinks follows every link of a page that leads to this repository, to its heading.
func TestLinks(t *testing.T) {
	for _, page := range pages(t) {
		file := filepath.Join(root, filepath.FromSlash(page))
		for _, m := range link.FindAllStringSubmatch(prose(t, file), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			to := file
			if path != "" {
				to = filepath.Join(filepath.Dir(file), filepath.FromSlash(path))
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
				continue
			}
			if anchor != "" && !anchors(t, to)[anchor] {
				t.Errorf("%s: %s has no such heading", page, m[1])
			}
		}
	}
}

// TestIndex wants every guide in docs/README.md.
func TestIndex(t *testing.T) {
	index := prose(t, filepath.Join(root, "docs", "README.md"))
	for _, page := range pages(t) {
		name, ok := strings.CutPrefix(page, "docs/")
		if ok && name != "README.md" && !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/README.md does not lead to %s", name)
		}
	}
}

// prose is a page without its blocks of code.
func prose(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return code.ReplaceAllString(string(text), "")
}

// anchors are the headings of a page, as those who show it name them.
func anchors(t *testing.T, file string) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(prose(t, file), -1) {
		name := noAngle.ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}
