package oauth

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// maxConsumed is how many attempts a memoryConsumer notes, in some 15 MiB.
const maxConsumed = 100_000

// A memoryConsumer notes in the memory of this process which attempts are used. When
// it is full the note that can go first goes, and all attempts that expire no later
// than that are refused from then on: nothing opens again. Only who has completed an
// attempt makes a note, so a flood of them costs its sender a callback each and costs
// others, at most, the attempts that are old by then.
type memoryConsumer struct {
	limit int
	now   func() time.Time

	mu    sync.Mutex
	calls map[AttemptID]CallID
	queue expiryHeap
	floor time.Time // attempts that expire until then count as used
}

var _ Consumer = (*memoryConsumer)(nil)

func newMemoryConsumer(now func() time.Time) *memoryConsumer {
	return &memoryConsumer{limit: maxConsumed, now: now, calls: make(map[AttemptID]CallID)}
}

// NewMemoryConsumer returns the Consumer that a Flow has if it is given none: for 100,000
// attempts at once, in the memory of this process. now is the clock; nil: time.Now.
func NewMemoryConsumer(now func() time.Time) Consumer {
	if now == nil {
		now = time.Now
	}
	return newMemoryConsumer(now)
}

// Consume implements Consumer.
func (c *memoryConsumer) Consume(ctx context.Context, id AttemptID, call CallID, expires time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, used := c.calls[id]; used {
		if first == call {
			return nil
		}
		return ErrConsumed
	}
	if !expires.After(now) || !expires.After(c.floor) {
		return ErrConsumed
	}
	for len(c.queue) > 0 && !c.queue[0].expires.After(now) {
		c.drop()
	}
	if len(c.queue) >= c.limit {
		c.floor = c.queue[0].expires
		c.drop()
		if !expires.After(c.floor) {
			return ErrConsumed
		}
	}
	c.calls[id] = call
	heap.Push(&c.queue, consumed{id, expires})
	return nil
}

// drop forgets the note that can go first. A clock that is set back must not bring its
// attempt back.
func (c *memoryConsumer) drop() {
	e, _ := heap.Pop(&c.queue).(consumed)
	delete(c.calls, e.id)
	if e.expires.After(c.floor) {
		c.floor = e.expires
	}
}

type consumed struct {
	id      AttemptID
	expires time.Time
}

// An expiryHeap has what expires first at its root.
type expiryHeap []consumed

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *expiryHeap) Push(x any) {
	e, _ := x.(consumed)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}
