package oauth

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits of the client for providers.
const (
	// DefaultHTTPTimeout bounds a request to a provider, from the first byte of the
	// request to the last of the answer.
	DefaultHTTPTimeout = 10 * time.Second
	// MaxResponse is how much of a body is read, in bytes, after decompression.
	MaxResponse = 1 << 20

	maxRedirects = 3
)

// HTTPConfig configures a client for providers. The zero value is the recommended
// production setting.
type HTTPConfig struct {
	// Timeout bounds a request with its redirects and its body. Zero: 10 seconds; at
	// most a minute.
	Timeout time.Duration
	// Transport is for private certificate authorities and proxies. Nil: one of its
	// own, that uses the proxy of the environment as net/http does.
	Transport http.RoundTripper
}

// NewHTTPClient returns the client with which everything is asked of a provider:
// tokens, users, metadata and keys. Whatever the provider does, a request ends within
// Timeout and takes at most MaxResponse bytes of memory for its body, also if it was
// compressed; more is an error of Read and never a cut text.
//
// A request goes out over HTTPS, or over HTTP to loopback. A redirect is followed
// within the origin, a few times, and only for GET and HEAD: what has a body or goes
// elsewhere, such as into the network of this service, is an error. So credentials
// reach no other host than the one that they were meant for.
//
// The client keeps no cookies. It is safe for concurrent use.
func NewHTTPClient(cfg HTTPConfig) (*http.Client, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultHTTPTimeout
	}
	if cfg.Timeout < time.Millisecond || cfg.Timeout > time.Minute {
		return nil, fmt.Errorf("oauth: HTTPConfig.Timeout is %s: use 1ms to 1m, or 0 for %s", cfg.Timeout, DefaultHTTPTimeout)
	}
	if cfg.Transport == nil {
		cfg.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: cfg.Timeout}).DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        30 * time.Second,
			TLSHandshakeTimeout:    cfg.Timeout,
			ResponseHeaderTimeout:  cfg.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return &http.Client{Transport: boundedTransport{cfg.Transport}, Timeout: cfg.Timeout, CheckRedirect: checkRedirect}, nil
}

var (
	errRedirect = errors.New("oauth: a redirect leads to another origin, is of a request with a body, or is one of many")
	errPlain    = errors.New("oauth: only https is asked, and http on loopback")
	errTooLong  = fmt.Errorf("oauth: the answer is longer than %d bytes", MaxResponse)
)

func checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || r.URL.Scheme != first.URL.Scheme || r.URL.Host != first.URL.Host ||
		first.Method != http.MethodGet && first.Method != http.MethodHead {
		return errRedirect
	}
	return nil
}

// CheckURL reports whether something may be asked of that address: absolute, https or
// http on loopback, without user and fragment. Providers check what they were
// configured with by it, and what metadata names.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || strings.Contains(address, "#") || u.Opaque != "" {
		return fmt.Errorf("oauth: %q is not the address of a server", address)
	}
	if !secureURL(u) {
		return fmt.Errorf("oauth: %q: whoever is on the way could read and change what is not HTTPS", address)
	}
	return nil
}

func secureURL(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// boundedTransport holds every request, also one that is a redirect, to the rules.
type boundedTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !secureURL(r.URL) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errPlain
	}
	res, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &boundedBody{body: res.Body, left: MaxResponse}
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport.
func (t boundedTransport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// A boundedBody is a body that is an error if it is longer than allowed. It stands
// outside of the transport, which decompresses.
type boundedBody struct {
	body io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errTooLong
	}
	return n, err
}

// Close implements io.Closer.
func (b *boundedBody) Close() error { return b.body.Close() }
