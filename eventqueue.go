package auth

import (
	"context"
	"sync"
	"sync/atomic"
)

// An EventQueue stands between requests and a slow event sink, such as an audit
// table: it takes an event without waiting and hands it to the sink on a
// goroutine of its own, in order. When it is full it drops the event and counts
// it, for a request must not wait for its audit record.
//
// Its methods are safe for concurrent use. Close it to end the goroutine.
type EventQueue struct {
	sink    EventFunc
	events  chan queuedEvent
	dropped atomic.Uint64
	done    chan struct{}

	mu     sync.RWMutex // held for writing only while closing
	closed bool
}

type queuedEvent struct {
	ctx   context.Context
	event Event
}

// NewEventQueue returns a queue of at most size events (at least 1) in front of
// sink.
func NewEventQueue(sink EventFunc, size int) *EventQueue {
	q := &EventQueue{sink: sink, events: make(chan queuedEvent, max(size, 1)), done: make(chan struct{})}
	go func() {
		defer close(q.done)
		for e := range q.events {
			q.sink.Emit(e.ctx, e.event)
		}
	}()
	return q
}

// OnEvent queues e; it is an EventFunc. The sink sees the values of ctx but not
// its cancellation, as the request may be over by then. After Close it counts
// every event as dropped.
func (q *EventQueue) OnEvent(ctx context.Context, e Event) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		q.dropped.Add(1)
		return
	}
	select {
	case q.events <- queuedEvent{context.WithoutCancel(ctx), e}:
	default:
		q.dropped.Add(1)
	}
}

// Dropped returns how many events the queue has had to drop.
func (q *EventQueue) Dropped() uint64 { return q.dropped.Load() }

// Close stops taking events and waits until the sink has seen those that are
// queued, or until ctx is done. It may be called more than once.
func (q *EventQueue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.events)
	}
	q.mu.Unlock()
	select {
	case <-q.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
