package problem

import (
	"net/http"
	"sync"
)

// An ErrorHandler answers a request that failed. It is the type of the field of
// that name in every package of this module; nil stands for WriteError.
type ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error)

// WriteError answers r with the problem that From finds in err, and with the
// headers of the Error. It is the default ErrorHandler of every package here.
// The text of err is not sent.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if e := find(err); e != nil {
		h := w.Header()
		for name, values := range e.Header {
			// WWW-Authenticate is a list to which an outer layer may have
			// contributed; every other header has one true value.
			if name != "Www-Authenticate" {
				h.Del(name)
			}
			for _, v := range values {
				h.Add(name, v)
			}
		}
		if n := len(e.Challenges); n > 0 {
			if before := h["Www-Authenticate"]; len(before) > 0 {
				h["Www-Authenticate"] = append(before[:len(before):len(before)], e.Challenges...)
			} else {
				h["Www-Authenticate"] = e.Challenges[:n:n]
			}
		}
		e.Details.ServeHTTP(w, r)
		return
	}
	d := From(err)
	d.ServeHTTP(w, r)
}

// The header values are shared by all responses. Their capacity is their
// length, so that Header.Add on top of one copies it.
var (
	contentType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	retryAfter  = []string{"5"} // seconds; used where nobody knew better
)

// maxKept is the largest buffer, in bytes, that goes back to the pool.
const maxKept = 16 << 10

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// ServeHTTP writes d as the response. The answer is never cached (RFC 9457 says
// nothing of it; a problem of one user must not be shown to the next) and never
// sniffed. 204 and 304 have no body (RFC 9110 §15.3.5, §15.4.5), nor has the
// answer to HEAD. 429 and 503 get a Retry-After if none is set.
func (d *Details) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := d.status()
	h := w.Header()
	if len(h) > 0 {
		forget(h)
	}
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		if len(h["Retry-After"]) == 0 {
			h["Retry-After"] = retryAfter
		}
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		delete(h, "Content-Type")
		w.WriteHeader(status)
		return
	}
	h["Content-Type"] = contentType
	w.WriteHeader(status)
	if r != nil && r.Method == http.MethodHead {
		return
	}
	// A failed write means that the client is gone; there is nobody to tell.
	if body := d.rendered(); body != nil {
		_, _ = w.Write(body)
		return
	}
	buf := buffers.Get().(*[]byte)
	*buf = d.append((*buf)[:0])
	_, _ = w.Write(*buf)
	if cap(*buf) <= maxKept {
		buffers.Put(buf)
	}
}

// forget removes what a handler had prepared for a body of its own.
func forget(h http.Header) {
	delete(h, "Content-Length")
	delete(h, "Content-Encoding")
	delete(h, "Content-Range")
	delete(h, "Etag")
	delete(h, "Last-Modified")
}
