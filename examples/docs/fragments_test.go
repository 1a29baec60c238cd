package docs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestFragments compiles every fragment of every page.
func TestFragments(t *testing.T) {
	found := all(t)
	imp := libraries(t)
	used := make(map[string]bool)
	fragments := 0
	for _, page := range sortedKeys(found) {
		t.Run(page, func(t *testing.T) {
			var parts []block
			for _, b := range found[page] {
				if !b.file() {
					parts = append(parts, b)
				}
			}
			if len(parts) == 0 {
				return
			}
			fragments += len(parts)
			given := filepath.Join("testdata", "given", unit(page)+".go")
			used[given] = true
			for _, err := range check(page, parts, given, imp) {
				t.Error(err)
			}
		})
	}
	if fragments < 11 {
		t.Errorf("only %d fragments are found", fragments)
	}
	left, err := filepath.Glob("testdata/given/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range left {
		if !used[name] {
			t.Errorf("%s belongs to no page", name)
		}
	}
}

// check compiles the fragments of a page as one package and returns what is wrong.
func check(page string, parts []block, given string, imp types.Importer) []error {
	fset := token.NewFileSet()
	var files []*ast.File
	f, err := parser.ParseFile(fset, given, nil, parser.SkipObjectResolution)
	switch {
	case err == nil:
		files = append(files, f)
	case !errors.Is(err, os.ErrNotExist):
		return []error{err}
	}
	var body, ends strings.Builder
	for _, b := range parts {
		place := fmt.Sprintf("//line %s:%d\n", page, b.line)
		f, err := source(fset, b, place+b.code)
		if err == nil {
			files = append(files, f) // a list of declarations
			continue
		}
		body.WriteString("{\n" + place + b.code)
		ends.WriteString("}\n")
	}
	f, err = source(fset, block{page: page}, "func page() error {\n"+body.String()+ends.String()+"return nil\n}\n")
	if err != nil {
		return []error{err}
	}
	files = append(files, f)

	var wrong []error
	config := types.Config{Importer: imp, Error: func(err error) {
		if te, ok := errors.AsType[types.Error](err); ok && te.Soft && !strings.HasPrefix(te.Msg, "missing return") {
			return // not used
		}
		wrong = append(wrong, err)
	}}
	_, _ = config.Check("given", fset, files, nil) // Error has heard
	return wrong
}

// source parses what stands behind the package clause, and imports what it names.
func source(fset *token.FileSet, b block, code string) (*ast.File, error) {
	f, err := parser.ParseFile(token.NewFileSet(), "page.go", "package given\n"+code, 0)
	if err != nil {
		return nil, err
	}
	var head strings.Builder
	head.WriteString("package given\n")
	seen := make(map[string]bool)
	for _, name := range f.Unresolved {
		path := imports[name.Name]
		if own := alias[b.page][name.Name]; own != "" {
			path = own
		}
		if path != "" && !seen[name.Name] {
			seen[name.Name] = true
			fmt.Fprintf(&head, "import %s %q\n", name.Name, path)
		}
	}
	return parser.ParseFile(fset, "page.go", head.String()+code, parser.SkipObjectResolution)
}

// libraries returns an importer of everything that the pages name, from what the go
// command has compiled: one call for all of them.
func libraries(t *testing.T) types.Importer {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for _, path := range imports {
		args = append(args, path)
	}
	for _, names := range alias {
		for _, path := range names {
			args = append(args, path)
		}
	}
	given, err := filepath.Glob("testdata/given/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range given {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, path)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := make(map[string]string)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		path, file, _ := strings.Cut(lines.Text(), "\t")
		exports[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		file := exports[path]
		if file == "" {
			return nil, fmt.Errorf("%s is not among the packages of a fragment", path)
		}
		return os.Open(file)
	})
}
