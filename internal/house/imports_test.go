// Package house holds the library to the rules of its own house: who may import
// whom, what an API looks like, what a zero value means, which codes are
// documented. It has tests only.
package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/go-sallyport/auth"

// A pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
	Deps            []string
}

// short is the path below the module; the root package is "auth".
func (p pkg) short() string {
	if p.ImportPath == module {
		return "auth"
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

// public reports whether users can import p.
func (p pkg) public() bool { return !strings.HasPrefix(p.short(), "internal") }

// packages lists the packages of the root module that have non-test files.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,Deps", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var list []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			list = append(list, p)
		}
	}
}

// methods are the packages that each recognise or prove one kind of credential.
// None may import another.
var methods = []string{"session", "jwtauth", "apikey", "oauth", "mfa", "password/account"}

// mayImport lists, for every package with a rule of its own, which other
// packages of this module it may import. internal/* is free to all. A package
// below one of these (redisstore, sqlstore, storetest, …) may import its parent.
var mayImport = map[string][]string{
	"problem":           {},
	"auth":              {"problem"},
	"rbac":              {"auth", "problem"},
	"session":           {"auth", "problem"},
	"jwtauth":           {"auth", "problem"},
	"apikey":            {"auth", "problem", "password/throttle"},
	"oauth":             {"auth", "problem"},
	"password":          {"auth", "problem", "password/throttle"},
	"password/throttle": {"auth", "problem"},
	"password/account":  {"auth", "problem", "password", "password/throttle"},
	"password/sqlstore": {"auth", "problem", "password", "password/account"},
	"mfa":               {"auth", "problem", "password/throttle"},
	"mfa/passkey":       {"auth", "problem", "mfa"},
	"authtest":          {"auth", "problem", "password/account"},
}

// onlyIn names modules that may be linked by these packages only.
var onlyIn = map[string]func(short string) bool{
	"github.com/redis/go-redis/v9":     func(s string) bool { return path.Base(s) == "redisstore" || s == "internal/redisclient" },
	"github.com/coreos/go-oidc/v3":     func(s string) bool { return strings.HasPrefix(s, "oauth/oidc") },
	"golang.org/x/oauth2":              func(s string) bool { return s == "oauth" || strings.HasPrefix(s, "oauth/") },
	"github.com/alexedwards/scs/v2":    func(s string) bool { return s == "session" || strings.HasPrefix(s, "session/") },
	"github.com/go-webauthn/webauthn":  func(s string) bool { return strings.HasPrefix(s, "mfa/passkey") },
	"github.com/alicebob/miniredis/v2": func(string) bool { return false },
	"log":                              func(string) bool { return false },
	"testing": func(s string) bool {
		return path.Base(s) == "storetest" || path.Base(s) == "oauthtest" || path.Base(s) == "authtest"
	},
	"net/http/httptest": func(s string) bool { return path.Base(s) == "oauthtest" || path.Base(s) == "authtest" },
}

// testSupport reports whether a package serves tests only, and so may link what
// tests need.
func testSupport(short string) bool {
	return strings.HasPrefix(short, "internal/testkit") || path.Base(short) == "storetest"
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		short := p.short()
		if testSupport(short) {
			continue
		}
		for _, imported := range p.Imports {
			checkOwn(t, short, imported)
			for name, allowed := range onlyIn {
				if (imported == name || strings.HasPrefix(imported, name+"/")) && !allowed(short) && !isStandardSubpackage(name, imported) {
					t.Errorf("%s imports %s", short, imported)
				}
			}
		}
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, module+"/internal/testkit") {
				t.Errorf("%s links test support: %s", short, dep)
			}
		}
	}
}

// authtest is for tests, those of users too: no file that is none imports it, in any
// module of this repository.
func TestAuthtestIsForTests(t *testing.T) {
	dir, imports := root(t), []byte(`"`+module+`/authtest"`)
	seen := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		src, err := os.ReadFile(name)
		if !bytes.Contains(src, imports) {
			return err
		}
		seen++
		if !strings.HasSuffix(name, "_test.go") {
			t.Errorf("%s imports authtest, and is no test", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 10 {
		t.Errorf("%d files import authtest: this test looks in the wrong place", seen)
	}
}

// isStandardSubpackage tells log/slog from log.
func isStandardSubpackage(name, imported string) bool {
	return imported != name && (name == "log" || name == "testing")
}

func checkOwn(t *testing.T, short, imported string) {
	t.Helper()
	if imported != module && !strings.HasPrefix(imported, module+"/") {
		return
	}
	other := pkg{ImportPath: imported}.short()
	if strings.HasPrefix(other, "internal/") {
		return
	}
	parent, rules := ruleOf(short)
	if rules == nil {
		if !strings.HasPrefix(short, "internal/") {
			t.Errorf("%s has no rule in this test: add one", short)
			return
		}
		if other != "auth" && other != "problem" {
			t.Errorf("%s imports %s: internal packages serve the others", short, other)
		}
		return
	}
	if other == parent && other != short || slices.Contains(rules, other) {
		return
	}
	t.Errorf("%s imports %s", short, other)
}

// ruleOf finds the rule of a package or, for a store or another part below one,
// that of its parent.
func ruleOf(short string) (parent string, rules []string) {
	for s := short; s != "."; s = path.Dir(s) {
		if rules, ok := mayImport[s]; ok {
			return s, rules
		}
	}
	return "", nil
}

func TestMethodsDoNotKnowEachOther(t *testing.T) {
	under := func(short, method string) bool { return short == method || strings.HasPrefix(short, method+"/") }
	for _, p := range packages(t) {
		for _, mine := range methods {
			if !under(p.short(), mine) {
				continue
			}
			for _, dep := range p.Deps {
				other := pkg{ImportPath: dep}.short()
				for _, theirs := range methods {
					if theirs != mine && strings.HasPrefix(dep, module) && under(other, theirs) && !under(p.short(), theirs) {
						t.Errorf("%s links %s", p.short(), other)
					}
				}
			}
		}
	}
}

// forbidden words in the source of the library itself.
func TestNoEnvironment(t *testing.T) {
	for _, p := range packages(t) {
		if testSupport(p.short()) {
			continue
		}
		eachFile(t, p, func(name string, src []byte) {
			for _, word := range []string{"os.Getenv", "os.LookupEnv", "os.Environ", "math/rand", "func init()"} {
				if bytes.Contains(src, []byte(word)) {
					t.Errorf("XCT-02 %s uses %s", name, word)
				}
			}
		})
	}
}
