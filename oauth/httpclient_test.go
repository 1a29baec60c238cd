package oauth_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
	"github.com/go-sallyport/auth/oauth"
)

func newClient(t *testing.T, timeout time.Duration) *http.Client {
	t.Helper()
	c, err := oauth.NewHTTPClient(oauth.HTTPConfig{Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func get(c *http.Client, address string) (string, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func TestHTTPClient(t *testing.T) {
	serve := func(t *testing.T, h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
		return s.URL
	}
	script := func(s hostileidp.Script) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { s(w, r, nil) }
	}
	t.Run("OAU-10 a body of the limit is read, and one byte more is an error", func(t *testing.T) {
		for size, ok := range map[int]bool{oauth.MaxResponse: true, oauth.MaxResponse + 1: false, 2 * oauth.MaxResponse: false} {
			at := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
			body, err := get(newClient(t, 0), at)
			if (err == nil) != ok || len(body) > oauth.MaxResponse || ok && len(body) != size {
				t.Errorf("of %d bytes %d are read, %v", size, len(body), err)
			}
		}
	})
	t.Run("OAU-10 the limit is that of what was compressed", func(t *testing.T) {
		var small, big bytes.Buffer
		for buf, size := range map[*bytes.Buffer]int{&small: 1000, &big: 10 * oauth.MaxResponse} {
			z := gzip.NewWriter(buf)
			_, _ = z.Write(make([]byte, size))
			_ = z.Close()
		}
		for buf, ok := range map[*bytes.Buffer]bool{&small: true, &big: false} {
			at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(buf.Bytes())
			})
			if body, err := get(newClient(t, 0), at); (err == nil) != ok || len(body) > oauth.MaxResponse {
				t.Errorf("of %d bytes %d come out, %v", buf.Len(), len(body), err)
			}
		}
	})
	t.Run("OAU-10 F19 a request ends in time", func(t *testing.T) {
		for name, s := range map[string]hostileidp.Script{"no answer": hostileidp.Stall, "a drip": hostileidp.Drip} {
			began := time.Now()
			_, err := get(newClient(t, 100*time.Millisecond), serve(t, script(s)))
			if took := time.Since(began); err == nil || took > 10*time.Second {
				t.Errorf("%s: %v after %s", name, err, took)
			}
		}
	})
	t.Run("F19 a DNS that hangs", func(t *testing.T) {
		c, err := oauth.NewHTTPClient(oauth.HTTPConfig{Timeout: 100 * time.Millisecond, Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
		}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := get(c, "https://provider.example.com/"); err == nil || time.Since(began) > 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
	t.Run("OAU-10 redirects stay within the origin", func(t *testing.T) {
		reached := false
		elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { reached = true })
		var at string
		at = serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/here":
				http.Redirect(w, r, "/there", http.StatusFound)
			case "/away":
				http.Redirect(w, r, elsewhere, http.StatusFound)
			case "/scheme":
				http.Redirect(w, r, strings.Replace(at, "http:", "https:", 1), http.StatusFound)
			case "/loop":
				http.Redirect(w, r, "/loop", http.StatusFound)
			}
		})
		c := newClient(t, 0)
		for path, ok := range map[string]bool{"/here": true, "/away": false, "/scheme": false, "/loop": false} {
			if _, err := get(c, at+path); (err == nil) != ok {
				t.Errorf("%s: %v", path, err)
			}
		}
		if reached {
			t.Error("another origin was asked")
		}
	})
	t.Run("OAU-10 a body is never sent on", func(t *testing.T) {
		var got []string
		at := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, r.URL.Path+" "+string(body))
			if r.URL.Path == "/token" {
				http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
			}
		})
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/token", strings.NewReader("secret"))
		if res, err := newClient(t, 0).Do(req); err == nil {
			res.Body.Close()
			t.Error("the redirect was followed")
		}
		if len(got) != 1 {
			t.Errorf("requests: %q", got)
		}
	})
	t.Run("OAU-10 plain HTTP is for loopback", func(t *testing.T) {
		c, err := oauth.NewHTTPClient(oauth.HTTPConfig{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			t.Error("a request went out")
			return nil, errors.New("out")
		})})
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []string{"http://example.com/", "http://169.254.169.254/", "http://10.0.0.1/", "http://localhost.example.com/", "ftp://127.0.0.1/", "file:///etc/passwd"} {
			if _, err := get(c, at); err == nil {
				t.Errorf("%s: no error", at)
			}
		}
	})
	t.Run("OAU-10 what CheckURL takes", func(t *testing.T) {
		for at, ok := range map[string]bool{
			"https://example.com/a?b=c": true, "http://127.0.0.1:80/": true, "http://[::1]/": true, "http://localhost/": true,
			"": false, "/path": false, "example.com": false, "http://example.com": false, "https://a:b@example.com": false, "https://example.com/#x": false,
			"https://example.com/#": false, "https:example.com": false, "javascript:alert(1)": false, "https://": false, "https://%zz": false,
		} {
			if err := oauth.CheckURL(at); (err == nil) != ok {
				t.Errorf("%q: %v", at, err)
			}
		}
	})
	for _, d := range []time.Duration{-1, time.Microsecond, time.Hour} {
		if _, err := oauth.NewHTTPClient(oauth.HTTPConfig{Timeout: d}); err == nil {
			t.Errorf("a timeout of %s is no error", d)
		}
	}
}

type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
