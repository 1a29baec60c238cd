package docs

import (
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// otherWords are pages in which a name stands for something else: a package of another
// library that is called as one of ours is, or a method that is named by its package.
var otherWords = []string{"docs/migrate-jwt.md", "docs/asvs.md", "docs/threat-model.md"}

var (
	inline  = regexp.MustCompile("`[^`\n]+`")
	mention = regexp.MustCompile(`\b([A-Za-z]\w*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
)

// TestMentions: what the sentences of a guide name is there. A name is that of a package
// and what it has, such as jwtauth.KeySet.Add, or of a type and what that has, such as
// IssuerConfig.Epochs, in whatever package.
func TestMentions(t *testing.T) {
	imp := libraries(t)
	var ours []*types.Package
	for _, path := range imports {
		p, err := imp.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(path, "github.com/go-sallyport/") {
			ours = append(ours, p)
		}
	}
	seen := 0
	for _, page := range pages(t) {
		if !strings.HasPrefix(page, "docs/") || slices.Contains(otherWords, page) {
			continue
		}
		for _, span := range inline.FindAllString(prose(t, filepath.Join(root, page)), -1) {
			for _, m := range mention.FindAllStringSubmatch(span, -1) {
				known, there := false, false
				if path := imports[m[1]]; strings.HasPrefix(path, "github.com/go-sallyport/") {
					p, err := imp.Import(path)
					if err != nil {
						t.Fatal(err)
					}
					known, there = true, has(p, m[2], m[3])
				} else if first := m[1][:1]; first == strings.ToUpper(first) {
					for _, p := range ours {
						known = known || p.Scope().Lookup(m[1]) != nil
						there = there || has(p, m[1], m[2])
					}
				}
				if known {
					seen++
				}
				if known && !there {
					t.Errorf("%s: there is no %s", page, m[0])
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d names are found", seen)
	}
}

// has reports whether p has name and, unless that is empty, name has the member.
func has(p *types.Package, name, member string) bool {
	o := p.Scope().Lookup(name)
	if o == nil || member == "" {
		return o != nil
	}
	found, _, _ := types.LookupFieldOrMethod(o.Type(), true, p, member)
	return found != nil
}
