package rbac_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-sallyport/auth/rbac"
)

func TestLoadJSON(t *testing.T) {
	const good = `{"roles": {
		"customer": {"permissions": ["orders:read"]},
		"manager": {"inherits": ["customer"], "permissions": ["orders:*"]},
		"guest": {},
		"admin": {"permissions": ["*"]}
	}}`
	t.Run("reads and writes", func(t *testing.T) {
		pol, err := rbac.LoadJSON(strings.NewReader(good))
		if err != nil {
			t.Fatal(err)
		}
		if !pol.Allows(as("manager"), "orders:close") || pol.Allows(as("guest"), "orders:read") {
			t.Error("the policy is another one")
		}
		b, err := json.Marshal(pol)
		const sorted = `{"roles":{"admin":{"permissions":["*"]},"customer":{"permissions":["orders:read"]},"guest":{},` +
			`"manager":{"permissions":["orders:*"],"inherits":["customer"]}}}`
		if err != nil || string(b) != sorted {
			t.Errorf("%s, %v", b, err)
		}
		for _, none := range []*rbac.Policy{nil, {}} {
			if b, err := none.MarshalJSON(); err != nil || string(b) != `{"roles":{}}` {
				t.Errorf("%s, %v", b, err)
			}
		}
	})
	for _, c := range []struct{ name, doc, says string }{
		{"empty", ``, "unexpected end"},
		{"null", `null`, "object"},
		{"array", `[]`, "object"},
		{"no roles", `{}`, "no roles"},
		{"empty roles", `{"roles":{}}`, "no roles"},
		{"roles null", `{"roles":null}`, "object"},
		{"unknown member", `{"roles":{"a":{}},"role":{}}`, `"role": no such member`},
		{"unknown member of a role", `{"roles":{"a":{"permission":["a:b"]}}}`, `"a": "permission": no such member`},
		{"another case", `{"Roles":{"a":{}}}`, `"Roles": no such member`},
		{"another case in a role", `{"roles":{"a":{"Permissions":["a:b"]}}}`, `"Permissions": no such member`},
		{"member twice", `{"roles":{"a":{}},"roles":{"b":{}}}`, `"roles" twice`},
		{"member twice, escaped", `{"roles":{"a":{}},"\u0072oles":{"b":{}}}`, `"roles" twice`},
		{"role twice", `{"roles":{"a":{},"b":{},"a":{"permissions":["*"]}}}`, `"a" twice`},
		{"member of a role twice", `{"roles":{"a":{"permissions":[],"permissions":["*"]}}}`, `"permissions" twice`},
		{"permission twice", `{"roles":{"a":{"permissions":["a:b","a:b"]}}}`, `"a:b" twice`},
		{"role null", `{"roles":{"a":null}}`, "must be an object"},
		{"permissions null", `{"roles":{"a":{"permissions":null}}}`, "array of strings"},
		{"permissions a string", `{"roles":{"a":{"permissions":"*"}}}`, "array of strings"},
		{"permission a number", `{"roles":{"a":{"permissions":[1]}}}`, "array of strings"},
		{"permission an array", `{"roles":{"a":{"permissions":[["*"]]}}}`, "array of strings"},
		{"trailing data", `{"roles":{"a":{}}} {}`, "after top-level value"},
		{"trailing comma", `{"roles":{"a":{},}}`, "invalid character"},
		{"comment", "{\"roles\":{\"a\":{}}} // all", "after top-level value"},
		{"cut off", good[:len(good)-3], "unexpected end"},
		{"deep", strings.Repeat(`[`, 1<<20), "exceeded max depth"},
		{"not UTF-8", "{\"roles\":{\"a\xff\":{}}}", "not UTF-8"},
		{"lone surrogate", `{"roles":{"a\ud800":{}}}`, "printable ASCII"},
		{"NUL", `{"roles":{"admin\u0000":{}}}`, "printable ASCII"},
		{"too long", `{"roles":{"a":{}}}` + strings.Repeat(" ", 8<<20), "longer than 8 MiB"},
		{"what NewPolicy refuses", `{"roles":{"a":{"inherits":["a"]}}}`, `"a" -> "a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			pol, err := rbac.LoadJSON(strings.NewReader(c.doc))
			if pol != nil || !errors.Is(err, rbac.ErrPolicy) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one that says %s", err, c.says)
			}
		})
	}
	t.Run("a reader that fails", func(t *testing.T) {
		pol, err := rbac.LoadJSON(io.MultiReader(strings.NewReader(good), iotest.ErrReader(io.ErrUnexpectedEOF)))
		if pol != nil || !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, rbac.ErrPolicy) {
			t.Error(err)
		}
	})
	t.Run("a reader without end", func(t *testing.T) {
		if _, err := rbac.LoadJSON(endless{}); !errors.Is(err, rbac.ErrPolicy) {
			t.Error(err)
		}
	})
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// FuzzLoadJSON: a document that is accepted has one meaning only, the one that a
// lenient decoder sees, and survives being written and read again.
func FuzzLoadJSON(f *testing.F) {
	for _, s := range []string{
		`{"roles":{"a":{"permissions":["a:b","c:*","*"],"inherits":["b"]},"b":{}}}`,
		`{"roles":{"a":{}},"roles":{}}`, `{"Roles":{"a":{}}}`, `{"roles":{"a":{"permissions":null}}}`, `{"roles":{"\u0061":{}}}`,
		`{"roles":{"a":{"inherits":["a"]}}}`, `{"roles":{"a<>&":{}}} `, `{"roles":{"a":{}}}x`, `[`, ``, "\ufeff{}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		pol, err := rbac.LoadJSON(bytes.NewReader(doc))
		if err != nil {
			if pol != nil {
				t.Error("an error and a policy")
			}
			return
		}
		var lenient struct {
			Roles map[string]struct{ Permissions, Inherits []string }
		}
		if err := json.Unmarshal(doc, &lenient); err != nil {
			t.Fatalf("accepted, but no JSON: %v", err)
		}
		written, err := pol.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var strict struct {
			Roles map[string]struct{ Permissions, Inherits []string }
		}
		if err := json.Unmarshal(written, &strict); err != nil {
			t.Fatal(err)
		}
		for name, role := range lenient.Roles { // [] and absent mean the same
			if len(role.Permissions) == 0 {
				role.Permissions = nil
			}
			if len(role.Inherits) == 0 {
				role.Inherits = nil
			}
			lenient.Roles[name] = role
		}
		if !reflect.DeepEqual(lenient, strict) {
			t.Fatalf("%s was read as %s", doc, written)
		}
		again, err := rbac.LoadJSON(bytes.NewReader(written))
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := again.MarshalJSON(); !bytes.Equal(b, written) {
			t.Fatalf("%s became %s", written, b)
		}
	})
}
