package account

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// A task is a Job that has not made its messages, or one of those messages. So a
// message that has to wait holds back no other of its Job.
type task struct {
	values  context.Context //nolint:containedctx // those of the request, for the job and events
	job     Job             // nil: made
	message Message
	tries   int
}

// left is how much there is to be done. It wants o.mu, as do the next three.
func (o *Outbox) left() int { return len(o.ready) + len(o.waiting) + o.running }

// push makes a task ready.
func (o *Outbox) push(t *task) {
	o.ready = append(o.ready, t)
	o.start()
}

// start begins with as many tasks as there are free workers.
func (o *Outbox) start() {
	for o.running < o.cfg.Workers && len(o.ready) > 0 {
		t := o.ready[0]
		o.ready[0] = nil
		o.ready = o.ready[1:]
		o.running++
		go o.run(t)
	}
	if o.closed && o.left() == 0 {
		select {
		case <-o.empty:
		default:
			close(o.empty)
		}
	}
}

// delay makes a task ready after a pause.
func (o *Outbox) delay(t *task) {
	o.waiting[t] = time.AfterFunc(o.pause(t.tries), func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		// Close may have been faster.
		if _, found := o.waiting[t]; found {
			delete(o.waiting, t)
			o.push(t)
		}
	})
}

// run makes one try at a task.
func (o *Outbox) run(t *task) {
	var messages []Message
	err := errGone
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
		o.settle(t, messages, err)
	}()
	ctx, cancel := context.WithTimeout(t.values, o.cfg.Timeout)
	defer cancel()
	defer context.AfterFunc(o.base, cancel)()
	if t.job != nil {
		messages, err = t.job(ctx)
	} else {
		err = o.mailer.Send(ctx, t.message)
	}
}

// settle decides what becomes of a task after a try. It tells OnEvent before it
// lets go, so that Close waits for the events too.
func (o *Outbox) settle(t *task, messages []Message, err error) {
	t.tries++
	kind, again := o.judge(t, err)
	if t.job == nil || err != nil {
		o.emit(t, kind, err)
	}
	var next []*task
	if again {
		next = append(next, t)
	} else if err == nil {
		for _, m := range messages {
			next = append(next, &task{values: t.values, message: m})
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.abandoned {
		o.lost += len(next)
		o.mu.Unlock()
		for _, t := range next {
			o.emit(t, EventMailLost, ErrUnsent)
		}
		o.mu.Lock()
		next = nil
	}
	if again && len(next) > 0 {
		o.delay(t)
	} else {
		o.ready = append(o.ready, next...)
	}
	o.running--
	o.start()
}

// judge says what a try has led to, and whether there is to be another.
func (o *Outbox) judge(t *task, err error) (kind auth.EventKind, again bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		return EventMailSent, false
	case o.abandoned:
		o.lost++
		return EventMailLost, false
	case errors.Is(err, ErrPermanent), t.tries >= o.cfg.Attempts:
		return EventMailFailed, false
	}
	return EventMailDelayed, true
}

// emit tells OnEvent. Whatever that, a clock or an error does, work goes on.
func (o *Outbox) emit(t *task, kind auth.EventKind, err error) {
	defer func() { _ = recover() }()
	if err != nil {
		err = newSendError(err, t.message)
	}
	o.cfg.OnEvent.Emit(t.values, auth.Event{Kind: kind, Time: o.cfg.Now(), Resource: string(t.message.Kind), Err: err})
}

// pause is how long to wait after so many tries: between half of a growing time
// and all of it.
func (o *Outbox) pause(tries int) time.Duration {
	most := o.cfg.Backoff
	for range tries - 1 {
		if most >= o.cfg.MaxBackoff/2 {
			most = o.cfg.MaxBackoff
			break
		}
		most *= 2
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // does not fail, see crypto/rand
	return most - time.Duration(float64(most/2)*float64(binary.LittleEndian.Uint32(b[:]))/(1<<32))
}

// panicError is problem.PanicError for where no response can be aborted.
func panicError(v any) (err error) {
	defer func() {
		if recover() != nil {
			err = problem.ErrPanic
		}
	}()
	return problem.PanicError(v)
}
