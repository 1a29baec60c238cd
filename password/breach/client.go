package breach

import (
	"context"
	"crypto/sha1" //nolint:gosec // the index of the lists, not a protection
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Config configures a Client. The zero value is the recommended production
// setting: Have I Been Pwned, two seconds.
type Config struct {
	// BaseURL is what the five digits are appended to, after a "/". It must be
	// https, or http on a loopback address, without user, query and fragment.
	// Empty: DefaultBaseURL.
	BaseURL string
	// MinCount is how often a password must have been seen to count as breached.
	// Zero: once.
	MinCount int
	// Timeout bounds a whole question, from the look-up of the name to the last
	// byte of the answer, at most 30 seconds. Zero: 2 seconds.
	Timeout time.Duration
	// UserAgent names the service to the server. Empty: DefaultUserAgent.
	UserAgent string
	// Transport sends the requests, in place of one with TLS 1.2 or later, the
	// proxy of the environment, and at most 16 connections at once.
	Transport http.RoundTripper
}

// Defaults of Config.
const (
	DefaultBaseURL   = "https://api.pwnedpasswords.com/range"
	DefaultTimeout   = 2 * time.Second
	DefaultUserAgent = "sallyport-breach"
)

const (
	maxTimeout     = 30 * time.Second
	maxBody        = 512 << 10 // a padded range has some 80 KB at most
	maxHeader      = 64 << 10
	maxConnections = 16
	prefixDigits   = 5
)

// A Client asks a range server about passwords.
//
// It does not follow redirects: the digits go to the configured host or nowhere.
// Its connections are kept for half a minute. It is safe for concurrent use.
type Client struct {
	base      string
	minCount  int
	timeout   time.Duration
	userAgent string
	http      *http.Client
}

// New returns a Client. It does not ask anything yet.
func New(cfg Config) (*Client, error) {
	c := &Client{base: cfg.BaseURL, minCount: cfg.MinCount, timeout: cfg.Timeout, userAgent: cfg.UserAgent}
	if c.base == "" {
		c.base = DefaultBaseURL
	}
	if err := checkBase(c.base); err != nil {
		return nil, err
	}
	c.base = strings.TrimSuffix(c.base, "/")
	if c.minCount < 0 {
		return nil, fmt.Errorf("breach: MinCount is %d: it must be positive, or 0 for 1", c.minCount)
	}
	c.minCount = max(c.minCount, 1)
	if c.timeout < 0 || c.timeout > maxTimeout {
		return nil, fmt.Errorf("breach: Timeout is %s: it must be up to %s, or 0 for %s", c.timeout, maxTimeout, DefaultTimeout)
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.userAgent == "" {
		c.userAgent = DefaultUserAgent
	}
	if strings.ContainsFunc(c.userAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, errors.New("breach: UserAgent must be printable ASCII")
	}
	transport := cfg.Transport
	if transport == nil {
		transport = newTransport()
	}
	c.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        maxConnections,
		MaxIdleConnsPerHost:    maxConnections,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// checkBase refuses what would send digits in clear, or somewhere else than it
// looks.
func checkBase(base string) error {
	u, err := url.Parse(base)
	if err != nil {
		return errors.New("breach: BaseURL is not a URL")
	}
	if u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return errors.New("breach: BaseURL must be scheme, host and path, without user, query and fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return errors.New("breach: BaseURL must be https, or http on a loopback address")
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Check reports whether password is known from a breach. It is the Breached hook
// of a password.Policy. An error says nothing of the password, and neither yes nor
// no.
func (c *Client) Check(ctx context.Context, password string) (breached bool, err error) {
	sum := sha1.Sum([]byte(password)) //nolint:gosec // see the import
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	body, err := c.ask(ctx, digest[:prefixDigits])
	if err != nil {
		return false, err
	}
	count, err := search(body, digest[prefixDigits:])
	return count >= c.minCount, err
}

// ask returns the range of a prefix.
func (c *Client) ask(ctx context.Context, prefix string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/"+prefix, http.NoBody)
	if err != nil {
		return nil, errors.New("breach: the request cannot be made")
	}
	r.Header.Set("User-Agent", c.userAgent)
	r.Header.Set("Add-Padding", "true")
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("breach: %w", withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("breach: the server answers with status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("breach: the answer broke off: %w", err)
	case len(body) > maxBody:
		return nil, fmt.Errorf("breach: the answer is longer than %d bytes", maxBody)
	}
	return body, nil
}

// withoutURL takes the digits out of an error: url.Error quotes what was asked.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
