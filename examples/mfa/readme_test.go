package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every line of curl that README.md has is answered as it says.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	wd := newWorld(t)
	b := wd.browser() // the jar
	line := regexp.MustCompile(`(?m)^curl -b jar -c jar(?: -X (POST))?(?: -H 'Content-Type: (application/json)' -d (?:'(.*)'|"(.*)"))? http://localhost:8080(/\S*)   # (\d+)(?: ([A-Z_]+\b))?`)
	lines := line.FindAllStringSubmatch(string(text), -1)
	if n := strings.Count(string(text), "\ncurl "); len(lines) != n || n < 15 {
		t.Fatalf("%d of %d lines are understood", len(lines), n)
	}
	var secret, used, recovery string
	for _, l := range lines {
		method, kind, body := l[1], l[2], l[3]+strings.ReplaceAll(l[4], `\"`, `"`)
		if strings.Contains(body, "$CODE") {
			used = wd.code(secret)
			body = strings.ReplaceAll(body, "$CODE", used)
		}
		body = strings.NewReplacer("$USED", used, "$RECOVERY", recovery).Replace(body)
		switch {
		case method == "" && body == "":
			method = "GET"
		case method == "":
			method = "POST"
		}
		s := b.do(method, l[5], body, "Content-Type", kind, "Accept", "*/*")
		var answer struct {
			Code, Secret  string
			RecoveryCodes []string `json:"recovery_codes"`
		}
		_ = json.Unmarshal([]byte(s.body), &answer) // some are empty, and some are pages
		if strconv.Itoa(s.status) != l[6] || l[7] != "" && answer.Code != l[7] {
			t.Fatalf("%s\nis answered %d %s", l[0], s.status, s.body)
		}
		if answer.Secret != "" {
			secret = answer.Secret
		}
		if len(answer.RecoveryCodes) > 0 {
			recovery = answer.RecoveryCodes[0]
		}
	}
}
