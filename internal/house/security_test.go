package house

import (
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	promise     = regexp.MustCompile(`^(\d+)\. \S`)
	promiseLink = regexp.MustCompile("\\[`([^`]+)`\\]\\(\\.\\./([^)#]+_test\\.go|[^)#]*storetest/[^)#]+\\.go)\\)")
)

// TestSecurityPromises keeps docs/security-promises.md true: each promise has a
// number and a test, and the test is in the file that is linked.
func TestSecurityPromises(t *testing.T) {
	text := page(t, "security-promises.md")
	checkLinks(t, "security-promises.md", text)
	src := newSources(t)
	last, proofs := 0, 1
	end := func() {
		if proofs == 0 {
			t.Errorf("security-promises.md: promise %d has no test", last)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if m := promise.FindStringSubmatch(line); m != nil {
			end()
			if n, _ := strconv.Atoi(m[1]); n != last+1 {
				t.Errorf("security-promises.md:%d: promise %s after %d", i+1, m[1], last)
			}
			last, proofs = last+1, 0
		}
		for _, m := range promiseLink.FindAllStringSubmatch(line, -1) {
			proofs++
			short := path.Dir(m[2])
			if short == "." {
				short = "auth"
			}
			p, err := parseProof(short + ": " + m[1])
			if err == nil {
				err = src.check(p)
			}
			if err != nil {
				t.Errorf("security-promises.md:%d: %v", i+1, err)
				continue
			}
			if file := src.read[short].files[p.test]; file != filepath.Base(m[2]) {
				t.Errorf("security-promises.md:%d: %s is in %s and not in %s", i+1, p.test, file, m[2])
			}
		}
	}
	end()
	if last < 25 {
		t.Errorf("security-promises.md has %d promises", last)
	}
}

// TestThreatModel: docs/threat-model.md leads to the page of every package, since
// what each does not protect from is said there.
func TestThreatModel(t *testing.T) {
	text := page(t, "threat-model.md")
	checkLinks(t, "threat-model.md", text)
	for _, p := range packages(t) {
		if !p.public() || testSupport(p.short()) {
			continue
		}
		doc := "../" + p.short() + "/doc.go"
		if p.short() == "auth" {
			doc = "../doc.go"
		}
		if !strings.Contains(text, "]("+doc+")") {
			t.Errorf("threat-model.md says nothing of %s: link to %s", p.short(), doc)
		}
	}
}
