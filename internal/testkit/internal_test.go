package testkit

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"log"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

func TestServerLog(t *testing.T) {
	var b strings.Builder
	l := log.New(serverLog{&b}, "", 0)
	l.Print("http: TLS handshake error from 127.0.0.1:1: EOF")
	l.Print("http: panic serving 127.0.0.1:1: ouch")
	if b.String() != "http: panic serving 127.0.0.1:1: ouch\n" {
		t.Errorf("wrote %q", b.String())
	}
}

func TestJarConcurrently(t *testing.T) {
	u := &url.URL{Scheme: "https", Host: "example.com", Path: "/"}
	j := newJar()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { j.put(u, &http.Cookie{Name: "last", Value: strconv.Itoa(i)}) })
		wg.Go(func() { j.find(u, "last") })
	}
	wg.Wait()
	if j.find(u, "last") == nil || len(j.set) != 1 {
		t.Errorf("one cookie, set 200 times, is kept %d times", len(j.set))
	}
}

func TestRelation(t *testing.T) {
	for _, test := range []struct{ from, to, want string }{
		{"https://a.example.com", "https://a.example.com/x", "same-origin"},
		{"https://a.example.com", "https://b.example.com", "same-site"},
		{"https://a.example.com", "https://a.example.com:444", "same-site"},
		{"https://a.example.com", "http://a.example.com", "cross-site"},
		{"https://a.example.com", "https://a.example.org", "cross-site"},
		{"https://example.com", "https://badexample.com", "cross-site"},
		{"http://127.0.0.1:1", "http://127.0.0.1:2", "same-site"},
		{"http://127.0.0.1", "http://10.0.0.1", "cross-site"},
		{"http://[2001:db8::1]:1", "http://[2001:db8::1]:2", "same-site"},
		{"http://[2001:db8::1]", "http://[2001:db8::2]", "cross-site"},
		{"http://localhost:1", "http://localhost:2", "same-site"},
		{"http://localhost", "http://127.0.0.1", "cross-site"},
	} {
		from, err := url.Parse(test.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(test.to)
		if err != nil {
			t.Fatal(err)
		}
		if got := relation(from, to); got != test.want {
			t.Errorf("from %s to %s is %s, want %s", from, to, got, test.want)
		}
	}
}

// Whatever surrounds a secret in what was encoded, the secret is found.
func FuzzNeedles(f *testing.F) {
	f.Add("alice:", `p"4\ss <w>&+/%41=é😀'x`, "\n")
	f.Add("", "12345678", "")
	f.Add(`\u00`, `41\\\\\\\`, `"`)
	f.Add("%", "41%41%41", "%")
	f.Add("&", "lt;&amp;lt;", "&#")
	f.Add("\xff", "\U0010ffff\u2028\x00\x7f", "\xff")
	f.Fuzz(func(t *testing.T, before, s, after string) {
		if len(s) < minSecret || !utf8.ValidString(s) {
			return
		}
		text := before + s + after
		inJSON, err := json.Marshal(map[string]string{"k": text})
		if err != nil {
			t.Fatal(err)
		}
		twice, err := json.Marshal(string(inJSON))
		if err != nil {
			t.Fatal(err)
		}
		for name, encoded := range map[string]string{
			"raw":               text,
			"hex":               hex.EncodeToString([]byte(text)),
			"base64":            base64.StdEncoding.EncodeToString([]byte(text)),
			"base64url":         base64.RawURLEncoding.EncodeToString([]byte(text)),
			"query":             url.QueryEscape(text),
			"path":              url.PathEscape(text),
			"JSON":              string(inJSON),
			"JSON twice":        string(twice),
			"query in JSON":     strconv.Quote(url.QueryEscape(text)),
			"Go":                strconv.QuoteToASCII(text),
			"HTML":              html.EscapeString(text),
			"base64 in a query": url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(text))),
		} {
			if _, _, ok := find(needles(s), unescaped(encoded)); !ok {
				t.Errorf("%s: %q is not found in %q", name, s, encoded)
			}
		}
	})
}
