package throttle

import (
	"context"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// undoTimeout bounds what goes on when the client is gone.
const undoTimeout = 2 * time.Second

// A counter counts keys of one kind in a Store by one Rule, with the errors and
// events that belong to it.
type counter struct {
	store    Store
	space    *space
	rule     Rule
	resource string // for events
	failOpen bool
	local    bool // the Store is memory, which no call can wait for
	onEvent  auth.EventFunc
	now      func() time.Time // nil: time.Now
}

// newCounter returns the counter of the keys of one kind of a Limiter.
func newCounter(store Store, cfg Config, kind string, rule Rule) counter {
	_, local := store.(*MemoryStore)
	return counter{
		store: store, space: newSpace(cfg.Name + "\x00" + kind), rule: rule, resource: cfg.Name,
		failOpen: cfg.FailOpen, local: local, onEvent: cfg.OnEvent, now: cfg.Now,
	}
}

// orMemory is store, or memory if that is nil.
func orMemory(store Store, now func() time.Time) (Store, error) {
	if store != nil {
		return store, nil
	}
	return NewMemoryStore(MemoryConfig{Now: now})
}

func (c *counter) keyOf(text string) Key { return Key{c.space, text} }

// take counts an attempt. The event e says what is known of the client. The
// Count of an attempt that FailOpen admits is zero.
func (c *counter) take(ctx context.Context, text string, e *auth.Event) (Count, error) {
	if text == "" {
		return Count{}, ErrNoKey
	}
	n, err := c.store.Take(ctx, c.keyOf(text), c.rule)
	return c.judge(ctx, n, err, e)
}

// allow counts a request, of which the rule is Max and Window.
func (c *counter) allow(ctx context.Context, text string, e *auth.Event) (Count, error) {
	if text == "" {
		return Count{}, ErrNoKey
	}
	n, err := c.store.Allow(ctx, c.keyOf(text), c.rule.Max, c.rule.Window)
	return c.judge(ctx, n, err, e)
}

// judge turns the answer of the Store into that of Begin and Allow.
func (c *counter) judge(ctx context.Context, n Count, err error, e *auth.Event) (Count, error) {
	switch {
	case err == nil && n.Admitted:
		return n, nil
	case err == nil:
		err = &LockedError{RetryAfter: n.Wait, Exhausted: n.Exhausted}
	case c.failOpen && ctx.Err() == nil:
		c.emit(ctx, e, EventFailOpen, err)
		return Count{}, nil
	default:
		err = failed("count", err)
	}
	c.emit(ctx, e, EventRefused, err)
	return Count{}, err
}

// reset forgets a key.
func (c *counter) reset(ctx context.Context, text string) error {
	if text == "" {
		return ErrNoKey
	}
	ctx, cancel := c.detach(ctx)
	defer cancel()
	return failed("unlock", c.store.Reset(ctx, c.keyOf(text)))
}

// detach is for what has to be done also when the client is gone.
func (c *counter) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.local {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
}

// emit tells OnEvent what is known of the client and what happened.
func (c *counter) emit(ctx context.Context, client *auth.Event, kind auth.EventKind, err error) {
	if c.onEvent == nil {
		return
	}
	e := *client
	e.Kind, e.Err, e.Resource = kind, err, c.resource
	if c.now != nil {
		e.Time = c.now()
	}
	c.onEvent.Emit(ctx, e)
}

// failed gives an error of a Store its public face.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return problem.Wrap(problem.Unavailable, fmt.Errorf("throttle: %s: %w", doing, err))
}
