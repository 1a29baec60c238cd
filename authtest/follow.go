package authtest

import (
	"errors"
	"io"
	"net/http"
	"slices"
)

// maxRedirects is what browsers put up with.
const maxRedirects = 20

// Follow goes where resp sends the browser, and on, until an answer is no
// redirect. A resp that is none comes back as it is.
//
// As in a browser, 303 turns every method but HEAD into GET, 301 and 302 turn
// POST into GET, 307 and 308 repeat the request; and Sec-Fetch-Site tells of the
// farthest site that the chain has passed. Of the headers that a test gave to the
// first request, only those of Header apply to the next ones.
func (b *Browser) Follow(resp *Response) *Response {
	b.t.Helper()
	for range maxRedirects {
		if resp.StatusCode < 300 || resp.StatusCode > 399 || resp.Header.Get("Location") == "" {
			return resp
		}
		resp = b.must(b.follow(resp))
	}
	b.t.Fatalf("more than %d redirects, the last to %s", maxRedirects, resp.Request.URL.Redacted())
	return nil
}

// follow takes one step.
func (b *Browser) follow(resp *Response) (*Response, error) {
	to, err := resp.Location()
	if err != nil {
		return nil, err
	}
	before := resp.sent
	method, body := before.Method, io.Reader(nil)
	switch status := resp.StatusCode; {
	case status == http.StatusSeeOther && method != http.MethodHead,
		(status == http.StatusMovedPermanently || status == http.StatusFound) && method == http.MethodPost:
		method = http.MethodGet
	case before.GetBody != nil:
		if body, err = before.GetBody(); err != nil {
			return nil, err
		}
	case before.Body != nil && before.Body != http.NoBody:
		return nil, errors.New("the redirect repeats a body that is spent: use a request with GetBody")
	}
	req, err := http.NewRequestWithContext(before.Context(), method, to.String(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength, req.GetBody = before.ContentLength, before.GetBody
		req.Header["Content-Type"] = before.Header["Content-Type"]
	}
	own := b.script()
	if before.Header.Get("Sec-Fetch-Mode") == "navigate" {
		own = b.navigation()
	}
	if site := before.Header.Get("Sec-Fetch-Site"); site != "" {
		req.Header.Set("Sec-Fetch-Site", farther(site, relation(b.page, to)))
	}
	return b.send(req, own)
}

// farther returns the Sec-Fetch-Site after a step to a URL of that relation.
func farther(before, step string) string {
	i := slices.Index(sites, before)
	if i < 0 {
		return before
	}
	return sites[max(i, slices.Index(sites, step))]
}
