package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// A site is the service on a port of its own, with an administrator.
type site struct {
	t     *testing.T
	url   string
	admin string // the password

	service *service
}

// start serves a new SQLite database, unless change names another one.
func start(t *testing.T, change ...func(*config)) *site {
	t.Helper()
	dir := t.TempDir()
	srv := httptest.NewUnstartedServer(nil)
	cfg := config{
		Addr: srv.Listener.Addr().String(), DB: filepath.Join(dir, "test.db"), Secrets: filepath.Join(dir, "secrets.json"), Dev: true,
	}
	cfg.BaseURL = "http://" + cfg.Addr
	for _, c := range change {
		c(&cfg)
	}
	log := slog.New(slog.DiscardHandler)
	s, err := newService(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = s.handler
	srv.Start()
	t.Cleanup(func() {
		srv.Close()
		s.close(log)
	})
	var out bytes.Buffer
	if err := s.seedAdmin(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	_, pw, ok := strings.Cut(strings.TrimSpace(out.String()), "password: ")
	if !ok {
		t.Fatalf("the administrator is said as %q", &out)
	}
	return &site{t, srv.URL, pw, s}
}

// A caller is a browser or a script: it keeps cookies, and sends a token if it has
// one.
type caller struct {
	*site
	http   *http.Client
	header http.Header
}

func (s *site) caller() *caller {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &caller{s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, http.Header{}}
}

// An answer is a response that was read.
type answer struct {
	*http.Response
	body string
}

// json returns the member of the body, with the names of objects in turn.
func (a answer) json(names ...string) any {
	var v any
	_ = json.Unmarshal([]byte(a.body), &v)
	for _, name := range names {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func (a answer) text(names ...string) string {
	s, _ := a.json(names...).(string)
	return s
}

// call sends JSON, or nothing.
func (c *caller) call(method, path string, in any) answer {
	c.t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			c.t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	return c.send(method, path, "application/json", "application/json", body)
}

// post sends a form as a browser does.
func (c *caller) post(path string, form url.Values) answer {
	c.t.Helper()
	return c.send("POST", path, "application/x-www-form-urlencoded", "text/html", strings.NewReader(form.Encode()))
}

// page opens a page.
func (c *caller) page(path string) answer {
	c.t.Helper()
	return c.send("GET", path, "", "text/html", nil)
}

func (c *caller) send(method, path, contentType, accept string, body io.Reader) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header = c.header.Clone()
	r.Header.Set("Accept", accept)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{res, string(text)}
}

// want checks the status and, if it is given, the code of the problem.
func (c *caller) want(a answer, status int, code ...string) answer {
	c.t.Helper()
	if a.StatusCode != status || len(code) > 0 && a.text("code") != code[0] {
		c.t.Fatalf("%s %s: %d %s, want %d %v", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.body, status, code)
	}
	return a
}

// login signs in by the API.
func (c *caller) login(email, pw string) answer {
	c.t.Helper()
	return c.want(c.call("POST", "/api/v1/auth/login", map[string]string{"email": email, "password": pw}), 200)
}

// mail waits for the newest message to somebody that has a token.
func (s *site) mail(to, subject string) (token string) {
	s.t.Helper()
	c := s.caller()
	for range 500 {
		var list []struct{ To, Subject, Token string }
		a := c.want(c.call("GET", "/dev/mailbox", nil), 200)
		if err := json.Unmarshal([]byte(a.body), &list); err != nil {
			s.t.Fatal(err)
		}
		for _, m := range list {
			if m.To == to && m.Token != "" && strings.Contains(strings.ToLower(m.Subject), subject) {
				return m.Token
			}
		}
		c.http.CloseIdleConnections()
		pause(s.t)
	}
	s.t.Fatalf("no mail to %s about %q", to, subject)
	return ""
}

// member registers somebody, confirms the address and signs in.
func (s *site) member(email, pw string) *caller {
	s.t.Helper()
	c := s.caller()
	c.want(c.call("POST", "/api/v1/auth/register", map[string]string{"email": email, "password": pw}), 202)
	c.want(c.call("POST", "/api/v1/auth/verify-email", map[string]string{"token": s.mail(email, "")}), 204)
	c.login(email, pw)
	return c
}

func (s *site) administrator() *caller {
	s.t.Helper()
	c := s.caller()
	c.login(adminEmail, s.admin)
	return c
}
