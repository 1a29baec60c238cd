package sqldb

import "fmt"

// maxName keeps prefix and name within the 63 bytes after which PostgreSQL cuts.
const (
	maxName   = 40
	maxPrefix = 20
	maxSchema = 63
)

// names turns the short names of a store into those of the server.
type names struct {
	dialect        Dialect
	schema, prefix string
}

func newNames(d Dialect, schema, prefix string) (names, error) {
	if !isName(prefix, maxPrefix) {
		return names{}, fmt.Errorf("sqldb: Prefix %q: use 1 to %d of a-z, 0-9 and _, beginning with a letter", prefix, maxPrefix)
	}
	if schema != "" && d == SQLite {
		return names{}, fmt.Errorf("sqldb: Schema %q: SQLite attaches databases to single connections, so leave it empty", schema)
	}
	if schema != "" && !isSchema(schema) {
		return names{}, fmt.Errorf("sqldb: Schema %q: use 1 to %d of a-z, A-Z, 0-9, _ and -", schema, maxSchema)
	}
	return names{d, schema, prefix}, nil
}

// table is the quoted, qualified name of a table.
func (n names) table(name string) string {
	t := n.dialect.quote(n.prefix + name)
	if n.schema != "" {
		return n.dialect.quote(n.schema) + "." + t
	}
	return t
}

// index is the quoted name of an index, which is never qualified: it lives where
// its table does.
func (n names) index(name string) string { return n.dialect.quote(n.prefix + name) }

func isName(s string, most int) bool {
	if s == "" || len(s) > most || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

func isSchema(s string) bool {
	if s == "" || len(s) > maxSchema {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isWordByte(c) && c != '-' {
			return false
		}
	}
	return true
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
