package sqldb_test

import (
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/sqldb"
)

func render(t testing.TB, d sqldb.Dialect, cfg sqldb.Config, template string, args ...any) (string, error) {
	t.Helper()
	f := &fake{}
	db, err := sqldb.New(f.pool(t), d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(t.Context(), template, args...)
	return f.said(), err
}

func TestTemplate(t *testing.T) {
	tests := []struct {
		name, template            string
		sqlite, postgresql, mysql string
	}{
		{"placeholders", "a = ? AND b = ?", "a = ? AND b = ?", "a = $1 AND b = $2", "a = ? AND b = ?"},
		{"strings", "a = '?' OR b = 'it''s a ?' OR c = ?", "a = '?' OR b = 'it''s a ?' OR c = ?", "a = '?' OR b = 'it''s a ?' OR c = $1", "a = '?' OR b = 'it''s a ?' OR c = ?"},
		{"comments", "a -- ? '\n= /* ? ; ' { */ ?", "a  \n=   ?", "a  \n=   $1", "a  \n=   ?"},
		{"a semicolon at the end", "a;", "a", "a", "a"},
		{"a table", "{users}", `"auth_users"`, `"auth_users"`, "`auth_users`"},
		{"an index", "{INDEX a_b}", `"auth_a_b"`, `"auth_a_b"`, "`auth_a_b`"},
		{"a key", "{TEXT 255}, {BYTES 32}", "TEXT COLLATE BINARY, BLOB", `TEXT COLLATE "C", BYTEA`, "VARBINARY(255), VARBINARY(32)"},
		{"the longest", "{TEXT 2048}", "TEXT COLLATE BINARY", `TEXT COLLATE "C"`, "VARBINARY(2048)"},
		{"long values", "{TEXT}, {BYTES}", "TEXT COLLATE BINARY, BLOB", `TEXT COLLATE "C", BYTEA`, "MEDIUMBLOB, MEDIUMBLOB"},
		{"numbers", "{INT} {TIME} {BOOL}", "INTEGER INTEGER INTEGER", "BIGINT BIGINT BOOLEAN", "BIGINT BIGINT BOOLEAN"},
		{"options", "(){OPTIONS}", "()STRICT", "()", "()ENGINE=InnoDB"},
		{"locks", "s {FOR UPDATE}", "s", "s FOR UPDATE", "s FOR UPDATE"},
		{"upsert", "{UPSERT (a, b) c, d}", "ON CONFLICT (a, b) DO UPDATE SET c = excluded.c, d = excluded.d",
			"ON CONFLICT (a, b) DO UPDATE SET c = excluded.c, d = excluded.d", "ON DUPLICATE KEY UPDATE c = VALUES(c), d = VALUES(d)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := make([]any, strings.Count(test.postgresql, "$"))
			for d, want := range map[sqldb.Dialect]string{sqldb.SQLite: test.sqlite, sqldb.PostgreSQL: test.postgresql, sqldb.MySQL: test.mysql} {
				got, err := render(t, d, sqldb.Config{}, test.template, args...)
				if got != want || err != nil {
					t.Errorf("%s: %q, %v, want %q", d, got, err, want)
				}
			}
		})
	}
}

func TestTemplateRefuses(t *testing.T) {
	for name, template := range map[string]string{
		"nothing":                      " \n-- x\n;",
		"several":                      "a; b",
		"a backslash in a string":      `'a\'`,
		"a zero byte in a string":      "'\x00'",
		"a string that does not end":   "'a''",
		"double quotes":                `"a"`,
		"backticks":                    "`a`",
		"brackets":                     "[a]",
		"a dollar":                     "$1",
		"a dollar string":              "$$?$$",
		"a hash comment":               "# ?",
		"a named argument":             ":a",
		"a cast of PostgreSQL":         "1::text",
		"a variable":                   "@a",
		"a comment of MySQL only":      "a --b",
		"two dashes at the end":        "a --",
		"a comment that is executed":   "/*! a */",
		"that of MariaDB":              "/*M! a */",
		"a hint":                       "/*+ a */",
		"a comment in a comment":       "/* /* */ */",
		"a comment that does not end":  "/* a",
		"a star that is counted twice": "/*/",
		"an argument in a name":        "a?",
		"a name after an argument":     "?a",
		"a numbered argument":          "?1",
		"two arguments in one":         "??",
		"a brace that does not close":  "{users",
		"a brace that closes":          "}",
		"an unknown macro":             "{TABLE x}",
		"an empty macro":               "{}",
		"an upper-case table":          "{Users}",
		"a long table":                 "{" + strings.Repeat("a", 41) + "}",
		"a column of no bytes":         "{TEXT 0}",
		"a column of too many":         "{BYTES 2049}",
		"a column of some":             "{TEXT x}",
		"an index of no name":          "{INDEX }",
		"an upsert of nothing":         "{UPSERT (a) }",
		"an upsert of no key":          "{UPSERT () a}",
		"an upsert without braces":     "{UPSERT a}",
		"an upsert with more":          "{UPSERT (a) b = 1}",
		"not UTF-8":                    "'\xff'",
		"a blank that is none":         "a\u00a0b",
		"a control":                    "a\vb",
	} {
		t.Run(name, func(t *testing.T) {
			for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.PostgreSQL, sqldb.MySQL} {
				if got, err := render(t, d, sqldb.Config{}, template); err == nil || strings.Contains(err.Error(), "places for arguments") {
					t.Errorf("%s: rendered as %q, %v", d, got, err)
				}
			}
		})
	}
}

