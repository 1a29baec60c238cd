package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A shell runs the lines of curl that README.md has.
type shell struct {
	t    *testing.T
	base string
	jar  http.CookieJar
	vars map[string]string
}

func newShell(t *testing.T, log io.Writer) *shell {
	t.Helper()
	api, err := newAPI(slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &shell{t: t, base: srv.URL, jar: jar, vars: make(map[string]string)}
}

// words takes a line apart as a shell does: quotes, backslashes and variables.
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
		case quote != '\'' && c == '\\':
			i++
			word.WriteByte(line[i])
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
func (s *shell) curl(line string) (status int, answer map[string]any) {
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
			body = args[i]
		case "-X":
			i++
			method = args[i]
		default:
			url = strings.Replace(args[i], "http://127.0.0.1:8080", s.base, 1)
		}
	}
	if method == "" && body != "" {
		method = "POST"
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
	if len(text) > 0 && text[0] == '{' {
		if err := json.Unmarshal(text, &answer); err != nil {
			s.t.Fatal(err)
		}
	}
	if key, ok := answer["key"].(string); ok {
		id, _ := answer["id"].(string)
		s.vars["KEY"], s.vars["ID"] = key, id
	}
	return res.StatusCode, answer
}

// Every line of README.md answers as it says.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := newShell(t, &log)
	n := 0
	var secrets []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		n++
		_, after, _ := strings.Cut(line, "   # ")
		status, answer := s.curl(line)
		if !strings.HasPrefix(after, strconv.Itoa(status)) {
			t.Errorf("%s\nanswered %d %v", line, status, answer)
		}
		if strings.Contains(after, "API_KEY_REVOKED") && answer["code"] != "API_KEY_REVOKED" {
			t.Errorf("%s\nanswered %v", line, answer)
		}
		if s.vars["KEY"] != "" {
			secrets = append(secrets, s.vars["KEY"][len(s.vars["KEY"])-49:])
		}
	}
	if n < 15 {
		t.Errorf("README.md has %d lines of curl", n)
	}
	t.Run("KEY-01 no key in the log, and the events are there", func(t *testing.T) {
		for _, secret := range secrets {
			if strings.Contains(log.String(), secret) {
				t.Fatal("the log has a key")
			}
		}
		for _, kind := range []string{"apikey.issued", "apikey.rotated", "apikey.revoked", "apikey.refused"} {
			if !strings.Contains(log.String(), kind) {
				t.Errorf("the log has no %s", kind)
			}
		}
	})
}

const (
	signIn  = `curl -c jar -H 'Content-Type: application/json' -d '{"email":"bob@example.com","password":"bob forgot his umbrella"}' http://127.0.0.1:8080/login`
	newKey  = `curl -b jar -H 'Content-Type: application/json' -d '{"name":"k","scopes":["forecast:read"]}' http://127.0.0.1:8080/v1/keys`
	weather = `curl -H "X-API-Key: $KEY" http://127.0.0.1:8080/v1/forecast/oslo`
)

func TestAPI(t *testing.T) {
	want := func(t *testing.T, s *shell, line string, status int, code string) {
		t.Helper()
		got, answer := s.curl(line)
		if got != status || code != "" && answer["code"] != code {
			t.Errorf("%s\nanswered %d %v, want %d %s", line, got, answer, status, code)
		}
	}
	t.Run("the plan of the owner is the limit of his keys, rotated or not", func(t *testing.T) {
		s := newShell(t, io.Discard)
		want(t, s, signIn, 204, "")
		want(t, s, newKey, 201, "")
		for range limits["free"].Max {
			want(t, s, weather, 200, "")
		}
		want(t, s, weather, 429, "TOO_MANY_REQUESTS")
		want(t, s, newKey, 201, "") // a key of its own, with a count of its own
		want(t, s, weather, 200, "")
	})
	t.Run("KEY-06 what the plan has not, no key has", func(t *testing.T) {
		s := newShell(t, io.Discard)
		want(t, s, signIn, 204, "")
		want(t, s, strings.Replace(newKey, "forecast:read", "readings:write", 1), 403, "FORBIDDEN")
	})
	t.Run("KEY-07 an owner in the body is refused", func(t *testing.T) {
		s := newShell(t, io.Discard)
		want(t, s, signIn, 204, "")
		want(t, s, strings.Replace(newKey, `"name":"k"`, `"subject":"1"`, 1), 400, "BODY_INVALID")
	})
	t.Run("KEY-07 the key of another is not there", func(t *testing.T) {
		s := newShell(t, io.Discard)
		want(t, s, strings.NewReplacer("bob@", "alice@", "bob forgot his umbrella", "alice reads the clouds").Replace(signIn), 204, "")
		want(t, s, newKey, 201, "")
		want(t, s, signIn, 204, "")
		want(t, s, "curl -b jar -X DELETE http://127.0.0.1:8080/v1/keys/$ID", 404, "NOT_FOUND")
		want(t, s, "curl -b jar -X POST http://127.0.0.1:8080/v1/keys/$ID/rotate", 404, "NOT_FOUND")
		want(t, s, weather, 200, "")
	})
	t.Run("a report of a key that is none changes nothing", func(t *testing.T) {
		s := newShell(t, io.Discard)
		s.vars["KEY"] = "acme_live_x"
		report := `curl -H 'Content-Type: application/json' -d "{\"key\":\"$KEY\"}" http://127.0.0.1:8080/leaked-keys`
		want(t, s, report, 401, "API_KEY_MALFORMED")
		for range 9 {
			s.curl(report)
		}
		want(t, s, report, 429, "TOO_MANY_REQUESTS")
	})
	t.Run("a page of another site makes no key", func(t *testing.T) {
		s := newShell(t, io.Discard)
		want(t, s, signIn, 204, "")
		want(t, s, newKey+" -H 'Sec-Fetch-Site: cross-site'", 403, "CROSS_ORIGIN")
	})
}
