package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Job finds out what is to be sent, if anything, after the answer was given: it
// looks the account up, makes the token and writes the messages. No message is no
// error.
//
// It runs again after an error, so a repeat must be harmless; a new token that
// voids the one before is.
type Job func(ctx context.Context) ([]Message, error)

// An Outbox sends mail after the answer was given, so that the time of an answer
// does not tell whether there was somebody to write to, nor how the mail server
// is.
//
// It protects from a mail server that is slow, down or refuses for a while: jobs
// and messages that fail are tried again, each by itself, with growing pauses, and
// one that is waiting keeps no other from being sent. From a flood of requests: it
// holds so many jobs and no more; what is beyond is dropped, counted, and told to
// OnEvent. From a Job or Mailer that panics: it counts as a failure.
//
// It does not protect from the end of the process: what is waiting is in memory.
// Close waits for it; after a crash users ask again, as they do when a mail did
// not arrive. A Mailer that ignores its context keeps a worker for as long as it
// likes.
//
// It has no goroutine while it has nothing to send. It is safe for concurrent use.
type Outbox struct {
	mailer  Mailer
	cfg     OutboxConfig
	dropped atomic.Uint64

	// What ends all that is under way when Close gives up.
	base   context.Context //nolint:containedctx // it ends with the Outbox, not with a call
	cancel context.CancelFunc

	mu        sync.Mutex
	ready     []*task
	waiting   map[*task]*time.Timer // for another try
	running   int
	closed    bool
	abandoned bool          // Close has given up
	lost      int           // by that
	empty     chan struct{} // closed when Close was called and nothing is left
}

// graceful is what sends under way get to notice that Close has given up.
const graceful = time.Second

// NewOutbox returns an Outbox that sends with mailer.
func NewOutbox(mailer Mailer, cfg OutboxConfig) (*Outbox, error) {
	if mailer == nil {
		return nil, errors.New("account: NewOutbox wants a Mailer, such as that of package smtpmailer")
	}
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	o := &Outbox{mailer: mailer, cfg: cfg, waiting: make(map[*task]*time.Timer), empty: make(chan struct{})}
	o.base, o.cancel = context.WithCancel(context.Background())
	return o, nil
}

// Enqueue takes a job and returns at once. The job sees the values of ctx but
// neither its end nor its deadline, for the request will be over by then.
//
// It reports whether the job was taken. It was not if the Outbox is full or
// closed; the answer to the client must be the same.
func (o *Outbox) Enqueue(ctx context.Context, job Job) bool {
	t := &task{values: context.WithoutCancel(ctx), job: job}
	if err := o.admit(t); err != nil {
		o.dropped.Add(1)
		o.emit(t, EventMailDropped, err)
		return false
	}
	return true
}

func (o *Outbox) admit(t *task) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case t.job == nil:
		return errNoJob
	case o.closed:
		return ErrOutboxClosed
	case o.left() >= o.cfg.Queue:
		return ErrOutboxFull
	}
	o.push(t)
	return nil
}

// Dropped returns how many jobs were not taken.
func (o *Outbox) Dropped() uint64 { return o.dropped.Load() }

// Close takes no more jobs and returns when all that was taken is sent or given
// up. What waits for another try is tried at once.
//
// When ctx is done it stops what is under way, waits for a second at most until
// that has ended, and reports how much was lost: an error that wraps ErrUnsent and
// that of ctx. Each loss is an event as well. It may be called more than once, and
// leaves no goroutine unless a Mailer or Job ignores its context.
func (o *Outbox) Close(ctx context.Context) error {
	o.hurry()
	select {
	case <-o.empty:
		return o.verdict(nil)
	case <-ctx.Done():
	}
	for _, t := range o.abandon() {
		o.emit(t, EventMailLost, ErrUnsent)
	}
	grace := time.NewTimer(graceful)
	defer grace.Stop()
	select {
	case <-o.empty:
	case <-grace.C:
	}
	return o.verdict(ctx.Err())
}

// hurry lets nothing in and everything out.
func (o *Outbox) hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for t, timer := range o.waiting {
		timer.Stop()
		delete(o.waiting, t)
		o.ready = append(o.ready, t)
	}
	o.start()
}

// abandon stops what is under way and returns what was not.
func (o *Outbox) abandon() []*task {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.abandoned = true
	o.cancel()
	left := o.ready
	for t, timer := range o.waiting {
		timer.Stop()
		left = append(left, t)
	}
	o.ready = nil
	clear(o.waiting)
	o.lost += len(left)
	o.start()
	return left
}

// verdict says what Close returns.
func (o *Outbox) verdict(cause error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost := o.lost + o.running
	switch {
	case lost == 0:
		return nil
	case cause == nil:
		return fmt.Errorf("%w: %d lost", ErrUnsent, lost)
	}
	return fmt.Errorf("%w: %d lost: %w", ErrUnsent, lost, cause)
}