func TestArgumentsAreCounted(t *testing.T) {
	if _, err := render(t, sqldb.SQLite, sqldb.Config{}, "a = ?", 1, 2); err == nil || !strings.Contains(err.Error(), "1 places for arguments, not 2") {
		t.Errorf("got %v", err)
	}
	if _, err := render(t, sqldb.SQLite, sqldb.Config{}, "(?"+strings.Repeat(", ?", sqldb.MaxArgs)+")"); err == nil || !strings.Contains(err.Error(), "more than 32766") {
		t.Errorf("got %v", err)
	}
}

func TestNew(t *testing.T) {
	pool := (&fake{}).pool(t)
	for _, test := range []struct {
		d    sqldb.Dialect
		cfg  sqldb.Config
		want string
	}{
		{0, sqldb.Config{}, "Dialect(0) is no dialect: pass SQLite, PostgreSQL or MySQL"},
		{4, sqldb.Config{}, "Dialect(4)"},
		{sqldb.PostgreSQL, sqldb.Config{Prefix: "A"}, "Prefix"},
		{sqldb.PostgreSQL, sqldb.Config{Prefix: "1a"}, "Prefix"},
		{sqldb.PostgreSQL, sqldb.Config{Prefix: `a"; DROP`}, "Prefix"},
		{sqldb.PostgreSQL, sqldb.Config{Prefix: strings.Repeat("a", 21)}, "Prefix"},
		{sqldb.PostgreSQL, sqldb.Config{Schema: `a"b`}, "Schema"},
		{sqldb.MySQL, sqldb.Config{Schema: "a`b"}, "Schema"},
		{sqldb.PostgreSQL, sqldb.Config{Schema: strings.Repeat("a", 64)}, "Schema"},
		{sqldb.SQLite, sqldb.Config{Schema: "main"}, "SQLite"},
		{sqldb.SQLite, sqldb.Config{Timeout: -1}, "Timeout"},
	} {
		if _, err := sqldb.New(pool, test.d, test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v %+v: %v", test.d, test.cfg, err)
		}
	}
	if _, err := sqldb.New(nil, sqldb.SQLite, sqldb.Config{}); err == nil {
		t.Error("a nil pool is accepted")
	}
	got, err := render(t, sqldb.PostgreSQL, sqldb.Config{Schema: "Id-1", Prefix: "p_"}, "{x} {INDEX x}")
	if got != `"Id-1"."p_x" "p_x"` || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

// FuzzTemplate: a template that is accepted has as many arguments for each server
// as for the others, no comment, and its strings unchanged.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"a = ? AND b = '?' -- x", "/* ' */ {users} {TEXT 9}", "'a''b' ?", "{UPSERT (a) b}", "?,?", "a;b", "/*/ ? /*/"} {
		f.Add(s)
	}
	dialects := []sqldb.Dialect{sqldb.SQLite, sqldb.PostgreSQL, sqldb.MySQL}
	f.Fuzz(func(t *testing.T, template string) {
		for n := range 3 {
			texts := make([]string, len(dialects))
			errs := make([]error, len(dialects))
			for i, d := range dialects {
				texts[i], errs[i] = render(t, d, sqldb.Config{}, template, make([]any, n)...)
			}
			if (errs[0] == nil) != (errs[1] == nil) || (errs[1] == nil) != (errs[2] == nil) {
				if !strings.Contains(template, "{FOR UPDATE}") && !strings.Contains(template, "{OPTIONS}") {
					t.Fatalf("%q: %v, %v, %v", template, errs[0], errs[1], errs[2])
				}
				continue
			}
			if errs[0] != nil {
				continue
			}
			for i, d := range dialects {
				bare := withoutStrings(texts[i])
				if strings.Contains(bare, "--") || strings.Contains(bare, "/*") || strings.Contains(bare, ";") {
					t.Fatalf("%s: %q became %q", d, template, texts[i])
				}
				mark := "?"
				if d == sqldb.PostgreSQL {
					mark = "$"
				}
				if strings.Count(bare, mark) != n {
					t.Fatalf("%s: %q became %q with %d arguments", d, template, texts[i], n)
				}
			}
		}
	})
}

// withoutStrings is the simplest reading of what is left: no comments, no escapes.
func withoutStrings(s string) string {
	var out []string
	for i, part := range strings.Split(s, "'") {
		if i%2 == 0 {
			out = append(out, part)
		}
	}
	return strings.Join(out, "''")
}
