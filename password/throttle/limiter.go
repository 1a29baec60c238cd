package throttle

import (
	"context"
	"net/http"

	"github.com/go-sallyport/auth"
)

// A Limiter counts attempts and locks a key that has had too many. Begin is for
// guesses at a secret, Allow and Handler are for requests that are to be rare
// whether they succeed or not. See Guard for logins.
//
// It is safe for concurrent use.
type Limiter struct {
	onError  func(w http.ResponseWriter, r *http.Request, err error)
	guesses  counter
	further  counter // keys of Begin after the first
	requests counter
}

// New returns a Limiter that counts in store. A nil store is memory of this
// process, of a fixed size, see MemoryStore.
func New(store Store, cfg Config) (*Limiter, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if store, err = orMemory(store, cfg.Now); err != nil {
		return nil, err
	}
	return &Limiter{
		onError:  cfg.ErrorHandler,
		guesses:  newCounter(store, cfg, "", cfg.guesses()),
		further:  newCounter(store, cfg, "further", cfg.further()),
		requests: newCounter(store, cfg, "request", Rule{Max: cfg.Max, Window: cfg.Window}),
	}, nil
}

// Begin counts an attempt at a secret under each key, which is what locks, and
// admits it or returns a *LockedError. Call it before the secret is looked at.
//
// The first key is the one that Succeed forgives, such as the account, and whose
// locks grow. Further ones, such as the client's address, have Max attempts in
// each Window and no more, since nothing ever forgives them. They are asked
// first, and an attempt that one key refuses is counted under none.
//
// An attempt that is refused does not prolong the lock that refuses it. If the
// Store fails the attempt is refused with an error that is answered with 503,
// unless Config.FailOpen.
func (l *Limiter) Begin(ctx context.Context, keys ...string) (*Attempt, error) {
	return l.begin(ctx, new(Attempt), keys) // on the stack of the caller: this is inlined
}

// begin returns a, or nil and why it is refused.
func (l *Limiter) begin(ctx context.Context, a *Attempt, keys []string) (*Attempt, error) {
	if len(keys) == 0 {
		return nil, ErrNoKey
	}
	var nobody auth.Event
	for i := len(keys) - 1; i > 0; i-- {
		if err := a.take(ctx, &l.further, keys[i], &nobody); err != nil {
			return nil, err
		}
	}
	if err := a.take(ctx, &l.guesses, keys[0], &nobody); err != nil {
		return nil, err
	}
	a.admit(ctx, &nobody)
	return a, nil
}

// Allow counts a request under key, or returns a *LockedError if there have been
// Max of them in the window. Nothing is ever forgiven and no lock outlasts the
// window: of Config only Max and Window matter here.
//
// The counts are other ones than those of Begin.
func (l *Limiter) Allow(ctx context.Context, key string) error {
	var nobody auth.Event
	n, err := l.requests.allow(ctx, key, &nobody)
	if n.Wait > 0 {
		l.requests.emit(ctx, &nobody, EventLocked, nil)
	}
	return err
}

// Unlock forgets all failures under a key that was the first one of Begin,
// however many there were. It is for when the owner has given another proof, such
// as the link of a password reset.
func (l *Limiter) Unlock(ctx context.Context, key string) error {
	return l.guesses.reset(ctx, key)
}
