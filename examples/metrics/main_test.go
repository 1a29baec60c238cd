package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, auditLog io.Writer) *service {
	t.Helper()
	s, err := newService(auditLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// scrape reads the metrics as Prometheus does.
func scrape(s *service) string {
	w := httptest.NewRecorder()
	s.metrics.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// Every line of README.md answers as it says, and the metrics are those that it shows.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var audit bytes.Buffer
	service := start(t, &audit)
	s := newShell(t, service)
	lines, series, metrics := 0, 0, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "curl "):
			lines++
			_, after, _ := strings.Cut(line, "   # ")
			status, answer := s.curl(line)
			if !strings.HasPrefix(after, strconv.Itoa(status)) {
				t.Errorf("%s\nanswered %d %v", line, status, answer)
			}
			metrics = answer // of the last line
		case strings.HasPrefix(line, "sallyport_"):
			series++
			if !strings.Contains(metrics, "\n"+line+"\n") {
				t.Errorf("the metrics have no %s", line)
			}
		}
	}
	if lines < 13 || series < 10 {
		t.Errorf("README.md has %d lines of curl and %d series", lines, series)
	}
	if shown := strings.Count(metrics, "\nsallyport_events_total{"); shown != 8 {
		t.Errorf("README.md does not show all of the %d series of events:\n%s", shown, metrics)
	}

	t.Run("PWD-15 no label tells of anybody or anything", func(t *testing.T) {
		if s.vars["ID"] == "" {
			t.Fatal("no key was made")
		}
		for _, told := range []string{"example.com", "guess", "order-17", "127.0.0.1", "orders:", "reports", s.vars["KEY"], s.vars["ID"]} {
			if strings.Contains(metrics, told) {
				t.Errorf("the metrics tell of %q", told)
			}
		}
	})
	t.Run("the audit log has the single events when the service ends", func(t *testing.T) {
		if err := service.close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"signin.failed"`, `"address":"127.0.0.1"`, `"credential":"` + s.vars["ID"], `"resource":"orders:delete"`} {
			if !strings.Contains(audit.String(), want) {
				t.Errorf("the audit log has no %s:\n%s", want, audit.String())
			}
		}
		if n := strings.Count(audit.String(), "\n"); n != 9 {
			t.Errorf("the audit log has %d lines, want one per event, 9", n)
		}
	})
}

// A stuckLog takes nothing until it is let go.
type stuckLog struct {
	entered, release chan struct{}
	lines            int
}

func (l *stuckLog) Write(b []byte) (int, error) {
	select {
	case l.entered <- struct{}{}:
	default:
	}
	<-l.release
	l.lines++
	return len(b), nil
}

func TestStuckAuditLog(t *testing.T) {
	log := &stuckLog{entered: make(chan struct{}, 1), release: make(chan struct{})}
	s := start(t, log)
	refuse := func() int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "http://127.0.0.1/orders/1", nil)
		r.RemoteAddr = "127.0.0.1:1024" // InsecureCookie is for loopback
		r.Header.Set("X-API-Key", "sk_live_nonsense")
		s.api.ServeHTTP(w, r)
		return w.Code
	}
	t.Run("F29 requests are unaffected and drops are counted", func(t *testing.T) {
		const requests, eventsEach = 700, 2
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range requests {
				if code := refuse(); code != http.StatusUnauthorized {
					t.Errorf("request %d is answered %d", i, code)
				}
				if i == 0 {
					<-log.entered // one event is in the log's hands, the rest goes to the queue
				}
			}
		}()
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Error("the requests wait for the audit log")
		}
		metrics := scrape(s)
		for _, want := range []string{
			fmt.Sprintf("\nsallyport_events_total{kind=\"request.refused\",method=\"none\",outcome=\"API_KEY_MALFORMED\"} %d\n", requests),
			fmt.Sprintf("\nsallyport_audit_dropped_total %d\n", requests*eventsEach-auditQueue-1),
		} {
			if !strings.Contains(metrics, want) {
				t.Errorf("lacks %s", want)
			}
		}
	})
	close(log.release)
	if err := s.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if log.lines != auditQueue+1 {
		t.Errorf("of those that waited %d were written, want %d", log.lines, auditQueue+1)
	}
}
