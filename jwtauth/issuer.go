package jwtauth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// Kinds of events besides those of package auth.
const (
	EventReused  auth.EventKind = "refresh.reused"  // a spent refresh token came again: a thief, or his victim
	EventCorrupt auth.EventKind = "refresh.corrupt" // a stored family could not be read
)

// storeTimeout bounds each write. Writes go on when the client is gone, so that
// a sign-out is not undone by a closed tab, and must end all the same.
const storeTimeout = 5 * time.Second

// typAccess is the type of the tokens that an Issuer makes (RFC 9068 §2.1).
const typAccess = "at+jwt"

// An Issuer turns a proven principal into an access token, which is short-lived
// and verified without a look-up, and a refresh token, which gets the next ones.
//
// # What it protects from
//
// A stolen refresh token: each is good once. When it has been spent and comes
// again, from thief or victim, all sign-ins of the user end, or that one (see
// IssuerConfig.Reuse), and with IssuerConfig.Epochs the access tokens too. A stolen store: it holds nothing that
// a token could be made of. Junk: a token that the Issuer has not made is refused
// without a call of the store. A user who is disabled, demoted or gone: each
// refresh asks. Two tabs, a lost answer, a retry: the successor of a token is
// derived from it, so all of them get the same one.
//
// # What it does not
//
// A thief who refreshes before his victim is noticed when the victim does. Within
// IssuerConfig.Grace the two cannot be told apart: a thief who always comes so soon
// after his victim stays, until the family ends. Script
// in the page can refresh as long as the page is open, and cannot take the cookie
// away. After a failover of the store that lost a rotation, a token that was spent
// just before may be good once more; whichever way it goes, there is one good
// token per family at any time. A client that gets no answer, and repeats its
// refresh only after the grace, is taken for a thief. So is a browser whose tabs
// refresh at the same time, if an older answer arrives last and puts its cookie in
// the place of a newer one: tabs should take turns, as those of auth.js do.
//
// It is immutable and safe for concurrent use.
type Issuer struct {
	keys       *KeySet
	store      FamilyStore
	refresh    *refreshKeys
	cfg        IssuerConfig
	attributes string // of the cookie
	challenge  string // of a 401 without a refresh token
}

var (
	_ auth.SignIn  = (*Issuer)(nil)
	_ auth.Revoker = (*Issuer)(nil)
)

// Tokens are what a client gets. They are secrets: they do not show in logs.
type Tokens struct {
	Access    string
	ExpiresIn time.Duration // of Access
	Refresh   string
	// RefreshIn is how long Refresh is good if it is not used.
	RefreshIn time.Duration
	// Family is the public id of the sign-in, for Revoke.
	Family string
	// Scopes are those of Access. Nil: no bound.
	Scopes []string
}

// String hides the tokens.
func (t Tokens) String() string { return "jwtauth: tokens of family " + t.Family }

// GoString hides the tokens from %#v.
func (t Tokens) GoString() string { return t.String() }

// LogValue hides the tokens from slog.
func (t Tokens) LogValue() slog.Value { return slog.StringValue(t.String()) }

