package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// eachFile reads the non-test files of p.
func eachFile(t *testing.T, p pkg, do func(name string, src []byte)) {
	t.Helper()
	for _, f := range p.GoFiles {
		name := filepath.Join(p.Dir, f)
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		do(name, src)
	}
}

// parse returns the syntax of the non-test files of p.
func parse(t *testing.T, p pkg) (*token.FileSet, []*ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	eachFile(t, p, func(name string, src []byte) {
		f, err := parser.ParseFile(fset, name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	})
	return fset, files
}

// root is the folder of the module.
func root(t *testing.T) string {
	t.Helper()
	for _, p := range packages(t) {
		if p.ImportPath == module {
			return p.Dir
		}
	}
	t.Fatal("the root package is not listed")
	return ""
}

// A front page for every public package: doc.go with a package comment.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		_, files := parse(t, p)
		var documented bool
		for _, f := range files {
			documented = documented || f.Doc != nil
		}
		if !documented {
			t.Errorf("%s has no package comment", p.short())
		}
		if _, err := os.Stat(filepath.Join(p.Dir, "doc.go")); err != nil && p.public() {
			t.Errorf("%s has no doc.go", p.short())
		}
		if base := filepath.Base(p.Dir); p.public() && !strings.HasSuffix(base, "store") && base != "storetest" {
			if m, _ := filepath.Glob(filepath.Join(p.Dir, "example*_test.go")); len(m) == 0 {
				t.Errorf("%s has no Example", p.short())
			}
		}
	}
}

// Every exported name of a public package has a comment.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, p := range packages(t) {
		if !p.public() {
			continue
		}
		fset, files := parse(t, p)
		for _, f := range files {
			for _, decl := range f.Decls {
				for _, name := range undocumented(decl) {
					t.Errorf("%s: %s has no comment", fset.Position(decl.Pos()), name)
				}
			}
		}
	}
}

func undocumented(decl ast.Decl) []string {
	var names []string
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && s.Doc == nil && d.Doc == nil && s.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

// exportedReceiver reports whether d is a function or a method of an exported
// type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}
