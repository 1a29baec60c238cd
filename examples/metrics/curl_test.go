package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
)

// A shell runs the lines of curl that README.md has.
type shell struct {
	t     *testing.T
	bases *strings.Replacer // from the addresses of README.md to those of the test
	jar   http.CookieJar
	vars  map[string]string
}

func newShell(t *testing.T, s *service) *shell {
	t.Helper()
	api, metrics := httptest.NewServer(s.api), httptest.NewServer(s.metrics)
	t.Cleanup(api.Close)
	t.Cleanup(metrics.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	bases := strings.NewReplacer("http://127.0.0.1:8080", api.URL, "http://127.0.0.1:9464", metrics.URL)
	return &shell{t: t, bases: bases, jar: jar, vars: make(map[string]string)}
}

// words takes a line apart as a shell does: quotes and variables.
func (s *shell) words(line string) (list []string) {
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inWord = c, true
		case quote != '\'' && c == '$':
			end := i + 1
			for end < len(line) && 'A' <= line[end] && line[end] <= 'Z' {
				end++
			}
			value, ok := s.vars[line[i+1:end]]
			if !ok {
				s.t.Fatalf("no variable %s: %s", line[i:end], line)
			}
			word.WriteString(value)
			i, inWord = end-1, true
		case quote == 0 && c == '#' && !inWord:
			return list
		case quote == 0 && c == ' ':
			if inWord {
				list = append(list, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		list = append(list, word.String())
	}
	return list
}

// curl sends the request of a line and keeps the key that was made.
func (s *shell) curl(line string) (status int, answer string) {
	s.t.Helper()
	args := s.words(line)
	method, url, body, send, keep := "", "", "", false, false
	header := http.Header{}
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "-c", "-b":
			send = send || args[i] == "-b"
			keep = keep || args[i] == "-c"
			i++
		case "-H":
			i++
			name, value, _ := strings.Cut(args[i], ": ")
			header.Set(name, value)
		case "-d":
			i++
			method, body = "POST", args[i]
		case "-X":
			i++
			method = args[i]
		default:
			url = s.bases.Replace(args[i])
		}
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	req.Header = header
	if send {
		for _, c := range s.jar.Cookies(req.URL) {
			req.AddCookie(c)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if keep {
		s.jar.SetCookies(req.URL, res.Cookies())
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var made struct{ Key, ID string }
	if json.Unmarshal(text, &made) == nil && made.Key != "" {
		s.vars["KEY"], s.vars["ID"] = made.Key, made.ID
	}
	return res.StatusCode, string(text)
}
