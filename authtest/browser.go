package authtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A Browser drives a handler through a real server and behaves as a browser
// does where security depends on it. It keeps cookies and refuses those that
// break the rules of __Host-, __Secure-, Secure, SameSite=None and size. It sends
// Accept, Origin, Sec-Fetch-Site and their like as a page of that origin would.
// It does not follow redirects until told to.
//
// In three ways it is harsher on the server than a browser is. It sends cookies
// whatever their SameSite and wherever the headers pretend that the request comes
// from, so that the server's own checks are what is tested; only requests made
// From another site obey SameSite. It asks for no permission first, where a browser
// would by a CORS preflight. And it measures the age of cookies by the real clock,
// so that a server with a scripted one gets to see cookies that it thinks have
// expired.
//
// Get, Post, PostJSON and Fetch take a path, or a whole URL, and at their end
// names and values of headers in turn, which replace the browser's own. An empty
// value keeps a header from being sent:
//
//	b.Post("/transfer", form, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
//	b.Get("/account", "Cookie", "")
//
// A Browser may be used by many goroutines at once. All its methods but Try end
// the test if no response comes within a minute, so a goroutine other than the
// test's calls Try.
type Browser struct {
	// Header replaces the browser's own headers in every request, as the headers
	// of a single call do; a name without a value keeps that header from being
	// sent. Set it before the Browser is shared.
	Header http.Header

	t        testing.TB
	base     *url.URL // where paths lead
	page     *url.URL // the origin that requests come from: base, unless the Browser is of From
	sameSite bool     // obeyed
	client   *http.Client
	jar      *jar
}

// timeout is the longest that one exchange may take. It is there to end a
// test that hangs, not to measure.
const timeout = time.Minute

