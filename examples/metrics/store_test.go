package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/storetest"
)

// A sickStore answers Find with err.
type sickStore struct {
	session.Store
	err error
}

func (s *sickStore) Find(context.Context, session.ID) (*session.Record, error) { return nil, s.err }

func TestTimedStore(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		result string
	}{
		"found":                     {nil, "ok"},
		"not there is an answer":    {fmt.Errorf("memory: %w", session.ErrNoSession), "ok"},
		"not to be read is a fault": {errors.Join(session.ErrNoSession, session.ErrCorrupt), "failed"},
		"down":                      {errors.New("connection refused"), "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			s := newTimedStore(registry, &sickStore{err: test.err})
			if _, err := s.Find(t.Context(), session.ID{}); !errors.Is(err, test.err) {
				t.Errorf("got %v", err)
			}
			want := "\nsallyport_store_seconds_count{operation=\"find\",result=\"" + test.result + "\",store=\"sessions\"} 1\n"
			if text := page(registry); !strings.Contains(text, want) {
				t.Errorf("lacks %s:\n%s", want, text)
			}
		})
	}
}

// The store that is measured is as good as the one within, and no operation is left
// out.
func TestTimedStoreIsAStore(t *testing.T) {
	registry := prometheus.NewRegistry()
	seconds := newTimedStore(registry, nil).seconds
	storetest.Run(t, func(t *testing.T) session.Store {
		memory, err := session.NewMemoryStore(session.MemoryConfig{})
		if err != nil {
			t.Fatal(err)
		}
		return &timedStore{memory, seconds}
	})
	text := page(registry)
	for _, operation := range []string{"create", "find", "update", "touch", "rename", "delete", "list", "revoke", "revoke_subject"} {
		if !strings.Contains(text, `sallyport_store_seconds_count{operation="`+operation+`",result="ok"`) {
			t.Errorf("%s is not measured", operation)
		}
	}
}
