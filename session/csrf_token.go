package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"github.com/go-sallyport/auth/internal/secret"
)

// Where RequireToken looks for a token.
const (
	CSRFHeader = "X-CSRF-Token"
	CSRFField  = "csrf_token"
)

// A proof is what a token hides: an HMAC-SHA256 under the secret in a cookie of
// the browser. Nothing is stored, who has a proof does not learn the cookie, and a
// cookie that changes, as that of the session does at a sign-in, ends all tokens
// from before.
type proof [sha256.Size]byte

// newProof proves a session's cookie or a visitor's. They differ in length, so
// neither can be passed off as the other.
func newProof(cookie string) proof {
	mac := hmac.New(sha256.New, []byte(cookie))
	mac.Write([]byte("sallyport csrf"))
	return proof(mac.Sum(nil))
}

// equal takes the same time wherever two proofs differ.
func (p proof) equal(other proof) bool { return subtle.ConstantTimeCompare(p[:], other[:]) == 1 }

var maskEncoding = base64.RawURLEncoding.Strict()

// csrfTokenLength is the length of a masked proof in characters.
const csrfTokenLength = 86

// mask writes p under a random pad that is used once. A page that shows the same
// bytes each time, compressed together with text of an attacker, can be guessed
// byte by byte from its length (BREACH).
func (p proof) mask() string {
	var b [2 * len(p)]byte
	_, _ = rand.Read(b[:len(p)]) // never fails
	subtle.XORBytes(b[len(p):], b[:len(p)], p[:])
	return maskEncoding.EncodeToString(b[:])
}

// unmask reads what mask wrote.
func unmask(text string) (proof, bool) {
	var p proof
	var b [2*len(p) + 2]byte // some more, for encoding/base64 wants room for what it refuses
	if len(text) != csrfTokenLength {
		return p, false
	}
	// A line break, which encoding/base64 skips, leaves too few bytes.
	if n, err := maskEncoding.Decode(b[:], []byte(text)); err != nil || n != 2*len(p) {
		return p, false
	}
	subtle.XORBytes(p[:], b[:len(p)], b[len(p):2*len(p)])
	return p, true
}

// Token returns a token for the forms and scripts of the page that answers r. It
// is bound to the session and looks different each time. It is good until the
// session ends or somebody signs in.
//
// A visitor who has no session gets none for it, and nothing is stored: the token
// is bound to a cookie of its own, the name of the session cookie with "-csrf"
// at its end, with the same attributes, until the browser is closed. A token that
// is bound to it counts as long as nobody is signed in.
//
// Token wants Manager.Handler in the chain (ErrNoHandler), and for a visitor's
// first token the headers not sent (ErrCommitted): ask for it before a template
// is executed into the response. It sets Cache-Control: no-store, for the page is
// for one browser only. A store that fails is a 503.
func (c *CSRF) Token(r *http.Request) (string, error) {
	if c.sessions == nil {
		return "", errNoCSRF
	}
	n := c.sessions.nodeOf(r.Context())
	if n == nil {
		return "", ErrNoHandler
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p, err := c.prove(n)
	if err != nil {
		return "", err
	}
	if !n.committed {
		n.response.Header()["Cache-Control"] = noStore
	}
	return p.mask(), nil
}

// Field is Token as a hidden field of a form, for a template:
//
//	<form method="post">{{.CSRF}}
//
// In a multipart form it must be the first field.
func (c *CSRF) Field(r *http.Request) (template.HTML, error) {
	text, err := c.Token(r)
	if err != nil {
		return "", err
	}
	return template.HTML(`<input type="hidden" name="` + CSRFField + `" value="` + text + `">`), nil //nolint:gosec // base64url needs no escapes
}

// CheckToken reports whether text is a token of the session of r: nil, or an
// error that wraps ErrCSRFToken, or that of a store that fails. It is for tokens
// that come by another way than RequireToken knows, such as the first message of
// a WebSocket.
func (c *CSRF) CheckToken(r *http.Request, text string) error {
	if c.sessions == nil {
		return errNoCSRF
	}
	got, ok := unmask(text)
	if !ok {
		return ErrCSRFToken
	}
	m := c.sessions
	// Whether the session lives is not asked here: this browser has the cookie,
	// and that an ended session is worth nothing is for who authenticates to say.
	if t, err := m.readCookie(r); err == nil && got.equal(newProof(string(t))) {
		return nil
	}
	visitor, ok := c.visitor(r)
	if !ok || !got.equal(newProof(visitor)) {
		return ErrCSRFToken
	}
	rec, err := m.recordOf(r)
	switch {
	case err == nil && rec.Principal != nil:
		return ErrCSRFToken // from before the sign-in
	case err != nil && !isNone(err):
		return err
	}
	return nil
}

// prove returns the proof of the cookie that the browser will have after the
// response. It wants n.mu.
func (c *CSRF) prove(n *node) (proof, error) {
	rec, err := n.load()
	switch {
	case err != nil && !isNone(err):
		return proof{}, err
	case rec != nil && n.cookie == cookieSet:
		return newProof(string(n.token)), nil
	case rec != nil:
		t, err := c.sessions.readCookie(n.request)
		return newProof(string(t)), err
	}
	if visitor, ok := c.visitor(n.request); ok {
		return newProof(visitor), nil
	}
	visitor, err := c.admit(n)
	return newProof(visitor), err
}

// visitorLength is the length of the visitor's cookie in characters.
const visitorLength = 43

// visitor returns the visitor's cookie of r. As with the session, two are none.
func (c *CSRF) visitor(r *http.Request) (string, bool) {
	found := r.CookiesNamed(c.cookie)
	if len(found) != 1 || len(found[0].Value) != visitorLength {
		return "", false
	}
	return found[0].Value, true
}

// admit gives a visitor the cookie, once in a response: the response remembers.
func (c *CSRF) admit(n *node) (string, error) {
	h := n.response.Header()
	for _, line := range h["Set-Cookie"] {
		if value, ok := strings.CutPrefix(line, c.cookie+"="); ok {
			value, _, _ = strings.Cut(value, ";")
			return value, nil
		}
	}
	if n.committed {
		return "", ErrCommitted
	}
	if err := c.sessions.checkIssue(n.request); err != nil {
		return "", err
	}
	visitor := secret.Token(32)
	h.Add("Set-Cookie", c.cookie+"="+visitor+c.sessions.attributes)
	return visitor, nil
}