// NewBrowserAt returns a browser for a server that is there already, through
// transport (nil: the default):
//
//	b := authtest.NewBrowserAt(t, server.URL, server.Client().Transport)
//
// With the transport of an httptest.Server, that server is also found as
// https://example.com and its subdomains. Of baseURL only the origin counts.
func NewBrowserAt(t testing.TB, baseURL string, transport http.RoundTripper) *Browser {
	t.Helper()
	base := origin(t, baseURL)
	if transport == nil {
		transport = http.DefaultTransport
	}
	if own, ok := transport.(*http.Transport); ok {
		own = own.Clone() // connections of its own, to be closed with the test
		t.Cleanup(own.CloseIdleConnections)
		transport = own
	}
	return &Browser{
		t:    t,
		base: base,
		page: base,
		client: &http.Client{
			Transport:     transport,
			Timeout:       timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		jar: newJar(),
	}
}

// origin returns the origin of a URL.
func origin(t testing.TB, whole string) *url.URL {
	t.Helper()
	u, err := url.Parse(whole)
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme == "" || u.Host == "" {
		t.Fatalf("a browser wants a URL such as https://127.0.0.1:8443, not %q", whole)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}
}

// From returns the same browser, with the same cookies, on a page of another
// origin. What it sends to the server of b comes from there: with that Origin, with
// the Sec-Fetch-Site that fits, and without the cookies that SameSite keeps at home
// (draft-ietf-httpbis-rfc6265bis, section 5.8.3; a cookie that says nothing is sent,
// as some browsers do):
//
//	b.From("https://evil.example").Post("/transfer", form).WantProblem(http.StatusUnauthorized, problem.Unauthenticated)
//
// Get is then a link that was clicked, Post a form that was sent, and Fetch a
// script of that page with credentials. A server that leaves all of it to SameSite
// passes such a test; the headers of a single call show what is behind it. Names
// are of one site if their last two labels are the same, addresses if they are.
func (b *Browser) From(page string) *Browser {
	b.t.Helper()
	other := *b
	other.page, other.sameSite = origin(b.t, page), true
	return &other
}

// Another returns a browser at the same server that shares nothing with b:
// another person's, or the same person's other device. t is the test that it
// fails, such as a subtest.
func (b *Browser) Another(t testing.TB) *Browser {
	t.Helper()
	return NewBrowserAt(t, b.base.String(), b.client.Transport)
}

// URL returns the whole URL of path; that of "" is the origin.
func (b *Browser) URL(path string) string {
	b.t.Helper()
	u, err := b.base.Parse(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

// Cookie returns the cookie of that name that b would send to some path of the
// server, or nil. Among several of that name it is the one that was set last.
func (b *Browser) Cookie(name string) *http.Cookie { return b.jar.find(b.base, name) }

// SetCookie puts c into the jar without any of the rules, as somebody does who
// has stolen or planted it. An empty Path is "/"; a negative MaxAge deletes.
func (b *Browser) SetCookie(c *http.Cookie) {
	own := *c
	if own.Path == "" {
		own.Path = "/"
	}
	b.jar.put(b.base, &own)
}

// Get opens a page, as by a bookmark.
func (b *Browser) Get(path string, header ...string) *Response {
	b.t.Helper()
	return b.must(b.send(b.request(http.MethodGet, path, nil, header), b.navigation()))
}

// Post sends a form that a page of the same origin showed.
func (b *Browser) Post(path string, form url.Values, header ...string) *Response {
	b.t.Helper()
	req := b.request(http.MethodPost, path, strings.NewReader(form.Encode()), header)
	own := b.navigation()
	own.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.must(b.send(req, own))
}

// PostJSON is Fetch with POST.
func (b *Browser) PostJSON(path string, body any, header ...string) *Response {
	b.t.Helper()
	return b.Fetch(http.MethodPost, path, body, header...)
}

// Fetch sends what a script of the same origin would: body as JSON, or as it is
// if it is a string or a []byte, or nothing if it is nil.
func (b *Browser) Fetch(method, path string, body any, header ...string) *Response {
	b.t.Helper()
	var content io.Reader
	own := b.script()
	if body != nil {
		content = bytes.NewReader(b.encode(body))
		own.Set("Content-Type", "application/json")
	}
	return b.must(b.send(b.request(method, path, content, header), own))
}

// Do sends req, to the server of b if its URL has no host, with the cookies of b
// and the headers of a script that req does not have. A name in req.Header
// without a value keeps that header from being sent.
func (b *Browser) Do(req *http.Request) *Response {
	b.t.Helper()
	return b.must(b.Try(req))
}

// Try is Do for a test that expects to fail, and for goroutines: it returns the
// error. If a response broke off it returns that too, with what had come.
func (b *Browser) Try(req *http.Request) (*Response, error) {
	return b.send(req.Clone(req.Context()), b.script())
}

// must ends the test at an error.
func (b *Browser) must(resp *Response, err error) *Response {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	return resp
}

// request makes a request with the headers of one call.
func (b *Browser) request(method, path string, body io.Reader, header []string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequest(method, b.URL(path), body)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(header)%2 != 0 {
		b.t.Fatal("a browser wants names and values of headers in turn")
	}
	for i := 0; i < len(header); i += 2 {
		name, value := http.CanonicalHeaderKey(header[i]), header[i+1]
		switch {
		case name == "Host":
			req.Host = value
		case value == "":
			req.Header[name] = nil
		default:
			req.Header.Add(name, value)
		}
	}
	return req
}

// encode returns body as the bytes to send.
func (b *Browser) encode(body any) []byte {
	b.t.Helper()
	switch body := body.(type) {
	case string:
		return []byte(body)
	case []byte:
		return body
	}
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

// send completes req, which it owns, and carries out one exchange.
func (b *Browser) send(req *http.Request, own http.Header) (*Response, error) {
	req.URL = b.base.ResolveReference(req.URL)
	b.complete(req, own)
	if _, set := req.Header["Cookie"]; !set {
		for _, c := range b.jar.sent(req.URL) {
			if !b.sameSite || leaves(c, relation(b.page, req.URL), req) {
				req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted})
			}
		}
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	err = errors.Join(err, resp.Body.Close())
	resp.Body = http.NoBody
	for _, c := range resp.Cookies() {
		if broken := refuse(req.URL, c); broken != "" {
			b.t.Logf("the browser refused cookie %s: %s", c.Name, broken)
			continue
		}
		b.jar.put(req.URL, c)
	}
	return &Response{Response: resp, Body: string(body), t: b.t, sent: req}, err
}
