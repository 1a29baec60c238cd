package doors_test

import (
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func TestKeyText(t *testing.T) {
	t.Parallel()
	b := running.On(t, "SQLite", nil)
	s := b.Start(t, running.Options{})
	owner := s.Member(t, alice, words)
	text := keyText(t, owner, "orders:read")
	good := s.Key(text)
	good.Want(t, good.Call(t, "GET", orders, nil), 200)
	corpus.Case(t, "K01", "every strict prefix of a key, every character changed, another case, something before, within or behind it, the parts of two keys",
		"401 API_KEY_MALFORMED, or UNAUTHENTICATED for an empty text", func(t *testing.T) { mistyped(t, owner, text) })
	corpus.Case(t, "K01", "characters of the secret or the id changed, and the checksum made right again",
		"401 API_KEY_INVALID", func(t *testing.T) { forged(t, s, text) })
	corpus.Case(t, "K01", "two headers, good and bad in both orders; two keys in one header; spaces around the key are HTTP's own (RFC 9110 §5.5) and do not count",
		"401; 200 with the spaces", func(t *testing.T) { twoHeaders(t, s, text) })
	corpus.Case(t, "K01", "the key in the query, the path, a form, JSON, a cookie, as password of Basic, as Bearer, as scheme ApiKey, in headers that look like X-API-Key",
		"401 each, and the log does not have the key", func(t *testing.T) { elsewhere(t, s, text) })
	corpus.Case(t, "KEY-11", "62 keys of the right form that do not exist, from one address; a good key from there and from another address",
		"401 up to the limit, then 429 with Retry-After; 200 from the other address", func(t *testing.T) { tooManyKeys(t, b, text) })
}

func mistyped(t *testing.T, owner *running.Client, text string) {
	s := owner.Server
	c := s.Client()
	check := func(v string) {
		t.Helper()
		a := c.With("X-API-Key", v).Call(t, "GET", orders, nil)
		if a.StatusCode != 401 || a.Code() != "API_KEY_MALFORMED" {
			t.Errorf("%q: %d %s", v, a.StatusCode, a.Text)
		}
	}
	for i := range len(text) {
		check(text[:i])
		flipped := []byte(text)
		if flipped[i]++; flipped[i] == '{' || flipped[i] == '[' || flipped[i] == ':' {
			flipped[i] -= 2
		}
		check(string(flipped))
	}
	other := keyText(t, owner, "orders:read")
	prefix, secret := text[:strings.LastIndex(text, "_")], other[strings.LastIndex(other, "_"):]
	for _, v := range []string{
		strings.ToUpper(text), strings.ToLower(text), "x" + text, text + "x", text + text, text + "\u00a0", text + "\t" + text, text[:10] + " " + text[10:],
		"sk_test" + strings.TrimPrefix(text, "sk_live"), prefix + secret, strings.Repeat("A", 30<<10), strings.ReplaceAll(text, "_", "-"), text + "%00", text + ";", text + "=",
		strings.ReplaceAll(text, "_", "\uff3f"), "'" + text + "'",
	} {
		check(v)
	}
	if a := c.Call(t, "GET", orders, nil); a.StatusCode != 401 || a.Code() != "UNAUTHENTICATED" {
		t.Errorf("without a key: %d %s", a.StatusCode, a.Text)
	}
}

// unknown is a key of the right form that nobody has: text with the last character of its
// secret changed.
func unknown(text string) string {
	last, other := len(text)-7, "A"
	if text[last] == 'A' {
		other = "B"
	}
	return checksummed(text[:last] + other + text[last+1:])
}

// checksummed returns a key whose last six characters are right for what is before them:
// CRC-32 in base 62, which anybody can compute.
func checksummed(text string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	text = text[:len(text)-6]
	n := crc32.ChecksumIEEE([]byte(text))
	var sum [6]byte
	for i := 5; i >= 0; i-- {
		sum[i] = digits[n%62]
		n /= 62
	}
	return text + string(sum[:])
}

func forged(t *testing.T, s *running.Server, text string) {
	if checksummed(text) != text {
		t.Fatal("the checksum is another one")
	}
	c := s.Client()
	for i := len("sk_live_"); i < len(text)-6; i += 3 {
		changed := []byte(text)
		if changed[i] == '_' {
			continue
		}
		if changed[i] = 'A'; text[i] == 'A' {
			changed[i] = 'B'
		}
		a := c.With("X-API-Key", checksummed(string(changed))).Call(t, "GET", orders, nil)
		if a.StatusCode != 401 || a.Code() != "API_KEY_INVALID" {
			t.Errorf("character %d: %d %s", i, a.StatusCode, a.Text)
		}
	}
}

func twoHeaders(t *testing.T, s *running.Server, text string) {
	c := s.Client()
	bad := unknown(text)
	for _, values := range [][]string{{text, text}, {text, bad}, {bad, text}, {text, ""}, {"", text}, {text + ", " + text}, {text + "," + bad}, {""}, {bad}} {
		a := c.Send(t, "GET", orders, http.Header{"X-Api-Key": values}, nil)
		if a.StatusCode != 401 {
			t.Errorf("%q: %d %s", values, a.StatusCode, a.Text)
		}
	}
	if status, _ := raw(t, s, "GET "+orders+" HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: \t "+text+" \t \r\nConnection: close\r\n\r\n"); status != 200 {
		t.Errorf("with spaces around: %d", status)
	}
	if status, _ := raw(t, s, "GET "+orders+" HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: "+text[:20]+"\r\n "+text[20:]+"\r\nConnection: close\r\n\r\n"); status == 200 {
		t.Error("a key over two lines is taken")
	}
}

func elsewhere(t *testing.T, s *running.Server, text string) {
	q := url.QueryEscape(text)
	for _, path := range []string{
		orders + "?api_key=" + q, orders + "?X-API-Key=" + q, orders + "?apikey=" + q + "&key=" + q, orders + "?access_token=" + q, orders + "/?x-api-key=" + q,
		orders + "/" + q, orders + ";x-api-key=" + q, orders + "#" + q,
	} {
		c := s.Client()
		if a := c.Call(t, "GET", path, nil); a.StatusCode < 400 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	for name, values := range map[string][]string{
		"Cookie":              {"X-API-Key=" + text, "session=" + text, "api_key=" + text},
		"Authorization":       {"ApiKey " + text, "Bearer " + text, "Key " + text, text, "Basic " + base64.StdEncoding.EncodeToString([]byte("alice@example.com:"+text)), "Token " + text},
		"X_API_Key":           {text},
		"X-Apikey":            {text},
		"Api-Key":             {text},
		"X-Original-Api-Key":  {text},
		"Proxy-Authorization": {"ApiKey " + text},
		"X-Auth-Token":        {text},
	} {
		for _, v := range values {
			c := s.Client().With(name, v)
			if a := c.Call(t, "GET", profile, nil); a.StatusCode != 401 {
				t.Errorf("%s: %.12s…: %d", name, v, a.StatusCode)
			}
		}
	}
	c := s.Client()
	for media, body := range map[string]string{"application/x-www-form-urlencoded": "api_key=" + q + "&X-API-Key=" + q, "application/json": `{"api_key":"` + text + `","item":"tea"}`} {
		a := c.Send(t, "POST", orders, http.Header{"Content-Type": {media}}, strings.NewReader(body))
		if a.StatusCode != 401 {
			t.Errorf("in a body: %d", a.StatusCode)
		}
	}
	if strings.Contains(s.Log(), text[30:]) {
		t.Error("the log has the key")
	}
}

func tooManyKeys(t *testing.T, b *running.Backend, text string) {
	s := b.Start(t, running.Options{}) // which has counted nothing yet
	c := s.Client()
	limited := 0
	for i := range 62 {
		body := fmt.Sprintf("sk_live_%03d%016d_%043d000000", i, i, i)
		switch a := c.With("X-API-Key", checksummed(body)).Call(t, "GET", orders, nil); {
		case a.StatusCode == 429 && a.Header.Get("Retry-After") != "" && a.Code() == "TOO_MANY_REQUESTS":
			limited++
		case a.StatusCode != 401 || limited > 0:
			t.Fatalf("key %d: %d %s", i, a.StatusCode, a.Text)
		}
	}
	if limited == 0 {
		t.Fatal("no limit")
	}
	good := s.Key(text)
	good.Want(t, good.Call(t, "GET", orders, nil), 429)
	elsewhere := good.From(1)
	elsewhere.Want(t, elsewhere.Call(t, "GET", orders, nil), 200)
	spoofed := s.Key(text).With("X-Real-IP", "127.0.0.2").With("CF-Connecting-IP", "127.0.0.2").With("True-Client-IP", "127.0.0.2")
	spoofed.Want(t, spoofed.Call(t, "GET", orders, nil), 429)
}
