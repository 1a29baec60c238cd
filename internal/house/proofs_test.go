package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A proof is a test that a page names: package: Test, or package: Test/subtest,
// where the subtest may be cut short, as for go test -run.
type proof struct{ pkg, test, sub string }

// proofForm is how pages write a proof. Conformance suites for stores begin with Run
// or Shared.
var proofForm = regexp.MustCompile(`^([a-z0-9]+(?:/[a-z0-9-]+)*): ((?:Test|Fuzz|Run|Shared)\w*)(?:/(.+))?$`)

func parseProof(s string) (proof, error) {
	m := proofForm.FindStringSubmatch(s)
	if m == nil {
		return proof{}, fmt.Errorf("%q is not package: Test/subtest", s)
	}
	return proof{m[1], m[2], m[3]}, nil
}

// A tested package is what its sources say of its tests.
type tested struct {
	funcs  map[string]*ast.FuncDecl
	texts  []string            // the string literals of the package
	inTest map[string][]string // those in the body of one Test or Fuzz function
	files  map[string]string   // the file of each function
}

// sources reads the sources of packages, each once. Nested modules and files behind
// a build tag are read like all others: nothing is built.
type sources struct {
	root string
	read map[string]*tested
}

func newSources(t *testing.T) *sources {
	t.Helper()
	return &sources{root: root(t), read: make(map[string]*tested)}
}

func (s *sources) of(short string) (*tested, error) {
	if p, ok := s.read[short]; ok {
		return p, nil
	}
	dir := filepath.Join(s.root, short)
	if short == "auth" {
		dir = s.root
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	p := &tested{funcs: map[string]*ast.FuncDecl{}, inTest: map[string][]string{}, files: map[string]string{}}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, "_test.go") && (!strings.HasSuffix(name, ".go") || filepath.Base(short) != "storetest") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.add(name, f)
	}
	s.read[short] = p
	return p, nil
}

func (p *tested) add(file string, f *ast.File) {
	for _, decl := range f.Decls {
		test := ""
		if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil {
			p.funcs[d.Name.Name], p.files[d.Name.Name] = d, file
			if strings.HasPrefix(d.Name.Name, "Test") || strings.HasPrefix(d.Name.Name, "Fuzz") {
				test = d.Name.Name
			}
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			if complains(n) {
				return false
			}
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(lit.Value); err == nil {
				p.texts = append(p.texts, text)
				if test != "" {
					p.inTest[test] = append(p.inTest[test], text)
				}
			}
			return true
		})
	}
}

// complains reports whether n is a call such as t.Errorf, whose text is no name of a
// subtest.
func complains(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains([]string{"Error", "Errorf", "Fatal", "Fatalf", "Log", "Logf"}, sel.Sel.Name)
}

// check reports what is wrong with a proof: a test that is not there, or a subtest
// of which no text begins so, or that belongs to other tests.
func (s *sources) check(want proof) error {
	p, err := s.of(want.pkg)
	if err != nil {
		return err
	}
	if p.funcs[want.test] == nil {
		return fmt.Errorf("%s has no %s", want.pkg, want.test)
	}
	if want.sub == "" {
		return nil
	}
	begins := func(text string) bool { return strings.HasPrefix(text, want.sub) }
	if !slices.ContainsFunc(p.texts, begins) {
		return fmt.Errorf("%s: no subtest begins with %q", want.pkg, want.sub)
	}
	var owners []string
	for test, texts := range p.inTest {
		if slices.ContainsFunc(texts, begins) {
			owners = append(owners, test)
		}
	}
	slices.Sort(owners)
	if len(owners) > 0 && !slices.Contains(owners, want.test) {
		return fmt.Errorf("%s: %q is in %s and not in %s", want.pkg, want.sub, strings.Join(owners, ", "), want.test)
	}
	return nil
}

// page reads a file of docs.
func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	header = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
)

// checkLinks holds the links of a page of docs to what is there: files, folders and
// paragraphs of the page itself.
func checkLinks(t *testing.T, name, text string) {
	t.Helper()
	dir := filepath.Join(root(t), "docs")
	var anchors []string
	for _, m := range header.FindAllStringSubmatch(text, -1) {
		anchors = append(anchors, anchor(m[1]))
	}
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		target := m[1]
		if strings.HasPrefix(target, "https://") {
			continue
		}
		file, fragment, _ := strings.Cut(target, "#")
		if file == "" && !slices.Contains(anchors, fragment) {
			t.Errorf("%s links to %s, and has no such paragraph", name, target)
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
			t.Errorf("%s links to %s: %v", name, target, err)
		}
	}
}

// anchor is what a heading is called in links.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// TestProofs: the checks of the pages must see what they are for.
func TestProofs(t *testing.T) {
	s := newSources(t)
	for text, ok := range map[string]bool{
		"internal/house: TestProofs":                                    true,
		"internal/house: TestDependencyFloors/XCT-12 ":                  true,
		"auth: TestGate/XCT-05 an empty Gate denies":                    true,
		"internal/house: TestProofsThatAreGone":                         false,
		"internal/house: TestDependencyFloors/XCT-13 a subtest that is": false,
		"internal/house: TestParsersAreFuzzed/XCT-11 %s has no":         false, // what it says when it fails
		"auth: TestStepUp/XCT-05 an empty Gate denies":                  false,
		"internal/none: TestProofs":                                     false,
		"TestProofs":                                                    false,
		"internal/house TestProofs":                                     false,
	} {
		p, err := parseProof(text)
		if err == nil {
			err = s.check(p)
		}
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
