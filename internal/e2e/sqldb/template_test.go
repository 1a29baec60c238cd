package sqldb_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/internal/sqldb"
)

// Whatever stands in strings and comments, every server sees the same places for
// arguments and the same strings: what a template says is what comes back.
func TestTemplate(t *testing.T) {
	cases := [][3]string{ // a string, a comment, an argument
		{"plain", "comment", "argument"},
		{"?", "? ' ; -- ?", "?"},
		{"it''s a ?'' ;", "*", "'; DROP TABLE users; --"},
		{"$1 :a @b \" ` # {x} [y] -- /* */", "{users} $$", "\\"},
		{"--", "/", "\x01"},
		{"ž\n\t?", "ž\n?", "ž?"},
		{"\r\n", "\r", "\r"},
	}
	for range 300 {
		cases = append(cases, [3]string{nasty(), nasty(), nasty()})
	}
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		db, err := sqldb.New(d.Open(t), d.Dialect, sqldb.Config{})
		must(t, err)
		for _, c := range cases {
			literal, argument := c[0], c[2]
			block := strings.NewReplacer("*/", "", "/*", "").Replace(c[1])
			line := strings.ReplaceAll(c[1], "\n", " ")
			query := "SELECT '" + strings.ReplaceAll(literal, "'", "''") + "', /* " + block + " */ CAST(? AS CHAR(900)), -- " + line + "\n'?', CAST(? AS CHAR(900))"
			if d.Dialect != sqldb.MySQL {
				query = strings.ReplaceAll(query, "CHAR(900)", "TEXT")
			}
			var got [4]string
			if err := db.Query(t.Context(), query, argument, "two").Scan(&got[0], &got[1], &got[2], &got[3]); err != nil {
				t.Fatalf("%v\n%q", err, query)
			}
			if want := [4]string{literal, argument, "?", "two"}; got != want {
				t.Fatalf("got %q, want %q\n%q", got, want, query)
			}
		}
	})
}

// nasty returns up to 16 of what some server takes for something else.
func nasty() string {
	alphabet := strings.Split(`'|''|"|`+"`"+`|?|$1|$$|:a|@|#|--|-- |/|*|;|{|}|[|]|%|E'|x| |a|ž|🐎`, "|")
	alphabet = append(alphabet, "\n", "\r", "\t")
	var b [17]byte
	_, _ = rand.Read(b[:])
	var s strings.Builder
	for _, c := range b[1 : 1+b[0]%17] {
		s.WriteString(alphabet[int(c)%len(alphabet)])
	}
	return s.String()
}
