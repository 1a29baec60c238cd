package authtest

import (
	"context"
	"slices"
	"sync"

	"github.com/go-sallyport/auth"
)

// Events keeps the events that it is given:
//
//	var events authtest.Events
//	sessions, err := session.New(nil, session.Config{OnEvent: events.OnEvent})
//
// The zero value is ready. It is safe for concurrent use, and must not be copied.
type Events struct {
	mu   sync.Mutex
	list []auth.Event
}

// OnEvent keeps e; it is an auth.EventFunc.
func (e *Events) OnEvent(_ context.Context, event auth.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// All returns what was kept, the oldest first.
func (e *Events) All() []auth.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.list)
}

// Of returns the events of one kind, the oldest first.
func (e *Events) Of(kind auth.EventKind) []auth.Event {
	return slices.DeleteFunc(e.All(), func(event auth.Event) bool { return event.Kind != kind })
}
