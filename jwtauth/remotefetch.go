package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxDocument  = 1 << 20 // bytes of a JWKS or of metadata
	maxRedirects = 3
)

// A fetcher gets the JWKS of an issuer. It is used by one goroutine at a time.
type fetcher struct {
	client  *http.Client
	address string // of the JWKS; empty: not discovered yet
	issuer  string // empty: the address was given
}

func newClient(cfg RemoteConfig) *http.Client {
	transport := cfg.Transport
	if transport == nil {
		transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: cfg.Timeout}).DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    cfg.Timeout,
			ResponseHeaderTimeout:  cfg.Timeout,
			MaxResponseHeaderBytes: 64 << 10,
			DisableKeepAlives:      true, // the next fetch is minutes away
		}
	}
	return &http.Client{Transport: transport, Timeout: cfg.Timeout, CheckRedirect: checkRedirect}
}

var errRedirect = errors.New("a redirect leads to another origin, or is one of many")

// checkRedirect keeps a redirect from leading into the network of this service.
func checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
		return errRedirect
	}
	return nil
}

// checkAddress reports whether keys may be fetched from there: over HTTPS, and
// without it on this machine only.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("jwtauth: %q is not the address of a server", address)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return fmt.Errorf("jwtauth: %q: whoever is on the way could put his own keys into an answer that is not HTTPS", address)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (f *fetcher) name() string {
	if f.issuer != "" {
		return f.issuer
	}
	return f.address
}

// keys returns the text of the JWKS. An address that was discovered and fails is
// discovered again the next time.
func (f *fetcher) keys(ctx context.Context) (string, error) {
	if f.issuer != "" && f.address == "" {
		address, err := f.discover(ctx)
		if err != nil {
			return "", err
		}
		f.address = address
	}
	text, err := f.get(ctx, f.address)
	if err != nil && f.issuer != "" {
		f.address = ""
	}
	return text, err
}

// discover returns the jwks_uri of the issuer.
func (f *fetcher) discover(ctx context.Context) (string, error) {
	u, err := url.Parse(f.issuer)
	if err != nil {
		return "", err
	}
	// OpenID Connect Discovery §4.1 appends, RFC 8414 §3.1 inserts.
	path := strings.TrimSuffix(u.Path, "/")
	openID, oauth := *u, *u
	openID.Path = path + "/.well-known/openid-configuration"
	oauth.Path = "/.well-known/oauth-authorization-server" + path
	text, err := f.get(ctx, openID.String())
	if err != nil {
		var second error
		if text, second = f.get(ctx, oauth.String()); second != nil {
			return "", errors.Join(err, second)
		}
	}
	var issuer, address string
	err = readWide(text, maxMetadata, func(r *jsonReader, name string) (err error) {
		switch name {
		case "issuer":
			issuer, err = r.text()
		case "jwks_uri":
			address, err = r.text()
		default:
			err = r.skip()
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("the metadata of %q: %w", f.issuer, err)
	}
	if issuer != f.issuer {
		return "", fmt.Errorf("the metadata of %q says that it is of %q", f.issuer, issuer)
	}
	return address, checkAddress(address)
}

func (f *fetcher) get(ctx context.Context, address string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody) //nolint:gosec // checked by checkAddress: of the configuration, or of the issuer that it names
	if err != nil {
		return "", err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	res, err := f.client.Do(r) //nolint:gosec // the same
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %d", address, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err != nil {
		return "", err
	}
	if len(body) > maxDocument {
		return "", fmt.Errorf("%s answers with more than %d bytes", address, maxDocument)
	}
	return string(body), nil
}

var (
	errNoKeysList = errors.New("the JWKS has no list of keys")
	errManyKeys   = fmt.Errorf("the JWKS has more than %d keys", maxKeys)
	errNoUsable   = errors.New("the JWKS has no key that can be used")
)

// parseJWKS returns the keys of a JWKS that can be used, and why the others cannot.
// A document that is not strict JSON is refused as a whole; a key that is wrong is
// not, as RFC 7517 §5 asks: it may be for somebody else.
func parseJWKS(text string, allowed []Algorithm) (keys []*Key, ignored, err error) {
	var refused []error
	count := -1
	err = readObject(text, func(r *jsonReader, name string) error {
		if name != "keys" {
			return r.skip()
		}
		if r.peek() != '[' {
			return errNoKeysList
		}
		count = 0
		return r.array(func() error {
			if count++; count > maxKeys {
				return errManyKeys
			}
			one, err := r.raw()
			if err != nil {
				return err
			}
			k, err := remoteKey(one, allowed)
			if err != nil {
				refused = append(refused, err)
				return nil
			}
			keys = append(keys, k)
			return nil
		})
	})
	switch {
	case err != nil:
		return nil, nil, err
	case count < 0:
		return nil, nil, errNoKeysList
	}
	keys, twice := unambiguous(keys)
	refused = append(refused, twice...)
	if len(keys) == 0 {
		return nil, nil, errors.Join(append(refused, errNoUsable)...)
	}
	return keys, errors.Join(refused...), nil
}

// remoteKey makes a key of one element of a JWKS.
func remoteKey(text string, allowed []Algorithm) (*Key, error) {
	var j jwk
	if err := readObject(text, j.member); err != nil {
		return nil, refuseKey("it cannot be read: %w", err)
	}
	if j.kind == typeOct || j.private() {
		return nil, refuseKey("%.64q: a secret is published", j.id)
	}
	rsaDefault := Algorithm("")
	if i := slices.IndexFunc(allowed, func(a Algorithm) bool { return algorithms[a].kind == typeRSA }); i >= 0 {
		rsaDefault = allowed[i]
	}
	alg, err := j.algorithm(rsaDefault)
	if err != nil {
		return nil, fmt.Errorf("%.64q: %w", j.id, err)
	}
	if !slices.Contains(allowed, alg) {
		return nil, refuseKey("%.64q: %s is not one of Algorithms", j.id, alg)
	}
	k, err := j.public(alg)
	if err != nil {
		return nil, fmt.Errorf("%.64q: %w", j.id, err)
	}
	return k, nil
}

// unambiguous takes out all keys of an id that more than one has.
func unambiguous(keys []*Key) (list []*Key, refused []error) {
	count := make(map[string]int)
	for _, k := range keys {
		count[k.id]++
	}
	for _, k := range keys {
		if count[k.id] == 1 {
			list = append(list, k)
		} else {
			refused = append(refused, refuseKey("more than one key has the id %.64q", k.id))
		}
	}
	return list, refused
}
