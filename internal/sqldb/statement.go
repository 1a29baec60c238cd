package sqldb

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxArgs is how many arguments a statement may have: SQLite takes no more.
const MaxArgs = 32766

// A statement is one template in the words of one dialect.
type statement struct {
	text  string
	args  int
	reads bool // a SELECT, so a repeat is harmless
}

var (
	errEmpty = errors.New("sqldb: the statement is empty")
	errMany  = errors.New("sqldb: there are several statements in one text")
)

// one renders a template of exactly one statement.
func (n names) one(src string) (statement, error) {
	list, err := n.all(src)
	switch {
	case err != nil:
		return statement{}, err
	case len(list) == 0:
		return statement{}, errEmpty
	case len(list) > 1:
		return statement{}, errMany
	}
	return list[0], nil
}

// all renders a template of any number of statements, which semicolons end.
//
// It has no notion of SQL, only of the places where a question mark or a
// semicolon is not what it seems: strings and comments. The three dialects do not
// agree on those, so what they would read differently is refused, and comments
// are taken out. Since templates are constants of this module, the errors are for
// its authors.
func (n names) all(src string) ([]statement, error) {
	if !utf8.ValidString(src) {
		return nil, errors.New("sqldb: the statement is not UTF-8")
	}
	r := renderer{names: n, src: src}
	for r.at < len(src) {
		if err := r.step(); err != nil {
			return nil, fmt.Errorf("sqldb: at byte %d of the statement: %w", r.at, err)
		}
	}
	return r.finish(), nil
}

// A renderer is somewhere in a template.
type renderer struct {
	names
	src  string
	at   int
	out  strings.Builder
	args int
	list []statement
}

// step reads one string, comment, macro or byte.
func (r *renderer) step() error {
	rest := r.src[r.at:]
	switch c := rest[0]; {
	case c == '\'':
		return r.str(rest)
	case strings.HasPrefix(rest, "--"):
		return r.lineComment(rest)
	case strings.HasPrefix(rest, "/*"):
		return r.blockComment(rest)
	case c == '?':
		return r.arg(rest)
	case c == '{':
		return r.braces(rest)
	case c == ';':
		r.finish()
	case strings.IndexByte("\"`#$\\[]@:}", c) >= 0:
		return fmt.Errorf("%q means something else to each server", c)
	case c >= utf8.RuneSelf, c < ' ' && c != '\t' && c != '\n' && c != '\r', c == 0x7f:
		return fmt.Errorf("the byte %#x does not belong outside a string", c)
	default:
		r.out.WriteByte(c)
	}
	r.at++
	return nil
}

func (r *renderer) str(rest string) error {
	end := 1
	for {
		i := strings.IndexAny(rest[end:], "'\\\x00")
		if i < 0 {
			return errors.New("the string does not end")
		}
		end += i
		if rest[end] != '\'' {
			return fmt.Errorf("%q in a string means something else to each server: make it an argument", rest[end])
		}
		end++
		if end == len(rest) || rest[end] != '\'' {
			break
		}
		end++
	}
	r.out.WriteString(rest[:end])
	r.at += end
	return nil
}

// lineComment wants a blank after the dashes, for without it MySQL subtracts.
func (r *renderer) lineComment(rest string) error {
	if len(rest) == 2 || strings.IndexByte(" \t\r\n", rest[2]) < 0 {
		return errors.New("a comment is two dashes and a space")
	}
	end := strings.IndexByte(rest, '\n')
	if end < 0 {
		end = len(rest)
	}
	r.out.WriteByte(' ')
	r.at += end
	return nil
}

// blockComment refuses those that MySQL executes, and nesting, which only
// PostgreSQL knows.
func (r *renderer) blockComment(rest string) error {
	if strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!") || strings.HasPrefix(rest, "/*+") {
		return errors.New("a comment that a server executes")
	}
	end := strings.Index(rest[2:], "*/")
	if end < 0 {
		return errors.New("the comment does not end")
	}
	if strings.Contains(rest[2:2+end], "/*") {
		return errors.New("a comment in a comment")
	}
	r.out.WriteByte(' ')
	r.at += end + 4
	return nil
}

// arg wants a gap on both sides: x$1 is a name to PostgreSQL, ?1 a number to SQLite.
func (r *renderer) arg(rest string) error {
	before := r.out.String()
	if before != "" && isWordByte(before[len(before)-1]) || len(rest) > 1 && (isWordByte(rest[1]) || rest[1] == '?') {
		return errors.New("a ? touches a word")
	}
	r.args++
	if r.args > MaxArgs {
		return fmt.Errorf("more than %d arguments", MaxArgs)
	}
	if r.dialect == PostgreSQL {
		r.out.WriteByte('$')
		r.out.WriteString(strconv.Itoa(r.args))
	} else {
		r.out.WriteByte('?')
	}
	r.at++
	return nil
}

func (r *renderer) braces(rest string) error {
	end := strings.IndexByte(rest, '}')
	if end < 0 {
		return errors.New("the brace does not close")
	}
	text, err := r.macro(rest[1:end])
	if err != nil {
		return err
	}
	r.out.WriteString(text)
	r.at += end + 1
	return nil
}

// finish ends the statement that has been read, if there is one.
func (r *renderer) finish() []statement {
	text := strings.TrimSpace(r.out.String())
	if text != "" {
		reads := len(text) > 7 && strings.EqualFold(text[:6], "SELECT") && !isWordByte(text[6])
		r.list = append(r.list, statement{text: text, args: r.args, reads: reads})
	}
	r.out.Reset()
	r.args = 0
	return r.list
}
