package account

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
)

// Defaults of OutboxConfig.
const (
	DefaultMailWorkers    = 4
	DefaultMailQueue      = 1000
	DefaultMailAttempts   = 10
	DefaultMailBackoff    = 2 * time.Second
	DefaultMailMaxBackoff = 5 * time.Minute
	DefaultMailTimeout    = 30 * time.Second
)

// OutboxConfig configures an Outbox. The zero value is the recommended production
// setting: it tries for some ten minutes, which is well within the life of the
// tokens in the mail.
type OutboxConfig struct {
	// Workers is how many messages are sent at once. Zero: 4.
	Workers int
	// Queue is how many jobs may be waiting or under way, those that are to be
	// tried again included. Zero: 1,000. One more is dropped.
	Queue int
	// Attempts is how often a job, and then each message of it, is tried. Zero:
	// ten. One: no second try.
	Attempts int
	// Backoff is the pause after the first failure. It doubles with each further
	// one, up to MaxBackoff, and up to half of it is taken off at random, so that
	// what failed together does not come back together. Zero: two seconds, and
	// five minutes.
	Backoff, MaxBackoff time.Duration
	// Timeout bounds each try. Zero: 30 seconds.
	Timeout time.Duration
	// OnEvent is told what became of each message (EventMail…).
	OnEvent auth.EventFunc
	// Now is the clock of events. Nil: time.Now. Pauses are those of the machine.
	Now func() time.Time
}

// Kinds of events. The Resource is the kind of the message; it is empty if a Job
// has not made one yet.
const (
	EventMailSent    auth.EventKind = "mail.sent"    // the Mailer has taken it
	EventMailDelayed auth.EventKind = "mail.delayed" // it failed and will be tried again
	EventMailFailed  auth.EventKind = "mail.failed"  // it failed and was given up
	EventMailDropped auth.EventKind = "mail.dropped" // there was no room for it
	EventMailLost    auth.EventKind = "mail.lost"    // the Outbox was closed before it was sent
)

// withDefaults fills c in, or says what is wrong with it.
func (c OutboxConfig) withDefaults() (OutboxConfig, error) {
	var errs []error
	for _, n := range []struct {
		name  string
		value *int
		zero  int
	}{
		{"Workers", &c.Workers, DefaultMailWorkers},
		{"Queue", &c.Queue, DefaultMailQueue},
		{"Attempts", &c.Attempts, DefaultMailAttempts},
	} {
		if *n.value < 0 {
			errs = append(errs, fmt.Errorf("account: OutboxConfig.%s is %d: use a positive number, or 0 for %d", n.name, *n.value, n.zero))
		} else if *n.value == 0 {
			*n.value = n.zero
		}
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		zero  time.Duration
	}{
		{"Backoff", &c.Backoff, DefaultMailBackoff},
		{"MaxBackoff", &c.MaxBackoff, max(DefaultMailMaxBackoff, c.Backoff)},
		{"Timeout", &c.Timeout, DefaultMailTimeout},
	} {
		if *d.value < 0 {
			errs = append(errs, fmt.Errorf("account: OutboxConfig.%s is %s: use a positive duration, or 0 for %s", d.name, *d.value, d.zero))
		} else if *d.value == 0 {
			*d.value = d.zero
		}
	}
	if c.Backoff > c.MaxBackoff {
		errs = append(errs, fmt.Errorf("account: OutboxConfig.Backoff %s is longer than MaxBackoff %s", c.Backoff, c.MaxBackoff))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}
