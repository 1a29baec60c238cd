package throttle

import (
	"context"
	"errors"

	"github.com/go-sallyport/auth"
)

// An Attempt is one that Begin has admitted and counted. It stays counted, as a
// failure, unless it is told otherwise: nothing has to be called for a wrong
// secret. Use it on one goroutine.
type Attempt struct {
	first held
	more  []held
}

// held is one key under which an attempt is counted. One without a counter is
// counted nowhere.
type held struct {
	counter *counter
	key     string
	count   Count
}

// take counts a under one more key, which becomes the first. If it is refused a is
// counted under no key.
func (a *Attempt) take(ctx context.Context, c *counter, key string, e *auth.Event) error {
	n, err := c.take(ctx, key, e)
	if err != nil {
		_ = a.Cancel(ctx) // its error adds nothing to the one that refuses
		return err
	}
	if a.first.counter != nil {
		a.more = append(a.more, a.first)
	}
	a.first = held{c, key, n}
	return nil
}

// admit reports the locks of an attempt that all keys have admitted.
func (a *Attempt) admit(ctx context.Context, e *auth.Event) {
	a.first.admit(ctx, e)
	for _, h := range a.more {
		h.admit(ctx, e)
	}
}

// Succeed forgives all attempts under the first key, and takes this one, and only
// this one, back under the others: whoever has a password of his own cannot clear
// by it what he has guessed elsewhere.
//
// It goes on when ctx is done. If it fails the attempts stay counted, which is no
// reason to refuse the one that succeeded. Calling it again does nothing.
func (a *Attempt) Succeed(ctx context.Context) error {
	return errors.Join(a.first.forgive(ctx), a.cancelMore(ctx))
}

// Cancel takes this attempt back under all keys: nobody was told whether the
// secret was right, because we failed, not they, such as by a queue that is full.
// Never call it for a secret that was compared, nor because the client is gone,
// which is something that a client can arrange.
//
// It goes on when ctx is done. If it fails the attempt stays counted. Calling it
// again does nothing.
func (a *Attempt) Cancel(ctx context.Context) error {
	return errors.Join(a.first.cancel(ctx), a.cancelMore(ctx))
}

func (a *Attempt) cancelMore(ctx context.Context) (err error) {
	for i := range a.more {
		err = errors.Join(err, a.more[i].cancel(ctx))
	}
	return err
}

func (h held) admit(ctx context.Context, e *auth.Event) {
	if h.count.Wait > 0 {
		h.counter.emit(ctx, e, EventLocked, nil)
	}
}

func (h *held) forgive(ctx context.Context) error {
	return h.undo(ctx, "forgive", Store.Forgive)
}

func (h *held) cancel(ctx context.Context) error {
	return h.undo(ctx, "cancel", Store.Cancel)
}

// undo is done once: a Store need not tell a repeat that comes after others from a
// ticket that is still there.
func (h *held) undo(ctx context.Context, doing string, undo func(Store, context.Context, Key, Ticket) error) error {
	ticket := h.count.Ticket
	if ticket == 0 {
		return nil
	}
	h.count.Ticket = 0
	ctx, cancel := h.counter.detach(ctx)
	defer cancel()
	return failed(doing, undo(h.counter.store, ctx, h.counter.keyOf(h.key), ticket))
}
