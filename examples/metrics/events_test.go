package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// page is what a registry shows.
func page(r *prometheus.Registry) string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func newCounter(t *testing.T) (*eventCounter, *prometheus.Registry) {
	t.Helper()
	audit := auth.NewEventQueue(nil, 1)
	t.Cleanup(func() { _ = audit.Close(t.Context()) })
	registry := prometheus.NewRegistry()
	return newEventCounter(registry, audit), registry
}

func TestLabelsAreBounded(t *testing.T) {
	c, registry := newCounter(t)
	known := auth.Event{Kind: auth.EventSignIn, Method: auth.MethodSession}
	c.count(known)
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			s := fmt.Sprintf("user-%d", i)
			c.count(auth.Event{Kind: auth.EventKind(s), Method: auth.MethodSession})
			c.count(auth.Event{Kind: auth.EventSignIn, Method: s})
			c.count(auth.Event{Kind: auth.EventSignIn, Method: auth.MethodSession, Err: &problem.Error{Details: problem.Details{Code: problem.Code(s)}}})
		})
	}
	wg.Wait()
	c.count(known)
	text := page(registry)
	// Each vocabulary is full and has "other"; the labels that were known before stay.
	most := c.kinds.most + c.methods.most + c.outcomes.most + 3
	if n := strings.Count(text, "\nsallyport_events_total{"); n > most || n < c.kinds.most {
		t.Errorf("3,000 events of as many sorts make %d series, want %d at most", n, most)
	}
	for _, want := range []string{
		"\nsallyport_events_total{kind=\"signin\",method=\"session\",outcome=\"ok\"} 2\n",
		"\nsallyport_events_total{kind=\"other\",method=\"session\",outcome=\"ok\"} 901\n",
		"\nsallyport_events_total{kind=\"signin\",method=\"other\",outcome=\"ok\"} 981\n",
		"\nsallyport_events_total{kind=\"signin\",method=\"session\",outcome=\"other\"} 901\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s", want)
		}
	}
}

// Names, units and help texts are as Prometheus advises.
func TestNames(t *testing.T) {
	c, registry := newCounter(t)
	c.count(auth.Event{Kind: auth.EventSignIn})
	done := newTimedStore(registry, nil).observe("find")
	done(new(error))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) != 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestOutcomeIsTheCode(t *testing.T) {
	c, registry := newCounter(t)
	for _, err := range []error{
		fmt.Errorf("no user alice@example.com: %w", auth.ErrInvalidCredentials),
		errors.New("dial tcp 192.0.2.7:5432: refused"),
		problem.Sentinel(problem.TooManyRequests, "bob@example.com is locked"),
	} {
		c.count(auth.Event{
			Kind: auth.EventSignInFail, Subject: "alice@example.com", CredentialID: "alice@example.com",
			Resource: "/users/alice@example.com", Err: err,
		})
	}
	text := page(registry)
	for _, outcome := range []string{"INVALID_CREDENTIALS", "INTERNAL_ERROR", "TOO_MANY_REQUESTS"} {
		if want := "\nsallyport_events_total{kind=\"signin.failed\",method=\"none\",outcome=\"" + outcome + "\"} 1\n"; !strings.Contains(text, want) {
			t.Errorf("lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(text, "example.com") || strings.Contains(text, "192.0.2.7") {
		t.Errorf("PWD-15 the text of an error is a label:\n%s", text)
	}
}
