package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sallyport/auth"
)

// The limits of a RemoteKeySet.
const (
	DefaultRefreshEvery  = 10 * time.Minute
	DefaultRemoteMaxAge  = 24 * time.Hour
	DefaultRemoteTimeout = 5 * time.Second

	// MinFetchInterval is the time from one fetch to the next, whatever tokens
	// arrive; after one that failed it is RetryInterval.
	MinFetchInterval = time.Minute
	RetryInterval    = 10 * time.Second
)

// Kinds of events of a RemoteKeySet. Resource is the address of the issuer's keys.
const (
	EventKeysChanged auth.EventKind = "keys.changed" // Err names the keys that are not used, and why
	EventKeysFailed  auth.EventKind = "keys.failed"  // the keys could not be fetched
)

// RemoteConfig configures a RemoteKeySet. The zero value is the recommended
// production setting.
type RemoteConfig struct {
	// Algorithms are those that the issuer may use. Keys for others are not used. An
	// RSA key that names no alg is for the first RSA algorithm among them. Empty:
	// all asymmetric ones, RS256 first.
	Algorithms []Algorithm
	// RefreshEvery is the age at which the keys are fetched again, while those that
	// are there serve on. Zero: 10 minutes. A key that the issuer takes out counts
	// here for that much longer.
	RefreshEvery time.Duration
	// MaxAge is how long the keys may serve if they cannot be fetched again. Then
	// requests are refused with 503. Zero: 24 hours.
	MaxAge time.Duration
	// Timeout bounds a fetch. Zero: 5 seconds.
	Timeout time.Duration
	// Transport is for private certificate authorities and proxies. Nil: one of its
	// own, that uses the proxy of the environment as net/http does.
	Transport http.RoundTripper
	// OnEvent is told of changes and failures.
	OnEvent auth.EventFunc
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// A RemoteKeySet has the keys of another issuer, which publishes them as a JWKS (RFC
// 7517). It fetches them when the first token comes, so that a service starts while
// the issuer is down.
//
// What the issuer and those who send tokens can do to this service is bounded. There
// is one fetch at a time, and at most one a minute, or every ten seconds after one that
// failed, however many tokens name keys that are not there. Documents are read up to 1 MiB and 100 keys, over HTTPS but on
// loopback, with redirects only within the origin. Symmetric keys, keys with a
// private part, keys for encryption, weak ones, those not on their curve and all of
// an ambiguous id are not used. If a fetch fails, or brings no key, the last good
// keys serve until MaxAge.
//
// If the issuer uses an id again for another key, the new key wins and tokens that
// were verified with the old one are not good any more.
//
// A fetch runs in a goroutine that ends with it, after Timeout at the latest. All
// methods are safe for concurrent use.
type RemoteKeySet struct {
	cfg    RemoteConfig
	fetch  *fetcher
	loaded atomic.Pointer[loadedKeys] // nil: none yet

	ctx  context.Context // of fetches; Close cancels it
	stop context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running *fetchRun
	began   time.Time // the last fetch
	err     error     // of the last fetch
	group   sync.WaitGroup
}

type loadedKeys struct {
	ring *ring
	at   time.Time // when they were asked for
}

// A fetchRun is a fetch under way; done is closed at its end.
type fetchRun struct{ done chan struct{} }

// NewRemoteKeySet returns the keys at the address of a JWKS.
func NewRemoteKeySet(address string, cfg RemoteConfig) (*RemoteKeySet, error) {
	return newRemote(&fetcher{address: address}, address, cfg)
}

// DiscoverKeySet returns the keys of an issuer, whose metadata tells the address:
// OpenID Connect Discovery or, if there is none, RFC 8414. The metadata must be that
// of the issuer, character for character.
func DiscoverKeySet(issuer string, cfg RemoteConfig) (*RemoteKeySet, error) {
	return newRemote(&fetcher{issuer: issuer}, issuer, cfg)
}

func newRemote(f *fetcher, address string, cfg RemoteConfig) (*RemoteKeySet, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	f.client = newClient(cfg)
	s := &RemoteKeySet{cfg: cfg, fetch: f}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// complete fills in the defaults and reports everything that is wrong.
func (c RemoteConfig) complete() (RemoteConfig, error) {
	if len(c.Algorithms) == 0 {
		c.Algorithms = []Algorithm{RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA}
	}
	c.Algorithms = append([]Algorithm(nil), c.Algorithms...)
	for _, name := range c.Algorithms {
		if a, err := algorithmOf(name); err != nil || a.kind == typeOct {
			return c, fmt.Errorf("jwtauth: Algorithms: %q is not asymmetric, and only such keys can be public", string(name))
		}
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		standard time.Duration
		least    time.Duration
	}{
		{"RefreshEvery", &c.RefreshEvery, DefaultRefreshEvery, MinFetchInterval},
		{"MaxAge", &c.MaxAge, DefaultRemoteMaxAge, MinFetchInterval},
		{"Timeout", &c.Timeout, DefaultRemoteTimeout, time.Millisecond},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
		if *d.value < d.least {
			return c, fmt.Errorf("jwtauth: %s %s: use at least %s", d.name, *d.value, d.least)
		}
	}
	if c.MaxAge < c.RefreshEvery {
		return c, fmt.Errorf("jwtauth: MaxAge %s is shorter than RefreshEvery %s", c.MaxAge, c.RefreshEvery)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// Close ends a fetch that is under way and waits for it. Tokens are refused with 503
// from then on.
func (s *RemoteKeySet) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	s.group.Wait()
	return nil
}

// Keys returns the keys that are there now; it does not fetch.
func (s *RemoteKeySet) Keys() []*Key {
	if l := s.loaded.Load(); l != nil {
		return append([]*Key(nil), l.ring.keys...)
	}
	return nil
}

var (
	errClosed = errors.New("the RemoteKeySet is closed")
	errTooOld = errors.New("there are no keys, or they are too old")
)

func (s *RemoteKeySet) current(ctx context.Context) (*ring, error) {
	if s.ctx.Err() != nil {
		return nil, unavailable("fetching keys", errClosed)
	}
	now := s.cfg.Now()
	l := s.loaded.Load()
	switch {
	case l != nil && now.Sub(l.at) < s.cfg.RefreshEvery && !now.Before(l.at):
		return l.ring, nil
	case l != nil && now.Sub(l.at) < s.cfg.MaxAge:
		s.start(now) // nobody waits for it
		return l.ring, nil
	}
	if err := s.wait(ctx, s.start(now)); err != nil {
		return nil, err
	}
	if l = s.loaded.Load(); l != nil && s.cfg.Now().Sub(l.at) < s.cfg.MaxAge {
		return l.ring, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return nil, unavailable("fetching keys", errors.Join(errTooOld, s.err))
}

func (s *RemoteKeySet) newer(ctx context.Context, than *ring) (*ring, error) {
	l := s.loaded.Load()
	if l == nil || l.ring != than {
		return s.current(ctx)
	}
	if err := s.wait(ctx, s.start(s.cfg.Now())); err != nil {
		return nil, err
	}
	return s.loaded.Load().ring, nil
}

// start begins a fetch, if it is time for one, and returns the one that is under
// way, or nil.
func (s *RemoteKeySet) start(now time.Time) *fetchRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil || s.closed {
		return s.running
	}
	interval := MinFetchInterval
	if s.err != nil {
		interval = RetryInterval
	}
	// A clock that was set back must not keep the keys as they are until then.
	if since := now.Sub(s.began); !s.began.IsZero() && since >= 0 && since < interval {
		return nil
	}
	run := &fetchRun{done: make(chan struct{})}
	s.running, s.began = run, now
	s.group.Add(1)
	go s.run(run, now)
	return run
}

func (s *RemoteKeySet) wait(ctx context.Context, run *fetchRun) error {
	if run == nil {
		return nil
	}
	select {
	case <-run.done:
		return nil
	case <-ctx.Done():
		return unavailable("waiting for keys", ctx.Err())
	}
}

// run fetches. Whoever sent the token may be gone: a fetch that depended on him
// could be kept from ever ending, and it may be the only one of a minute.
func (s *RemoteKeySet) run(run *fetchRun, now time.Time) {
	defer s.group.Done()
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Timeout)
	defer cancel()
	ignored, changed, err := s.load(ctx, now)

	s.mu.Lock()
	s.running, s.err = nil, err
	s.mu.Unlock()
	close(run.done)
	switch {
	case err != nil:
		s.cfg.OnEvent.Emit(ctx, auth.Event{Kind: EventKeysFailed, Time: now, Resource: s.fetch.name(), Err: err})
	case changed:
		s.cfg.OnEvent.Emit(ctx, auth.Event{Kind: EventKeysChanged, Time: now, Resource: s.fetch.name(), Err: ignored})
	}
}

// load puts the keys of the issuer in the place of those that are there.
func (s *RemoteKeySet) load(ctx context.Context, now time.Time) (ignored error, changed bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	text, err := s.fetch.keys(ctx)
	if err != nil {
		return nil, false, err
	}
	keys, ignored, err := parseJWKS(text, s.cfg.Algorithms)
	if err != nil {
		return nil, false, err
	}
	old := s.loaded.Load()
	same := old != nil && len(old.ring.keys) == len(keys)
	for i, k := range keys {
		// A key that is still there stays the very key, and what was verified with
		// it stays verified.
		if old != nil && old.ring.byID[k.id] != nil && old.ring.byID[k.id].sameMaterial(k) {
			keys[i] = old.ring.byID[k.id]
		} else {
			same = false
		}
	}
	if same {
		s.loaded.Store(&loadedKeys{ring: old.ring, at: now})
		return ignored, false, nil
	}
	r, err := newRing(nil, keys)
	if err != nil {
		return nil, false, err
	}
	s.loaded.Store(&loadedKeys{ring: r, at: now})
	return ignored, true, nil
}
