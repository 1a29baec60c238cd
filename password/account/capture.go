package account

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/problem"
)

// DefaultCaptured is how many messages a Capture keeps.
const DefaultCaptured = 100

// A Capture is a Mailer for tests and for development: it sends nothing and keeps
// the last messages, secrets included. It is safe for concurrent use.
type Capture struct {
	mu       sync.Mutex
	messages []Message // the oldest first
	most     int
}

// NewCapture returns a Capture that keeps the last n messages; zero or less: 100.
func NewCapture(n int) *Capture {
	if n <= 0 {
		n = DefaultCaptured
	}
	return &Capture{most: n}
}

// Send implements Mailer.
func (c *Capture) Send(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.messages) == c.most {
		c.messages = slices.Delete(c.messages, 0, 1)
	}
	c.messages = append(c.messages, m)
	return nil
}

// Messages returns what is kept, the newest first.
func (c *Capture) Messages() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.messages)
	slices.Reverse(list)
	return list
}

// InsecureMailbox returns a handler that shows what is kept to whoever asks, with
// the tokens that reset passwords: a JSON array of {kind, to, subject, body,
// token}, the newest first. It is for a development machine, and answers 404 to a
// request whose peer or Host is not loopback, or that a proxy says it has forwarded.
// One on the same machine that keeps that to itself opens it to everybody.
func (c *Capture) InsecureMailbox() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromHere(r) {
			problem.WriteError(w, r, &problem.Error{Details: problem.New(problem.NotFound)})
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			problem.WriteError(w, r, &problem.Error{Details: problem.New(problem.MethodNotAllowed), Header: http.Header{"Allow": {"GET, HEAD"}}})
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		_ = json.NewEncoder(w).Encode(captured(c.Messages()))
	})
}

// A capturedMessage is the form of a Message that the handler shows.
type capturedMessage struct {
	Kind    MessageKind `json:"kind"`
	To      string      `json:"to"`
	Subject string      `json:"subject"`
	Body    string      `json:"body"`
	Token   string      `json:"token"`
}

func captured(messages []Message) []capturedMessage {
	list := make([]capturedMessage, len(messages))
	for i, m := range messages {
		list[i] = capturedMessage{m.Kind, m.To, m.Subject, cmp.Or(m.Text, m.HTML), m.Token}
	}
	return list
}

// fromHere reports whether r certainly comes from this machine. The Host keeps
// web pages out that have their name resolve to 127.0.0.1.
func fromHere(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	named := strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
	return named && clientip.Peer(r).IsLoopback()
}
