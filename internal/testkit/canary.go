package testkit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/go-sallyport/auth"
)

// A Canary fails the test if a secret turns up where it must not: in a log, an
// event, an error, a panic or a response (PWD-15, I7). A test registers secrets,
// hands the sinks to what it tests and goes on as usual:
//
//	canary := testkit.NewCanary(t)
//	password := canary.Secret("alice's password")
//	accounts, err := account.New(store, account.Config{OnEvent: canary.OnEvent})
//	b := authtest.NewBrowser(t, canary.Handler(mux))
//
// What the sinks record is searched when the test ends, so that a secret may be
// registered after it leaked. A secret counts in raw, hexadecimal and base64
// form, the latter in both alphabets and at any offset in what was encoded, and
// as the list of numbers that fmt and JSON make of bytes; each of them also
// behind the escapes of URLs, JSON, Go and HTML, two deep. A failure names the
// sink, the label and the form, and never shows a secret.
//
// It does not find a secret that was cut short, compressed, encrypted or split
// over two writes to different sinks, nor one shorter than 8 bytes: such would be
// found by chance. A Canary is safe for concurrent use.
type Canary struct {
	t      testing.TB
	logger *slog.Logger

	mu      sync.Mutex
	secrets []secret
	records []*record
	allowed []allowance
}

// minSecret is the length in bytes below which chance would find a secret.
const minSecret = 8

type secret struct {
	label   string
	needles []needle
}

// A record is what one sink has received.
type record struct {
	sink     string
	request  string // of a response: its method and path
	text     strings.Builder
	reported map[string]bool // labels
}

type allowance struct{ label, request string }

// NewCanary returns a canary that looks at the end of the test, after every
// cleanup that was registered later. By then it must have been given a secret and
// have recorded something, or the test has proved nothing and fails.
func NewCanary(t testing.TB) *Canary {
	c := &Canary{t: t}
	every := &slog.HandlerOptions{AddSource: true, Level: slog.Level(-1 << 10)}
	c.logger = slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(c.Writer("log as text"), every),
		slog.NewJSONHandler(c.Writer("log as JSON"), every),
	))
	t.Cleanup(func() {
		c.Check()
		c.connected()
	})
	return c
}

// Secret makes and registers a secret: 26 characters, 128 random bits.
func (c *Canary) Secret(label string) string {
	s := rand.Text()
	c.Watch(label, s)
	return s
}

// Watch registers a secret that exists already, such as a cookie. Several may
// have one label. A secret shorter than 8 bytes ends the test.
func (c *Canary) Watch(label, s string) {
	c.t.Helper()
	if len(s) < minSecret {
		c.t.Fatalf("canary: %s has %d bytes; one shorter than %d would be found by chance", label, len(s), minSecret)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.secrets = append(c.secrets, secret{label, needles(s)})
}

// WatchHash registers the SHA-256 of s, for hashes that are secrets as well.
func (c *Canary) WatchHash(label, s string) {
	c.t.Helper()
	sum := sha256.Sum256([]byte(s))
	c.Watch(label, string(sum[:]))
}

// Allow permits secrets of that label in one response to request, its method and
// path ("POST /api-keys"): the one that has to show it. Another such response
// fails the test. Call it once per response that may.
func (c *Canary) Allow(label, request string) {
	c.t.Helper()
	if method, path, _ := strings.Cut(request, " "); method == "" || !strings.HasPrefix(path, "/") {
		c.t.Fatalf("canary: Allow wants a request such as \"POST /api-keys\", not %q", request)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed = append(c.allowed, allowance{label, request})
}

// Logger returns a logger of every level, as text and as JSON: the one shows
// what String and Error hide from the other.
func (c *Canary) Logger() *slog.Logger { return c.logger }

// OnEvent records e; it is an auth.EventFunc.
func (c *Canary) OnEvent(ctx context.Context, e auth.Event) {
	c.record("event", fmt.Sprintf("%+v\n%+v\n", e, e.LogValue()))
	c.errors("error of event "+string(e.Kind), e.Err)
}

var _ auth.EventFunc = (*Canary)(nil).OnEvent

// Error records err with all that it wraps, by its text and by its fields. It
// returns err.
func (c *Canary) Error(err error) error {
	c.errors("error", err)
	return err
}

// Writer returns a sink of that name, for logs of other kinds, metrics, files.
func (c *Canary) Writer(sink string) io.Writer {
	return &writer{canary: c, record: c.record(sink, "")}
}

type writer struct {
	canary *Canary
	record *record
}

func (w *writer) Write(b []byte) (int, error) {
	w.canary.mu.Lock()
	defer w.canary.mu.Unlock()
	return w.record.text.Write(b)
}

// record notes text as a record of its own.
func (c *Canary) record(sink, text string) *record {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &record{sink: sink, reported: make(map[string]bool)}
	r.text.WriteString(text)
	c.records = append(c.records, r)
	return r
}

// errors records the tree of err.
func (c *Canary) errors(sink string, err error) {
	if err == nil {
		return
	}
	c.record(sink, fmt.Sprintf("%v\n%+v\n%#v\n", err, err, err))
	c.errors(sink, errors.Unwrap(err))
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			c.errors(sink, one)
		}
	}
}

// Check fails the test for every secret that has been recorded where it is not
// allowed. The end of the test calls it; a secret is reported once per record.
func (c *Canary) Check() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	budget := make(map[allowance]int)
	for _, a := range c.allowed {
		budget[a]++
	}
	for _, r := range c.records {
		for _, h := range c.hits(r.text.String()) {
			permit := allowance{h.label, r.request}
			switch {
			case r.reported[h.label]:
			case budget[permit] > 0:
				budget[permit]--
			default:
				r.reported[h.label] = true
				c.t.Errorf("canary: %s (%s) in %s%s", h.label, h.form, c.redact(r.sink), c.around(h))
			}
		}
	}
}

// A hit is a secret that was found.
type hit struct{ label, form, text string }

// hits returns one hit per label that has a secret in text.
func (c *Canary) hits(text string) []hit {
	var found []hit
	seen := make(map[string]bool)
	views := unescaped(text)
	for _, s := range c.secrets {
		if seen[s.label] {
			continue
		}
		if form, in, ok := find(s.needles, views); ok {
			seen[s.label] = true
			found = append(found, hit{s.label, form, in})
		}
	}
	return found
}

// redact returns text with labels in place of secrets.
func (c *Canary) redact(text string) string {
	var pairs []string
	for _, s := range c.secrets {
		for _, n := range s.needles {
			pairs = append(pairs, n.text, mark(s.label))
		}
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	if len(c.hits(text)) > 0 { // behind escapes
		return "(not shown: holds a secret)"
	}
	return text
}

func mark(label string) string { return "[" + label + "]" }

// margin is how much of a record is shown before and after a hit, in bytes.
const margin = 40

// around shows where in its record h is.
func (c *Canary) around(h hit) string {
	text := c.redact(h.text)
	i := strings.Index(text, mark(h.label))
	if i < 0 {
		return ""
	}
	end := i + len(mark(h.label))
	return fmt.Sprintf(": %q", text[max(0, i-margin):min(len(text), end+margin)])
}

// connected fails a test that passed without having proved anything.
func (c *Canary) connected() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.t.Failed() || c.t.Skipped() {
		return
	}
	if len(c.secrets) == 0 {
		c.t.Error("canary: no secret was registered: call Secret or Watch")
	}
	for _, r := range c.records {
		if r.text.Len() > 0 {
			return
		}
	}
	c.t.Error("canary: nothing was recorded: hand its Logger, OnEvent, Handler or Writer to what is tested")
}
