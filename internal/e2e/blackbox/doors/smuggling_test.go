package doors_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// exchange sends bytes and returns what comes back, up to a text, or until the server
// closes.
func exchange(t *testing.T, s *running.Server, data []byte, until string) string {
	t.Helper()
	conn := dial(t, s)
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		return ""
	}
	var all []byte
	for buf := make([]byte, 4096); ; {
		n, err := conn.Read(buf)
		if all = append(all, buf[:n]...); err != nil || until != "" && bytes.Contains(all, []byte(until)) {
			return string(all)
		}
	}
}

func smuggling(t *testing.T, s *running.Server) {
	const hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, head := range []string{
		"Content-Length: 0\r\nContent-Length: 47", "Content-Length: 47\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding: xchunked",
		"Transfer-Encoding : chunked", "Content-Length : 0", "Content-Length: -1", "Content-Length: +0", "Content-Length: 0x0", "Content-Length: 0, 47", "Transfer-Encoding: chunked, chunked",
		"Content-Length: 18446744073709551616", "Transfer-Encoding:\x0bchunked", "Transfer-Encoding: \"chunked\"", "\x00: y",
	} {
		got := exchange(t, s, []byte("POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+head+"\r\n\r\n"+strings.Repeat(hidden, 2)), "")
		if n := strings.Count(got, "HTTP/1.1 "); n > 1 || strings.Contains(got, `"status":"ok"`) || n == 1 && !strings.HasPrefix(got, "HTTP/1.1 400") && !strings.HasPrefix(got, "HTTP/1.1 501") {
			t.Errorf("%q: %.200q", head, got)
		}
	}
}

func uninvitedBodies(t *testing.T, s *running.Server, customer *running.Client) {
	for _, r := range contract() {
		if r.method == "GET" || r.path == "/api/v1/auth/logout" || r.path == "/api/v1/sessions" || strings.Contains(r.path, "token/re") {
			continue
		}
		for _, c := range []*running.Client{s.Client(), customer} {
			a, err := c.Try(t, r.method, r.path, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(make([]byte, 10<<20)))
			if err == nil && a.StatusCode >= 500 {
				t.Errorf("%s %s: %d %s", r.method, r.path, a.StatusCode, a.Text)
			}
		}
	}
	conn := dial(t, s) // it is announced, and the client waits
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	customer.Want(t, customer.Call(t, "GET", profile, nil), 200)
}

// lineFeedByHTTP2 sends a header whose value has a line feed, which no client of net/http
// would do: a literal field without indexing (RFC 7541 §6.2.2) in a frame of its own making.
func lineFeedByHTTP2(t *testing.T, s *running.Server) {
	t.Helper()
	field := func(name, value string) []byte {
		b := []byte{0, byte(len(name))}
		b = append(b, name...)
		b = append(b, byte(len(value)))
		return append(b, value...)
	}
	for _, bad := range [][]byte{field("x-user", "a\nx-injected: 1"), field("cookie", "session=a\r\nx-injected: 1"), field("x\nx-injected", "1"), field(":path", "/x\r\nx-injected: 1")} {
		block := append([]byte{}, field(":method", "GET")...)
		block = append(block, field(":scheme", "http")...)
		if !bytes.Contains(bad, []byte(":path")) {
			block = append(block, field(":path", profile)...)
		}
		block = append(append(block, field(":authority", "localhost")...), bad...)
		data := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		data = append(data, 0, byte(len(block)>>8), byte(len(block)), 1, 5, 0, 0, 0, 1) // HEADERS, END_STREAM and END_HEADERS
		const reset = "\x03\x00\x00\x00\x00\x01\x00\x00\x00\x01"                        // RST_STREAM of stream 1, PROTOCOL_ERROR
		if got := exchange(t, s, append(data, block...), reset); strings.Contains(got, "x-injected") || !strings.Contains(got, reset) {
			t.Errorf("%q: %.300q", bad, got)
		}
	}
}
