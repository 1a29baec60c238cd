package passkey

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // passkey.js
	"encoding/base64"
	"net/http"
	"time"

	"github.com/go-sallyport/auth/problem"
)

//go:embed passkey.js
var script []byte

// Script returns passkey.js, for a service that bundles it or serves it in its own
// way. The caller may change what it gets.
func Script() []byte { return bytes.Clone(script) }

// ScriptIntegrity returns what a page puts into the integrity attribute of a script or
// a modulepreload link, so that the browser runs these bytes and no others (W3C
// Subresource Integrity).
func ScriptIntegrity() string { return "sha256-" + base64.StdEncoding.EncodeToString(scriptSum[:]) }

var scriptSum = sha256.Sum256(script)

// ScriptHandler serves passkey.js, an ES module without dependencies, to GET and HEAD:
// what calls navigator.credentials in the browser for the handlers of a Manager. It is
// documented in itself. Browsers keep it and ask each time whether it is still the
// one, which costs an answer without a body: after an update of the service no page
// runs the old one.
func ScriptHandler() http.Handler {
	etag := `"` + encoding.EncodeToString(scriptSum[:]) + `"` // strong (RFC 9110 §8.8.1)
	wrongMethod := &problem.Error{Details: problem.New(problem.MethodNotAllowed), Header: http.Header{"Allow": {"GET, HEAD"}}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			problem.WriteError(w, r, wrongMethod)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", etag)
		http.ServeContent(w, r, "passkey.js", time.Time{}, bytes.NewReader(script))
	})
}
