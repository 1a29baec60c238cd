package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is where the paths of pages begin.
const root = "../.."

// A block is one piece of Go on a page.
type block struct {
	page string // such as docs/api-keys.md
	line int    // of its first line of code
	code string
}

var (
	fence   = regexp.MustCompile("^\\s*```(.*)$")
	isFile  = regexp.MustCompile(`(?m)^package (\w+)$`)
	isTest  = regexp.MustCompile(`(?m)^(import |\t)"testing"$`)
	noParts = regexp.MustCompile(`[^a-z0-9]+`)
)

func (b block) file() bool { return isFile.MatchString(b.code) }

// unit is the name of a page as a package or a file has it; docs/README.md is "guides".
func unit(page string) string {
	if page == "docs/README.md" {
		return "guides"
	}
	name := strings.TrimSuffix(strings.TrimPrefix(page, "docs/"), ".md")
	return noParts.ReplaceAllString(strings.ToLower(name), "_")
}

// pages returns all pages that show Go, and where they are.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"README.md", "docs/*.md", "examples/*/README.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, filepath.ToSlash(name))
		}
	}
	if len(found) < 10 {
		t.Fatalf("only %d pages are found", len(found))
	}
	return found
}

// blocks returns the Go of a page, and how many blocks of it are marked as not to be
// compiled.
func blocks(t *testing.T, page string) (found []block, marked int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	var open *block
	inside := false
	for i, line := range strings.Split(string(text), "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && !inside:
			inside = true
			info := m[1]
			language, _, _ := strings.Cut(info, " ")
			switch {
			case info == "go":
				open = &block{page: page, line: i + 2}
			case info == "go nocompile":
				marked++
			case language == "go" || language == "golang" || language == "Go":
				t.Errorf("%s:%d: a block of %q is neither compiled nor marked", page, i+1, info)
			}
		case m != nil && m[1] == "":
			if open != nil {
				found = append(found, *open)
			}
			inside, open = false, nil
		case open != nil:
			open.code += line + "\n"
		}
	}
	if inside {
		t.Errorf("%s: the last block has no end", page)
	}
	return found, marked
}

// all returns the blocks of all pages, by page.
func all(t *testing.T) map[string][]block {
	t.Helper()
	found, marked := make(map[string][]block), 0
	for _, page := range pages(t) {
		b, n := blocks(t, page)
		marked += n
		if len(b) > 0 {
			found[page] = b
		}
	}
	if marked > 3 {
		t.Errorf("%d blocks are not to be compiled; 3 may be", marked)
	}
	return found
}

func sortedKeys[V any](m map[string]V) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
