package running

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A Client is a browser or a script: it keeps cookies, follows no redirect, and
// sends Header with every request. Cookies do not know ports (RFC 6265 §8.5), so
// one Client may talk to several processes: see At.
type Client struct {
	HTTP   *http.Client
	Header http.Header // of every request
	Server *Server
}

// Client returns a new one without cookies.
func (s *Server) Client() *Client {
	jar, _ := cookiejar.New(nil) // has no error without options
	return &Client{
		HTTP: &http.Client{
			Jar: jar, Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Header: http.Header{}, Server: s,
	}
}

// HTTP2 returns a client with the same cookies that speaks HTTP/2, without TLS as
// from a proxy.
func (c *Client) HTTP2() *Client {
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	clone := *c.HTTP
	clone.Transport = &http.Transport{Protocols: &only}
	return &Client{HTTP: &clone, Header: c.Header, Server: c.Server}
}

// At returns a client with the same cookies and headers that talks to another
// process.
func (c *Client) At(s *Server) *Client {
	return &Client{HTTP: c.HTTP, Header: c.Header, Server: s}
}

// From returns a client with the same cookies and headers at another address of
// loopback, a different one for each n: limits that count addresses see somebody else.
func (c *Client) From(n int) *Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+n>>16), byte(n>>8), byte(n))}}
	clone := *c.HTTP
	clone.Transport = &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 64}
	return &Client{HTTP: &clone, Header: c.Header, Server: c.Server}
}

// With returns a client with the same cookies and one more header.
func (c *Client) With(name, value string) *Client {
	h := c.Header.Clone()
	h.Set(name, value)
	return &Client{HTTP: c.HTTP, Header: h, Server: c.Server}
}

// Bearer returns a client without cookies that sends a token.
func (s *Server) Bearer(token string) *Client {
	return s.Client().With("Authorization", "Bearer "+token)
}

// Key returns a client without cookies that sends an API key.
func (s *Server) Key(key string) *Client { return s.Client().With("X-API-Key", key) }

// An Answer is a response that was read.
type Answer struct {
	*http.Response
	Text string // the body
	Took time.Duration
}

// JSON returns a member of the body, with the names of objects in turn, or nil.
func (a *Answer) JSON(names ...string) any {
	var v any
	_ = json.Unmarshal([]byte(a.Text), &v)
	for _, name := range names {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// String returns a member that is a string, or "".
func (a *Answer) String(names ...string) string {
	s, _ := a.JSON(names...).(string)
	return s
}

// Code is that of the problem.
func (a *Answer) Code() string { return a.String("code") }

// Cookie returns one that the response sets, or nil.
func (a *Answer) Cookie(name string) *http.Cookie {
	for _, c := range a.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Call sends JSON, or no body if in is nil. In may be a string of JSON.
func (c *Client) Call(t testing.TB, method, path string, in any) *Answer {
	t.Helper()
	a, err := c.TryCall(t, method, path, in)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, tail(c.Server.Log()))
	}
	return a
}

// TryCall is Call for a server that may not answer. It may be called on any goroutine.
func (c *Client) TryCall(t testing.TB, method, path string, in any) (*Answer, error) {
	t.Helper()
	h := http.Header{"Accept": {"application/json"}}
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case string:
		body = strings.NewReader(in)
		h.Set("Content-Type", "application/json")
	default:
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
		h.Set("Content-Type", "application/json")
	}
	return c.Try(t, method, path, h, body)
}

// Post sends a form as a page does, and Page opens one.
func (c *Client) Post(t testing.TB, path string, form url.Values) *Answer {
	t.Helper()
	return c.Send(t, "POST", path, http.Header{
		"Accept": {"text/html"}, "Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {c.Server.URL}, "Sec-Fetch-Site": {"same-origin"},
	}, strings.NewReader(form.Encode()))
}

// Page opens a page.
func (c *Client) Page(t testing.TB, path string) *Answer {
	t.Helper()
	return c.Send(t, "GET", path, http.Header{"Accept": {"text/html"}}, nil)
}

// Send sends any request and reads the answer. An answer that does not come ends
// the test; see Try.
func (c *Client) Send(t testing.TB, method, path string, header http.Header, body io.Reader) *Answer {
	t.Helper()
	a, err := c.Try(t, method, path, header, body)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, tail(c.Server.Log()))
	}
	return a
}

// Try is Send for a server that may not answer. It may be called on any goroutine.
func (c *Client) Try(t testing.TB, method, path string, header http.Header, body io.Reader) (*Answer, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.Server.URL+path, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, c.Header)
	maps.Copy(r.Header, header)
	start := time.Now()
	res, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return &Answer{Response: res, Text: string(text), Took: time.Since(start)}, nil
}

// Want ends the test unless the answer has the status and, if it is given, the
// code.
func (c *Client) Want(t testing.TB, a *Answer, status int, code ...string) *Answer {
	t.Helper()
	if a.StatusCode != status || len(code) > 0 && a.Code() != code[0] {
		t.Fatalf("%s %s: %d %s, want %d %v\n%s", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Text, status, code, tail(c.Server.Log()))
	}
	return a
}

// tail is the end of a log, which tells the most.
func tail(log string) string {
	if len(log) > 2000 {
		return "…" + log[len(log)-2000:]
	}
	return log
}
