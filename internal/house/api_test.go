package house

import (
	"bytes"
	"flag"
	"go/ast"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the API golden files under api/")

// TestAPI compares the exported API of every public package with its golden file
// in api/. A change of the API must show in a diff of its own: run `make api` and
// commit the file with the change.
func TestAPI(t *testing.T) {
	dir := filepath.Join(root(t), "api")
	seen := make(map[string]bool)
	for _, p := range packages(t) {
		if !p.public() {
			continue
		}
		file := filepath.Join(dir, strings.ReplaceAll(p.short(), "/", "_")+".txt")
		seen[file] = true
		got := api(t, p)
		if *update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%s: %v: run `make api`", p.short(), err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("the API of %s has changed; if that is meant, run `make api`:\n%s", p.short(), firstDifference(want, got))
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if seen[file] {
			continue
		}
		if *update {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("%s is of no package: run `make api`", file)
	}
}

// api renders the exported declarations of p without comments and bodies, sorted.
func api(t *testing.T, p pkg) []byte {
	t.Helper()
	fset, files := parse(t, p)
	var decls []string
	for _, f := range files {
		if !ast.FileExports(f) {
			continue
		}
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if exportedReceiver(d) {
					d.Body, d.Doc = nil, nil
					decls = append(decls, render(t, fset, d))
				}
			case *ast.GenDecl:
				if d.Tok != token.IMPORT {
					decls = append(decls, renderSpecs(t, fset, d)...)
				}
			}
		}
	}
	slices.Sort(decls)
	return []byte("package " + p.short() + "\n\n" + strings.Join(decls, "\n") + "\n")
}

// renderSpecs renders each specification of d by itself, so that moving one
// between blocks is no change.
func renderSpecs(t *testing.T, fset *token.FileSet, d *ast.GenDecl) []string {
	t.Helper()
	var out []string
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			s.Doc, s.Comment = nil, nil
			ast.Inspect(s, func(n ast.Node) bool {
				if field, ok := n.(*ast.Field); ok {
					field.Doc, field.Comment = nil, nil
				}
				return true
			})
		case *ast.ValueSpec:
			s.Doc, s.Comment = nil, nil
			if d.Tok == token.VAR {
				s.Values = nil
			}
		}
		out = append(out, d.Tok.String()+" "+render(t, fset, spec))
	}
	return out
}

func render(t *testing.T, fset *token.FileSet, node any) string {
	t.Helper()
	var b bytes.Buffer
	if err := (&printer.Config{Mode: printer.TabIndent, Tabwidth: 8}).Fprint(&b, fset, node); err != nil {
		t.Fatal(err)
	}
	// The printer keeps the empty lines where comments were.
	lines := strings.Split(b.String(), "\n")
	lines = slices.DeleteFunc(lines, func(s string) bool { return strings.TrimSpace(s) == "" })
	return strings.Join(lines, "\n")
}

func firstDifference(want, got []byte) string {
	w, g := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return "- " + a + "\n+ " + b
		}
	}
	return ""
}
