package account_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-sallyport/auth/password/account"
)

func TestMessage(t *testing.T) {
	t.Run("PWD-15 XCT-04 whatever prints a message shows its kind alone", func(t *testing.T) {
		m := account.Message{Kind: account.MessageReset, To: "hidden-to", Subject: "hidden-subject", Text: "hidden-text", HTML: "hidden-html", Link: "hidden-link", Token: "hidden-token"}
		var log bytes.Buffer
		for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(h).Info("sent", "message", m, "pointer", &m)
		}
		texts := []string{log.String(), m.String()}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
			texts = append(texts, fmt.Sprintf(verb, m), fmt.Sprintf(verb, &m), fmt.Sprintf(verb, []account.Message{m}), fmt.Sprintf(verb, struct{ M account.Message }{m}))
		}
		for _, s := range texts {
			if strings.Contains(s, "hidden") || strings.Contains(s, "68696464656e") || !strings.Contains(s, "reset") {
				t.Errorf("shown as %q", s)
			}
		}
	})
}

func TestCapture(t *testing.T) {
	c := account.NewCapture(3)
	mailbox := c.InsecureMailbox()
	get := func(change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/dev/mailbox", nil)
		r.RemoteAddr = "127.0.0.1:4711"
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		mailbox.ServeHTTP(w, r)
		return w
	}

	t.Run("an empty mailbox is an empty list", func(t *testing.T) {
		if w := get(nil); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != "[]" {
			t.Error(w.Code, w.Body)
		}
	})
	for i := range 5 {
		m := toReset(fmt.Sprint(i, "@example.com"))
		m.Subject, m.Text, m.HTML = "subject", "text", "html"
		if i == 4 {
			m.Text = ""
		}
		if err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("the last messages, the newest first", func(t *testing.T) {
		list := c.Messages()
		if len(list) != 3 || list[0].To != "4@example.com" || list[2].To != "2@example.com" {
			t.Errorf("%d messages", len(list))
		}
		list[0].To = "x"
		if c.Messages()[0].To != "4@example.com" {
			t.Error("Messages is no copy")
		}
	})
	t.Run("as JSON", func(t *testing.T) {
		w := get(nil)
		var got []map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got) != 3 {
			t.Fatal(err, w.Body)
		}
		want := map[string]string{"kind": "reset", "to": "3@example.com", "subject": "subject", "body": "text", "token": "secret-token-3@example.com"}
		if fmt.Sprint(got[1]) != fmt.Sprint(want) || got[0]["body"] != "html" {
			t.Error(got)
		}
		if h := w.Header(); h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Error(h)
		}
	})
	t.Run("XCT-05 nobody else reads it: peers, names that resolve to loopback, proxies", func(t *testing.T) {
		for name, change := range map[string]func(*http.Request){
			"peer":            func(r *http.Request) { r.RemoteAddr = "192.0.2.1:4711" },
			"no peer":         func(r *http.Request) { r.RemoteAddr = "@" },
			"rebound name":    func(r *http.Request) { r.Host = "evil.example:8080" },
			"localhost.evil":  func(r *http.Request) { r.Host = "localhost.evil.example" },
			"other address":   func(r *http.Request) { r.Host = "192.0.2.1" },
			"X-Forwarded-For": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
			"Forwarded":       func(r *http.Request) { r.Header.Set("Forwarded", "for=127.0.0.1") },
			"forwarded host":  func(r *http.Request) { r.Header.Set("X-Forwarded-Host", "localhost") },
			"forwarded proto": func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "https") },
			"real address":    func(r *http.Request) { r.Header.Set("X-Real-IP", "127.0.0.1") },
			"via":             func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") },
		} {
			if w := get(change); w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "secret-token") {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		for _, host := range []string{"localhost:8080", "LOCALHOST", "127.0.0.1", "127.8.9.1:1", "[::1]:8080", "[::1]"} {
			if w := get(func(r *http.Request) { r.Host, r.RemoteAddr = host, "[::1]:4711" }); w.Code != http.StatusOK {
				t.Errorf("%s: %d", host, w.Code)
			}
		}
	})
	t.Run("it changes nothing", func(t *testing.T) {
		if w := get(func(r *http.Request) { r.Method = http.MethodPost }); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Error(w.Code)
		}
	})
	t.Run("a context that is over is obeyed", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := c.Send(ctx, account.Message{To: "late"}); err == nil || c.Messages()[0].To == "late" {
			t.Error(err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { _ = c.Send(t.Context(), account.Message{}); _ = c.Messages(); get(nil) })
		}
		all.Wait()
		if n := len(c.Messages()); n != 3 {
			t.Errorf("%d messages", n)
		}
	})
	t.Run("zero keeps a hundred", func(t *testing.T) {
		c := account.NewCapture(0)
		for range account.DefaultCaptured + 1 {
			_ = c.Send(t.Context(), account.Message{})
		}
		if n := len(c.Messages()); n != account.DefaultCaptured {
			t.Error(n)
		}
	})
}
