package rbac

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/go-sallyport/auth"
)

// A Live holds the Policy of a running service. Swap replaces it as a whole: a
// decision is made by the old policy or by the new one, and one that begins after
// Swap has returned is made by the new one, on every route.
//
// It is a Decider, to be put into a Guard. Routes may be declared before there is
// a policy; until then, and in the zero Live, everything is denied.
//
// A Live must not be copied. It is safe for concurrent use.
type Live struct {
	state atomic.Pointer[liveState]
	mu    sync.Mutex // serialises changes of state
}

// A liveState is replaced, never changed.
type liveState struct {
	policy *Policy
	needs  []need // what routes have declared
	rules  []rule // the same, compiled against policy
}

var _ Decider = (*Live)(nil)

// Swap makes next the policy. If a permission or role that a route requires is
// unknown to next, or next is nil or zero, it returns an error that wraps
// ErrPolicy and says all of them, and the last good policy stays.
//
// To take a permission from everybody, leave it with a role that nobody holds.
func (l *Live) Swap(next *Policy) error {
	if next.empty() {
		return fmt.Errorf("%w: it is nil or zero: the last good policy stays", ErrPolicy)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.load()
	state := &liveState{policy: next, needs: old.needs}
	var errs []error
	for _, n := range old.needs {
		r, err := next.compile(n)
		if err != nil {
			errs = append(errs, err)
		}
		state.rules = append(state.rules, r)
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w: a route requires what it lacks, the last good policy stays: %w", ErrPolicy, errors.Join(errs...))
	}
	l.state.Store(state)
	return nil
}

// LoadJSON swaps in the policy that r holds, in the form of func LoadJSON. On an
// error, of reading too, the last good policy stays.
func (l *Live) LoadJSON(r io.Reader) error {
	next, err := LoadJSON(r)
	if err != nil {
		return err
	}
	return l.Swap(next)
}

// Policy returns the policy of now, or nil, which denies.
func (l *Live) Policy() *Policy { return l.load().policy }

// Decide makes a Live a Decider: the Policy of now decides.
func (l *Live) Decide(ctx context.Context, p *auth.Principal, perm Permission, resource any) (bool, error) {
	return l.Policy().Decide(ctx, p, perm, resource)
}

// noState is the state of a Live before the first Swap or declaration.
var noState liveState

func (l *Live) load() *liveState {
	if l == nil {
		return &noState
	}
	if state := l.state.Load(); state != nil {
		return state
	}
	return &noState
}

// declare remembers that a route has this need and returns its number. The same
// need has the same number, so declaring again does not take more memory.
func (l *Live) declare(n need) (int, error) {
	if l == nil {
		return 0, errors.New("the Live is nil")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.load()
	for i, known := range old.needs {
		if known.equal(n) {
			return i, nil
		}
	}
	r, err := old.policy.compile(n)
	if err != nil {
		return 0, err
	}
	// The clipped slices make append copy: old is still being read.
	l.state.Store(&liveState{
		policy: old.policy,
		needs:  append(old.needs[:len(old.needs):len(old.needs)], n),
		rules:  append(old.rules[:len(old.rules):len(old.rules)], r),
	})
	return len(old.needs), nil
}

// check decides by the need with that number.
func (l *Live) check(number int, p *auth.Principal) error {
	return l.state.Load().rules[number].check(p)
}
