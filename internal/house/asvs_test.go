package house

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sections are those of ASVS 5.0 that docs/asvs.md answers as a whole, with the
// number of their requirements: a row that was left out would be a claim as well.
var sections = map[string]int{
	"6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4,
	"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2,
	"8.1": 4, "8.2": 4, "8.3": 3, "8.4": 2,
	"9.1": 3, "9.2": 4,
	"10.1": 2, "10.2": 3, "10.3": 5, "10.4": 16, "10.5": 5, "10.6": 2, "10.7": 3,
	"11.1": 4, "11.2": 5, "11.3": 5, "11.4": 4, "11.5": 2, "11.6": 2, "11.7": 2,
	"16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 4,
}

// states are what a row may say, and whether it has to name its proof.
var states = map[string]bool{"yes": true, "partly": true, "no": false, "your service's part": false, "not applicable": false}

// A requirementRow is one row of docs/asvs.md.
type requirementRow struct {
	id, level, what, state, how string
	proofs                      []string
	line                        int
}

func (r requirementRow) section() string { return r.id[:strings.LastIndexByte(r.id, '.')] }

var (
	asvsID  = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	inCode  = regexp.MustCompile("`([^`]+)`")
	summary = regexp.MustCompile(`(?m)^\| ([a-z' ]+) \| (\d+) \|$`)
)

// asvsRows reads the tables of the page.
func asvsRows(text string) ([]requirementRow, error) {
	var rows []requirementRow
	for i, line := range strings.Split(text, "\n") {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		if !strings.HasPrefix(line, "| ") || !asvsID.MatchString(cells[0]) {
			continue
		}
		if len(cells) != 6 {
			return nil, fmt.Errorf("line %d: %d cells, want 6", i+1, len(cells))
		}
		r := requirementRow{id: cells[0], level: cells[1], what: cells[2], state: cells[3], how: cells[4], line: i + 1}
		for _, m := range inCode.FindAllStringSubmatch(cells[5], -1) {
			r.proofs = append(r.proofs, m[1])
		}
		if rest := strings.Trim(inCode.ReplaceAllString(cells[5], ""), ",; "); rest != "" {
			return nil, fmt.Errorf("line %d: %q beside the tests", i+1, rest)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// TestASVS keeps docs/asvs.md true: its rows are complete and in order, and the tests
// that it names are there.
func TestASVS(t *testing.T) {
	text := page(t, "asvs.md")
	checkLinks(t, "asvs.md", text)
	rows, err := asvsRows(text)
	if err != nil {
		t.Fatal(err)
	}
	src := newSources(t)
	perSection, perState := make(map[string]int), make(map[string]int)
	for i, r := range rows {
		for _, wrong := range r.faults(src) {
			t.Errorf("asvs.md:%d: %s: %s", r.line, r.id, wrong)
		}
		if i > 0 && !laterID(rows[i-1].id, r.id) {
			t.Errorf("asvs.md:%d: %s after %s", r.line, r.id, rows[i-1].id)
		}
		perSection[r.section()]++
		perState[r.state]++
	}
	for section, want := range sections {
		if got := perSection[section]; got != want {
			t.Errorf("asvs.md has %d rows of %s, ASVS 5.0 has %d", got, section, want)
		}
	}
	told := make(map[string]int)
	for _, m := range summary.FindAllStringSubmatch(text, -1) {
		told[m[1]], _ = strconv.Atoi(m[2])
	}
	if !maps.Equal(told, perState) {
		t.Errorf("asvs.md says that there are %v, its rows are %v", told, perState)
	}
}

// faults are what is wrong with a row by itself.
func (r requirementRow) faults(src *sources) []string {
	var list []string
	wrong := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if !slices.Contains([]string{"1", "2", "3"}, r.level) {
		wrong("level %q", r.level)
	}
	needsProof, ok := states[r.state]
	if !ok {
		wrong("state %q", r.state)
	}
	if r.what == "" || r.how == "" {
		wrong("an empty cell")
	}
	// What is asked of documentation is proved by the page.
	if needsProof && len(r.proofs) == 0 && !link.MatchString(r.how) {
		wrong("%s, and neither a test nor a page says so", r.state)
	}
	for _, text := range r.proofs {
		p, err := parseProof(text)
		if err == nil {
			err = src.check(p)
		}
		if err != nil {
			wrong("%v", err)
		}
	}
	return list
}

// laterID compares ids by their numbers.
func laterID(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range as {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return false
}

// TestASVSFaults: rows that are wrong are seen to be.
func TestASVSFaults(t *testing.T) {
	src := newSources(t)
	for row, ok := range map[string]bool{
		"| 6.2.1 | 1 | length | yes | 12 | `internal/house: TestASVS` |":                    true,
		"| 6.2.1 | 1 | length | yes | see [the page](problems.md) | |":                      true,
		"| 6.2.1 | 1 | length | no | not built | |":                                         true,
		"| 6.2.1 | 1 | length | your service's part | its own | |":                          true,
		"| 6.2.1 | 1 | length | yes | 12 | |":                                               false,
		"| 6.2.1 | 1 | length | maybe | 12 | `internal/house: TestASVS` |":                  false,
		"| 6.2.1 | 4 | length | yes | 12 | `internal/house: TestASVS` |":                    false,
		"| 6.2.1 | 1 | length | yes | 12 | `internal/house: TestNone` |":                    false,
		"| 6.2.1 | 1 | length | yes | 12 | `internal/house: TestASVS/a subtest that is` |":  false,
		"| 6.2.1 | 1 | length | yes | 12 | `internal/house: TestASVS`, and some text |":     false,
		"| 6.2.1 | 1 | length | partly | 12 | `internal/house: TestASVS` | one cell more |": false,
	} {
		rows, err := asvsRows(row)
		var wrong []string
		if err == nil && len(rows) == 1 {
			wrong = rows[0].faults(src)
		}
		if got := err == nil && len(rows) == 1 && len(wrong) == 0; got != ok {
			t.Errorf("%s: %v %v", row, err, wrong)
		}
	}
	for _, ids := range [][2]string{{"6.2.1", "6.2.1"}, {"6.2.10", "6.2.9"}, {"10.1.1", "9.1.1"}} {
		if laterID(ids[0], ids[1]) {
			t.Errorf("%s is taken for later than %s", ids[1], ids[0])
		}
	}
}
