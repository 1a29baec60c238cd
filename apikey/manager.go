package apikey

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// A Manager issues, verifies, rotates and revokes API keys, and is the
// auth.Authenticator of requests that carry one. See the package comment for what it
// protects from and what it does not.
//
// It is safe for concurrent use. Make it with New; the zero Manager refuses everything.
// Close it to write the last uses that are noted.
type Manager struct {
	store    Store
	cfg      Config
	prefixes []issuedPrefix
	header   string // as http.Header has it
	dummy    *Key   // what the secret of an id that is not there is compared with
	stepUp   auth.StepUp
	answers  challenges
	cache    *cache // nil: none
	uses     *uses  // nil: they are not noted
	strays   *strays
	limits   limits

	stop     context.CancelFunc // ends the Watcher
	watching sync.WaitGroup
}

// issuedPrefix is one with which keys begin.
type issuedPrefix struct{ text, environment string }

// New returns a Manager that keeps keys in store. A nil store is a MemoryStore. It
// asks nothing of anybody yet, but if there is a cache and the store is a Watcher it
// subscribes, in a goroutine that Close ends.
func New(store Store, cfg Config) (*Manager, error) {
	clock := cfg.Now // nil in memory is a clock that nobody sets back
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if store == nil {
		if store, err = NewMemoryStore(MemoryConfig{}); err != nil {
			return nil, err
		}
	}
	m := &Manager{
		store:   store,
		cfg:     cfg,
		header:  http.CanonicalHeaderKey(cfg.Header),
		dummy:   &Key{Hash: secret.HandleOf(randomText(secretLen))},
		stepUp:  auth.StepUp{MaxAge: cfg.FreshFor, Factors: slices.Clone(cfg.FreshFactors), Now: cfg.Now},
		answers: newChallenges(cfg),
		strays:  newStrays(cfg.Failures),
		limits:  limits{store: cfg.Limits, now: clock},
		stop:    func() {},
	}
	for _, env := range cfg.Environments {
		m.prefixes = append(m.prefixes, issuedPrefix{cfg.Prefix + "_" + env, env})
	}
	if cfg.TouchEvery > 0 {
		m.uses = newUses(store, cfg)
	}
	if cfg.CacheFor > 0 {
		m.cache = newCache(cfg.CacheSize, cfg.CacheFor, m.prefixes)
		if w, ok := store.(Watcher); ok {
			var ctx context.Context
			ctx, m.stop = context.WithCancel(context.Background())
			m.watching.Go(func() { m.watch(ctx, w) })
		}
	}
	return m, nil
}

// Close writes the last uses that are noted and ends what runs in the background, or
// gives up when ctx is done. The Manager goes on to verify, but notes no use any more;
// a cache without its Watcher has the bound Config.CacheFor. Close may be called more
// than once.
func (m *Manager) Close(ctx context.Context) error {
	if m.store == nil {
		return nil
	}
	m.stop()
	ended := make(chan struct{})
	go func() {
		m.watching.Wait()
		close(ended)
	}()
	var err error
	if m.uses != nil {
		err = m.uses.close(ctx)
	}
	select {
	case <-ended:
	case <-ctx.Done():
		err = errors.Join(err, ctx.Err())
	}
	return err
}

// Pattern returns a regular expression that finds the keys of this service in any text:
// for the rules of secret scanners, pre-commit hooks and log filters. It is of the
// syntax that RE2 and PCRE share, as do most languages; POSIX tools such as grep -E have
// no (?:…), use grep -P. Parse tells what only looks like a key.
func (m *Manager) Pattern() string {
	list := make([]string, 0, len(m.prefixes))
	for _, p := range m.prefixes {
		list = append(list, p.text)
	}
	return pattern(list)
}

// Find returns the record of a key, also if it is dead, or ErrNotFound.
func (m *Manager) Find(ctx context.Context, id string) (*Key, error) {
	switch {
	case m.store == nil:
		return nil, errZero
	case !validID(id):
		return nil, ErrNotFound
	}
	k, err := m.find(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case k == nil:
		return nil, ErrNotFound
	}
	return k.Clone(), nil
}

// List returns the keys of a subject, those that were created last first. Dead ones are
// there for Retention, or until they are in the way of new ones.
func (m *Manager) List(ctx context.Context, subject string) ([]*Key, error) {
	switch {
	case m.store == nil:
		return nil, errZero
	case subject == "":
		return nil, errNoSubject
	}
	found, err := m.store.List(ctx, subject)
	if err != nil {
		return nil, storeFailed("listing keys", err)
	}
	now := m.now()
	list := make([]*Key, 0, len(found))
	for _, k := range found {
		if k == nil || k.Subject != subject {
			return nil, storeFailed("listing keys", errOtherKey)
		}
		if forget := k.ForgetAt(); forget.IsZero() || now.Before(forget) {
			list = append(list, k.Clone())
		}
	}
	slices.SortFunc(list, func(a, b *Key) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}

// now is the time as a Store keeps it.
func (m *Manager) now() time.Time { return micros(m.cfg.Now()) }

func micros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// environment returns the prefix of an environment; the first one if it is empty.
func (m *Manager) environment(name string) (issuedPrefix, bool) {
	if name == "" {
		return m.prefixes[0], true
	}
	for _, p := range m.prefixes {
		if p.environment == name {
			return p, true
		}
	}
	return issuedPrefix{}, false
}

// issues reports whether keys with that prefix are issued here.
func (m *Manager) issues(prefix string) bool {
	for i := range m.prefixes {
		if m.prefixes[i].text == prefix {
			return true
		}
	}
	return false
}

// emit tells OnEvent what has happened to a key.
func (m *Manager) emit(ctx context.Context, kind auth.EventKind, subject, id string, from netip.Addr, err error) {
	if m.cfg.OnEvent == nil {
		return
	}
	m.cfg.OnEvent.Emit(ctx, auth.Event{
		Kind: kind, Time: timeIn(m.cfg.Now), Subject: subject, Method: auth.MethodAPIKey, CredentialID: id, Address: from, Err: err,
	})
}

var errZero = errors.New("apikey: the Manager was not made by New")
