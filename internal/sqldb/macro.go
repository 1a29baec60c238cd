package sqldb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxKey is the most bytes of a TEXT or BYTES column that has a length: an index
// entry of PostgreSQL, of 8 KiB pages, holds little more.
const MaxKey = 2048

var errMacro = errors.New("the words in the braces are not known: see the package comment")

// macro renders what stands between braces.
func (n names) macro(body string) (string, error) {
	word, rest, _ := strings.Cut(body, " ")
	switch word {
	case "TEXT", "BYTES":
		return n.column(word, rest)
	case "INDEX":
		if !isName(rest, maxName) {
			return "", fmt.Errorf("%q is no name for an index", rest)
		}
		return n.index(rest), nil
	case "UPSERT":
		return n.upsert(rest)
	}
	switch body {
	case "INT", "TIME":
		return n.pick("INTEGER", "BIGINT", "BIGINT"), nil
	case "BOOL":
		return n.pick("INTEGER", "BOOLEAN", "BOOLEAN"), nil
	case "OPTIONS":
		return n.pick("STRICT", "", "ENGINE=InnoDB"), nil
	case "FOR UPDATE":
		return n.pick("", "FOR UPDATE", "FOR UPDATE"), nil
	}
	if isName(body, maxName) {
		return n.table(body), nil
	}
	return "", errMacro
}

func (n names) pick(sqlite, postgresql, mysql string) string {
	switch n.dialect {
	case SQLite:
		return sqlite
	case PostgreSQL:
		return postgresql
	}
	return mysql
}

// column renders the type of a column of text or bytes.
//
// Text is binary on MySQL: each of its collations that both MySQL and MariaDB
// have takes "a" and "a " for the same, and most "a" and "Ä" too. Bytes are equal
// when they are equal, in whatever character set the driver talks.
func (n names) column(kind, length string) (string, error) {
	size := 0
	if length != "" {
		var err error
		if size, err = strconv.Atoi(length); err != nil || size < 1 || size > MaxKey {
			return "", fmt.Errorf("%s %s: a column that can be a key has 1 to %d bytes", kind, length, MaxKey)
		}
	}
	switch {
	case n.dialect == MySQL && size > 0:
		return "VARBINARY(" + strconv.Itoa(size) + ")", nil
	case n.dialect == MySQL:
		return "MEDIUMBLOB", nil
	case kind == "BYTES":
		return n.pick("BLOB", "BYTEA", ""), nil
	}
	return n.pick("TEXT COLLATE BINARY", `TEXT COLLATE "C"`, ""), nil
}

// upsert renders the end of an INSERT from "(key, …) column, …".
func (n names) upsert(spec string) (string, error) {
	keys, columns, found := strings.Cut(strings.TrimPrefix(spec, "("), ")")
	if !found || spec == "" || spec[0] != '(' {
		return "", errors.New("UPSERT wants (key, …) column, …")
	}
	var key, set []string
	for name := range strings.SplitSeq(keys, ",") {
		key = append(key, strings.TrimSpace(name))
	}
	for name := range strings.SplitSeq(columns, ",") {
		name = strings.TrimSpace(name)
		if !isName(name, maxName) {
			return "", fmt.Errorf("UPSERT: %q is no column", name)
		}
		set = append(set, name+n.pick(" = excluded."+name, " = excluded."+name, " = VALUES("+name+")"))
	}
	for _, name := range key {
		if !isName(name, maxName) {
			return "", fmt.Errorf("UPSERT: %q is no column", name)
		}
	}
	if n.dialect == MySQL {
		return "ON DUPLICATE KEY UPDATE " + strings.Join(set, ", "), nil
	}
	return "ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(set, ", "), nil
}
