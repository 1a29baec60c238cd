package authtest

import (
	"html"
	"net/url"
	"regexp"
	"strings"
)

// Enough of HTML for pages that a template has written: attributes in any order
// and quoting, end tags where they belong.
var (
	htmlSilent = regexp.MustCompile(`(?is)<!--.*?-->|<script\b.*?</script\s*>|<template\b.*?</template\s*>`)
	htmlTag    = regexp.MustCompile(`(?is)<(/?form|input|textarea|/?select|option)\b((?:[^>"']|"[^"]*"|'[^']*')*)>`)
	htmlAttr   = regexp.MustCompile(`(?s)([^\s"'=/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?`)
)

// formFields returns the named values of the first form of page with that action.
func formFields(page, action string) (fields url.Values, ok bool) {
	page = htmlSilent.ReplaceAllString(page, "")
	var list *selection
	for at := 0; ; {
		tag := htmlTag.FindStringSubmatchIndex(page[at:])
		if tag == nil {
			return fields, ok
		}
		name, attr := strings.ToLower(page[at+tag[2]:at+tag[3]]), attributes(page[at+tag[4]:at+tag[5]])
		at += tag[1]
		if name == "form" && !ok && attr["action"] == action {
			fields, ok = make(url.Values), true
		}
		if !ok {
			continue
		}
		switch name {
		case "/form":
			return fields, true
		case "input":
			if submits(attr) {
				fields.Add(attr["name"], inputValue(attr))
			}
		case "textarea":
			text, _, _ := strings.Cut(page[at:], "</")
			at += len(text)
			if submits(attr) {
				fields.Add(attr["name"], html.UnescapeString(strings.TrimPrefix(text, "\n")))
			}
		case "select":
			list = &selection{attr: attr}
		case "option":
			if list != nil {
				text, _, _ := strings.Cut(page[at:], "<")
				list.add(attr, text)
			}
		case "/select":
			if list != nil && submits(list.attr) {
				list.submit(fields)
			}
			list = nil
		}
	}
}

// A selection is a select element and the values of its options.
type selection struct {
	attr    map[string]string
	first   []string // the first option, which counts if none is selected
	checked []string
}

func (s *selection) add(attr map[string]string, text string) {
	if _, disabled := attr["disabled"]; disabled {
		return
	}
	value, ok := attr["value"]
	if !ok {
		value = html.UnescapeString(strings.Join(strings.Fields(text), " "))
	}
	if s.first == nil {
		s.first = []string{value}
	}
	if _, selected := attr["selected"]; selected {
		s.checked = append(s.checked, value)
	}
}

func (s *selection) submit(fields url.Values) {
	values := s.checked
	if _, multiple := s.attr["multiple"]; !multiple {
		if len(values) == 0 {
			values = s.first
		}
		values = values[max(0, len(values)-1):]
	}
	for _, v := range values {
		fields.Add(s.attr["name"], v)
	}
}

// submits reports whether a control has a value to submit.
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

// inputValue is the value of an input; a box without one says "on".
func inputValue(attr map[string]string) string {
	value, ok := attr["value"]
	if kind := strings.ToLower(attr["type"]); !ok && (kind == "checkbox" || kind == "radio") {
		return "on"
	}
	return value
}

func attributes(text string) map[string]string {
	attr := make(map[string]string)
	for _, m := range htmlAttr.FindAllStringSubmatch(text, -1) {
		attr[strings.ToLower(m[1])] = html.UnescapeString(m[2] + m[3] + m[4])
	}
	return attr
}
