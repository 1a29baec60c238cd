package accounts

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// told is every secret that has gone over the wire.
type told struct {
	mu   sync.Mutex
	list map[string]bool
}

// least is how long a secret is at least. What is shorter, such as a code of six
// digits, is in a log by chance.
const least = 12

func (d *told) add(secrets ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		d.list = make(map[string]bool)
	}
	for _, s := range secrets {
		if len(strings.TrimSpace(s)) >= least {
			d.list[s] = true
		}
	}
}

// absent holds text to contain none of the secrets.
func (d *told) absent(t testing.TB, what, text string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.list) == 0 {
		t.Errorf("no secret was told, so %s cannot be judged", what)
	}
	// What the server prints on purpose, once, for the developer.
	_, text, _ = strings.Cut(text, "listening on ")
	for s := range d.list {
		if strings.Contains(text, s) || strings.Contains(text, url.QueryEscape(s)) {
			t.Errorf("%s holds the secret %q", what, s)
		}
	}
}

// secretMembers are those of bodies, of requests and answers.
var secretMembers = []string{"password", "current_password", "token", "recovery_code", "recovery_codes", "access_token", "secret", "key"}

// A witness sends requests and takes note of the secrets in them and in the answers.
type witness struct {
	told *told
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			text, _ := io.ReadAll(body)
			w.note(text)
		}
	}
	res, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, c := range res.Cookies() {
		w.told.add(c.Value)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	w.note(text)
	res.Body = io.NopCloser(bytes.NewReader(text))
	return res, nil
}

func (w *witness) note(text []byte) {
	var members map[string]any
	if json.Unmarshal(text, &members) != nil {
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return
		}
		members = make(map[string]any)
		for name := range form {
			members[name] = form.Get(name)
		}
	}
	for _, name := range secretMembers {
		switch v := members[name].(type) {
		case string:
			w.told.add(v)
		case []any:
			for _, entry := range v {
				if s, ok := entry.(string); ok {
					w.told.add(s)
				}
			}
		}
	}
}
