package testkit

import (
	"html"
	"net/url"
	"regexp"
	"strings"
)

// Enough of HTML for pages that html/template has written: attributes in any
// order and quoting, no forms within scripts.
var (
	htmlComment = regexp.MustCompile(`(?s)<!--.*?-->`)
	htmlTag     = regexp.MustCompile(`(?is)<(/?form|input|button)\b((?:[^>"']|"[^"]*"|'[^']*')*)>`)
	htmlAttr    = regexp.MustCompile(`(?s)([^\s"'=/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?`)
)

// formFields returns the named values of the first form of page with that
// action. Buttons are not pressed; boxes count if they are checked.
func formFields(page, action string) (fields url.Values, ok bool) {
	for _, tag := range htmlTag.FindAllStringSubmatch(htmlComment.ReplaceAllString(page, ""), -1) {
		attr := attributes(tag[2])
		switch name := strings.ToLower(tag[1]); {
		case name == "form" && !ok && attr["action"] == action:
			fields, ok = make(url.Values), true
		case name == "/form" && ok:
			return fields, true
		case name == "input" && ok && submits(attr):
			fields.Add(attr["name"], attr["value"])
		}
	}
	return fields, ok
}

func submits(attr map[string]string) bool {
	if _, disabled := attr["disabled"]; disabled || attr["name"] == "" {
		return false
	}
	switch strings.ToLower(attr["type"]) {
	case "submit", "button", "image", "reset", "file":
		return false
	case "checkbox", "radio":
		_, checked := attr["checked"]
		return checked
	}
	return true
}

func attributes(text string) map[string]string {
	attr := make(map[string]string)
	for _, m := range htmlAttr.FindAllStringSubmatch(text, -1) {
		attr[strings.ToLower(m[1])] = html.UnescapeString(m[2] + m[3] + m[4])
	}
	return attr
}
