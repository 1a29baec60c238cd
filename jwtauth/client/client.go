package client

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // auth.js
	"encoding/base64"
	"net/http"
	"time"

	"github.com/go-sallyport/auth/problem"
)

//go:embed auth.js
var source []byte

// Source returns the module, for a service that bundles it or serves it in its
// own way. The caller may change what it gets.
func Source() []byte { return bytes.Clone(source) }

// Integrity returns what a page puts into the integrity attribute of a script or
// a modulepreload link, so that the browser runs these bytes and no others (W3C
// Subresource Integrity).
func Integrity() string { return integrity }

var (
	integrity = "sha256-" + base64.StdEncoding.EncodeToString(digest())
	// A strong validator (RFC 9110 §8.8.1): it changes with any byte.
	etag = `"` + base64.RawURLEncoding.EncodeToString(digest()) + `"`
)

func digest() []byte {
	sum := sha256.Sum256(source)
	return sum[:]
}

var errMethod = &problem.Error{
	Details: problem.New(problem.MethodNotAllowed),
	Header:  http.Header{"Allow": {"GET, HEAD"}},
}

// Handler serves the module to GET and HEAD. Browsers keep it and ask each time
// whether it is still the one, which costs an answer without a body: after an
// update of the service no page runs the old one.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			problem.WriteError(w, r, errMethod)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", etag)
		http.ServeContent(w, r, "auth.js", time.Time{}, bytes.NewReader(source))
	})
}
