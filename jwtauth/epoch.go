package jwtauth

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// Epochs tells since when the access tokens of a subject count: those that were
// issued at or before its epoch are refused. That is how "log out everywhere"
// reaches tokens that no store knows. An epoch is not a list of what is revoked,
// which grows and of which an entry can be lost: one time for each subject says it
// for all of its tokens.
//
// A Verifier asks for every token, mostly its cache: see VerifierConfig.
type Epochs interface {
	// Epoch returns the epoch of subject, the zero time if it has none. If it
	// cannot tell it returns an error, and the token is refused with 503.
	Epoch(ctx context.Context, subject string) (time.Time, error)
}

// An EpochStore is Epochs that can be moved on. It must not lose an epoch before
// the tokens from before it have expired: a store that evicts does not do.
type EpochStore interface {
	Epochs
	// Advance makes at the epoch of subject, unless it has a later one. When it
	// returns nil, that is kept; the same call again changes nothing.
	//
	// A token that is issued in the very millisecond of the epoch counts as issued
	// before it.
	Advance(ctx context.Context, subject string, at time.Time) error
}

// revokedBy reports whether a token issued then is older than the epoch. Tokens of
// others say the second only, and are taken for issued at its beginning.
func revokedBy(epoch, issued time.Time) bool {
	return !epoch.IsZero() && !issued.After(epoch)
}

// An epochCache remembers answers of Epochs for a bounded time.
type epochCache struct {
	source Epochs
	delay  time.Duration
	now    func() time.Time

	mu      sync.Mutex
	answers generations[string, epochAnswer]
}

type epochAnswer struct{ epoch, asked time.Time }

// maxEpochAnswers is how many subjects an epochCache remembers.
const maxEpochAnswers = 8192

// epoch returns what the source said no longer than delay ago. Requests that miss
// at the same moment each ask.
func (c *epochCache) epoch(ctx context.Context, subject string) (time.Time, error) {
	if c.delay <= 0 {
		return c.ask(ctx, subject)
	}
	asked := c.now()
	c.mu.Lock()
	answer, ok := c.answers.get(subject)
	c.mu.Unlock()
	if age := asked.Sub(answer.asked); ok && age >= 0 && age < c.delay {
		return answer.epoch, nil
	}
	epoch, err := c.ask(ctx, subject)
	if err != nil {
		return time.Time{}, err
	}
	// The age counts from when the question was asked: a slow store must not
	// stretch the bound.
	c.mu.Lock()
	defer c.mu.Unlock()
	if later, ok := c.answers.get(subject); !ok || !later.asked.After(asked) || later.asked.After(c.now()) {
		c.answers.put(strings.Clone(subject), epochAnswer{epoch, asked})
	}
	return epoch, nil
}

func (c *epochCache) ask(ctx context.Context, subject string) (time.Time, error) {
	epoch, err := c.source.Epoch(ctx, subject)
	if err != nil {
		return time.Time{}, unavailable("asking for the epoch", err)
	}
	return epoch, nil
}

// unavailable is the 503 for a source that failed, whatever that says of itself.
func unavailable(doing string, err error) error {
	return problem.Wrap(problem.Unavailable, fmt.Errorf("%w: %s: %w", ErrUnavailable, doing, err))
}
