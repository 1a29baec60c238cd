package docs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPrograms builds and vets every program of every page with one call of the go
// command, in a module of its own, as the module of a reader is: it sees nothing that is
// internal. It runs the tests that the pages and testdata/run have for them.
func TestPrograms(t *testing.T) {
	dir := module(t)
	packages := make(map[string]bool)
	for page, parts := range all(t) {
		for i, b := range parts {
			if !b.file() {
				continue
			}
			name := fmt.Sprintf("%d.go", i)
			if isTest.MatchString(b.code) {
				name = fmt.Sprintf("%d_test.go", i)
			}
			write(t, filepath.Join(dir, unit(page), name), fmt.Sprintf("//line %s:%d\n%s", page, b.line, b.code))
			packages["./"+unit(page)] = true
		}
	}
	if len(packages) < 1 {
		t.Fatalf("only %d pages have programs", len(packages))
	}
	runs, err := filepath.Glob("testdata/run/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range runs {
		page := strings.TrimSuffix(filepath.Base(name), "_test.go")
		if !packages["./"+page] {
			t.Errorf("%s belongs to no page with a program", name)
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, page, "run_test.go"), string(text))
	}
	// Symbols and debug information are half of the time that linking takes.
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-ldflags=-s -w"}, sortedKeys(packages)...)...)
	cmd.Dir, cmd.Env = dir, servers(t)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Log("\n" + out.String())
}

var (
	moduleName = regexp.MustCompile(`(?m)^module .*$`)
	replaced   = regexp.MustCompile(`(?m)^(.*=> )(\.\S*)$`)
)

// module returns a directory with the requirements of the examples.
func module(t *testing.T) string {
	t.Helper()
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := moduleName.ReplaceAllString(string(mod), "module example.com/guides")
	write(t, filepath.Join(dir, "go.mod"), replaced.ReplaceAllStringFunc(text, func(line string) string {
		m := replaced.FindStringSubmatch(line)
		path, err := filepath.Abs(filepath.Join("..", m[2]))
		if err != nil {
			t.Fatal(err)
		}
		return m[1] + path
	}))
	write(t, filepath.Join(dir, "go.sum"), string(sum))
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
