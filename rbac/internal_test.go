package rbac

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
)

// compareTable compares table, made of names, with a map.
func compareTable(t *testing.T, table *nameTable, names []string, others ...string) {
	t.Helper()
	index := make(map[string]int)
	for i, name := range names {
		index[name] = i
		others = append(others, name, name[:len(name)-1], name[1:], name+"x", "x"+name, name+"\x00", strings.ToUpper(name))
	}
	for _, name := range append(others, "", "\x00") {
		want, ok := index[name]
		if !ok {
			want = -1
		}
		if got := table.find(strings.Clone(name)); got != want {
			t.Fatalf("find(%q) = %d, want %d, of %d names", name, got, want, len(names))
		}
	}
}

func TestNameTable(t *testing.T) {
	t.Run("zero and empty", func(t *testing.T) {
		var zero nameTable
		for _, name := range []string{"", "a", "abcd", "abcdefgh", strings.Repeat("a", 20), strings.Repeat("a", 200)} {
			if i := zero.find(name); i != -1 {
				t.Errorf("the zero table has %q at %d", name, i)
			}
		}
		empty := newNameTable(nil)
		compareTable(t, &empty, nil, "a", strings.Repeat("a", 40))
	})
	t.Run("names of every length that differ in one byte", func(t *testing.T) {
		for length := 1; length <= 40; length++ {
			var names []string
			for i := range length {
				name := []byte(strings.Repeat("a", length))
				for _, c := range []byte("bcd") {
					name[i] = c
					names = append(names, string(name))
				}
			}
			table := newNameTable(names)
			compareTable(t, &table, names, strings.Repeat("a", length))
		}
	})
	t.Run("many", func(t *testing.T) {
		var names []string
		for i := range 20_000 {
			names = append(names, fmt.Sprintf("resource-%d:read", i))
		}
		table := newNameTable(names)
		compareTable(t, &table, names)
		if table.short == 0 || len(table.slots) > 1<<17 {
			t.Errorf("%d slots for names that scatter well", len(table.slots))
		}
	})
	t.Run("names that do not scatter go into the map", func(t *testing.T) {
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprint("role", i))
		}
		var table nameTable // without factors all begin at one slot
		table.build(names)
		compareTable(t, &table, names)
		if table.short != 0 || len(table.long) != len(names) {
			t.Error("a chain of 100 slots is accepted")
		}
	})
}

// RBA-09: even a need that nobody could have declared denies.
func TestEmptyNeedDenies(t *testing.T) {
	yes := DeciderFunc(func(context.Context, *auth.Principal, Permission, any) (bool, error) { return true, nil })
	admin := &auth.Principal{Roles: []string{"admin"}}
	pol := MustPolicy(map[string]Role{"admin": {Permissions: []Permission{"*"}}})
	for _, n := range []need{{}, {any: true}} {
		if err := askEach(context.Background(), yes, admin, n, nil); !errors.Is(err, auth.ErrForbidden) {
			t.Errorf("%+v: the Decider permits: %v", n, err)
		}
		if r, err := pol.compile(n); err != nil || r.allows(admin) || r.check(admin) == nil {
			t.Errorf("%+v: the Policy permits", n)
		}
	}
	if new(rule).allows(admin) {
		t.Error("the zero rule permits")
	}
}

// A route keeps a table of its own only for as many roles as pay off.
func TestRuleTable(t *testing.T) {
	for roles, own := range map[int]bool{maxAlone: true, maxAlone + 1: false} {
		m := make(map[string]Role)
		for i := range roles {
			m[fmt.Sprint("r", i)] = Role{Permissions: []Permission{"a:b"}}
		}
		r, err := MustPolicy(m).compile(need{perms: []Permission{"a:b"}})
		if err != nil || (r.alone.find("r0") >= 0) != own || !r.allows(&auth.Principal{Roles: []string{"r0"}}) {
			t.Errorf("%d roles: %v", roles, err)
		}
	}
}

// FuzzNameTable: a table of any names answers as a map does.
func FuzzNameTable(f *testing.F) {
	f.Add("admin\nmanager\ncustomer", "Admin")
	f.Add("a\nab\nabc\nabcd\nabcde\nabcdefgh\nabcdefghi", "abcdefg")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaa\naaaaaaaabbbbbbbbbbbbbbbb\naaaaaaaaccccccccccccccccd", "")
	f.Add("\x00\n\x00\x00\n\x00\x00\x00\x00", "\x00\x00\x00")
	f.Fuzz(func(t *testing.T, lines, other string) {
		var names []string
		seen := map[string]bool{"": true}
		for name := range strings.SplitSeq(lines, "\n") {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
		table := newNameTable(names)
		compareTable(t, &table, names, other)
	})
}