// NewIssuer returns an Issuer that signs with keys. A nil store is a MemoryStore
// with its defaults: for one process, whose restart signs everybody out. The error
// tells everything that is wrong with cfg.
func NewIssuer(keys *KeySet, store FamilyStore, cfg IssuerConfig) (*Issuer, error) {
	cfg, err := cfg.complete()
	context := append([]string{cfg.Issuer, cfg.ClientID, strconv.Itoa(int(cfg.Transport))}, cfg.Audience...)
	refresh, keyErr := newRefreshKeys(cfg.RefreshKeys, context...)
	switch {
	case keys == nil:
		keyErr = errors.Join(errNoKeySet, keyErr)
	case keys.Signing() == nil:
		keyErr = errors.Join(ErrNoSigningKey, keyErr)
	}
	if err := errors.Join(err, keyErr); err != nil {
		return nil, err
	}
	if store == nil {
		if store, err = NewMemoryStore(MemoryConfig{Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	cfg.RefreshKeys = nil // no secret lies about longer than needed
	i := &Issuer{keys: keys, store: store, refresh: refresh, cfg: cfg, attributes: cfg.cookieAttributes()}
	i.challenge = auth.Challenge("Bearer")
	if cfg.Transport == TransportCookie {
		i.challenge = auth.Challenge("Cookie", "cookie-name", cfg.CookieName)
	}
	return i, nil
}

// Issue starts a family for p, who has just proved to be p. It is SignIn without
// request and response. If the user then has more families than
// IssuerConfig.MaxPerUser, the oldest end.
func (i *Issuer) Issue(ctx context.Context, p *auth.Principal, d Device) (*Tokens, error) {
	t, _, err := i.issue(ctx, p, d)
	if err == nil {
		i.emit(ctx, d.Address, auth.Event{Kind: auth.EventSignIn, Subject: p.Subject, CredentialID: t.Family})
	}
	return t, err
}

func (i *Issuer) issue(ctx context.Context, p *auth.Principal, d Device) (*Tokens, FamilyID, error) {
	if p == nil || p.Subject == "" {
		return nil, FamilyID{}, errNoSubject
	}
	at := i.cfg.Now()
	g := grantOf(p, i.cfg.ClientID, d)
	if g.AuthenticatedAt.IsZero() {
		g.AuthenticatedAt = at.Round(0)
	}
	stored, err := g.encode()
	if err != nil {
		return nil, FamilyID{}, err
	}
	id := newFamilyID(p.Subject)
	// Everything that can fail comes before the family is there.
	t, err := i.access(ctx, g.principal(id), id, at, i.cfg.RefreshLifetime)
	if err != nil {
		return nil, FamilyID{}, err
	}
	limits := Limits{Lifetime: i.cfg.RefreshLifetime, Idle: i.cfg.RefreshIdle, PerSubject: i.cfg.MaxPerUser}
	detached, cancel := detach(ctx)
	defer cancel()
	if err := i.store.Create(detached, id, stored, limits); err != nil {
		return nil, FamilyID{}, storeFailed("create", err)
	}
	t.Refresh, t.RefreshIn = i.refresh.seal(id, 1), i.cfg.RefreshIdle
	return t, id, nil
}

// access signs an access token for p, which is issued at that time and ends with
// its family.
func (i *Issuer) access(ctx context.Context, p *auth.Principal, id FamilyID, at time.Time, left time.Duration) (*Tokens, error) {
	var custom map[string]any
	if i.cfg.Claims != nil {
		var err error
		if custom, err = i.cfg.Claims(ctx, p); err != nil {
			return nil, err
		}
	}
	at, err := i.afterEpoch(ctx, p.Subject, at)
	if err != nil {
		return nil, err
	}
	lifetime := i.cfg.AccessLifetime
	// A clock that is ahead of the store's must not make tokens that are dead.
	if left >= time.Second && left < lifetime {
		lifetime = left.Truncate(time.Second)
	}
	c := ClaimsOf(p)
	c.Issuer, c.Audience, c.ClientID = i.cfg.Issuer, i.cfg.Audience, i.cfg.ClientID
	c.IssuedAt, c.ExpiresAt = at, at.Add(lifetime)
	c.ID, c.SessionID = secret.Token(secret.MinBytes), id.Public()
	payload, err := c.encode(custom)
	if err != nil {
		return nil, err
	}
	token, err := i.keys.sign(typAccess, payload)
	if err != nil {
		return nil, err
	}
	return &Tokens{Access: token, ExpiresIn: lifetime, Family: id.Public(), Scopes: p.Scopes}, nil
}

// afterEpoch returns at or, if that would be refused, the first time that is not: a
// user whose tokens were revoked by a process with a clock that is ahead need not
// wait for this one. An epoch that is there by now is no bar, as it is set after
// the families that it is about have ended, and the store is asked for those yet.
func (i *Issuer) afterEpoch(ctx context.Context, subject string, at time.Time) (time.Time, error) {
	if i.cfg.Epochs == nil {
		return at, nil
	}
	epoch, err := i.cfg.Epochs.Epoch(ctx, subject)
	if err != nil {
		return at, unavailable("asking for the epoch", err)
	}
	if at = at.Truncate(time.Millisecond); revokedBy(epoch, at) {
		at = epoch.Add(time.Millisecond).Truncate(time.Millisecond)
	}
	return at, nil
}

// detach returns a context for a write that must not stop half-way because the
// client has gone.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
}

func (i *Issuer) emit(ctx context.Context, from netip.Addr, e auth.Event) {
	if i.cfg.OnEvent == nil {
		return
	}
	e.Time, e.Method, e.Address = i.cfg.Now(), auth.MethodJWT, from
	i.cfg.OnEvent.Emit(ctx, e)
}

// maxUserAgent bounds what is kept of a User-Agent, in bytes.
const maxUserAgent = 256

// device is what r tells of its client.
func (i *Issuer) device(r *http.Request) Device {
	agent := r.UserAgent()
	if len(agent) > maxUserAgent {
		agent = agent[:maxUserAgent]
	}
	return Device{UserAgent: strings.ToValidUTF8(agent, ""), Address: i.client(r)}
}

// client is who sent r, as far as it can be told.
func (i *Issuer) client(r *http.Request) netip.Addr {
	addr, err := i.cfg.ClientIP(r)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
