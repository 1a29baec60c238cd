package jwtauth

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// A Verifier tells whether an access token is good.
//
// It protects from tokens that nobody signed, that were signed for somebody or
// something else, that are over, and from those that are made to be read in two
// ways. The order is fixed: form, header, key, signature, and only then the claims
// and their times; what is not signed by a key of the issuer never meets a parser
// of claims. What a token says about how it wants to be verified is not followed.
// There is no setting that accepts an unsigned token.
//
// It does not protect from a token that was stolen: who has it, is its subject until
// it expires or is revoked. Roles in a token are those of when it was issued; see
// auth.Gate.Current.
//
// It is safe for concurrent use. Make it with NewVerifier; the zero Verifier refuses
// everything.
type Verifier struct {
	keys    KeySource
	cfg     VerifierConfig
	headers atomic.Pointer[headerTable]
	cache   *tokenCache // nil: none
	epochs  *epochCache // nil: none
	bearer  challenges
}

// NewVerifier makes a Verifier. It asks nothing of anybody yet.
func NewVerifier(keys KeySource, cfg VerifierConfig) (*Verifier, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if set, ok := keys.(*KeySet); keys == nil || ok && set == nil {
		return nil, errNoKeys
	}
	v := &Verifier{keys: keys, cfg: cfg, bearer: newChallenges(cfg.Realm)}
	if cfg.CacheSize > 0 {
		v.cache = newTokenCache(cfg.CacheSize)
	}
	if cfg.Epochs != nil {
		if _, local := cfg.Epochs.(*MemoryEpochs); local {
			cfg.EpochDelay = -1
		}
		v.epochs = &epochCache{
			source: cfg.Epochs, delay: cfg.EpochDelay, now: cfg.Now,
			answers: newGenerations[string, epochAnswer](maxEpochAnswers),
		}
	}
	return v, nil
}

var (
	errNoKeys  = errors.New("jwtauth: a Verifier needs keys: a *KeySet or a *RemoteKeySet")
	errZero    = errors.New("jwtauth: the Verifier was not made by NewVerifier")
	errAborted = errors.New("jwtauth: the verification did not end")
)

// Verify returns the claims of a good token. The error is ErrExpired or ErrRevoked
// for a token that was good, ErrInvalid for any other that is not, ErrUnavailable if
// that cannot be told; with an error there are no claims.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	t, err := v.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	return &t.claims, nil
}

func (v *Verifier) verify(ctx context.Context, token string) (*verified, error) {
	if v.keys == nil {
		return nil, errZero
	}
	c, err := split(token, v.cfg.MaxTokenSize)
	if err != nil {
		return nil, err
	}
	r, err := v.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	now := v.cfg.Now()
	var t *verified
	if v.cache == nil || r.symmetric() {
		t, err = v.first(ctx, &c, r, now)
	} else {
		t, err = v.cached(ctx, token, &c, r, now)
	}
	if err != nil {
		return nil, err
	}
	return t, v.revoked(ctx, &t.claims)
}

// cached takes the token out of the cache, or verifies it once.
func (v *Verifier) cached(ctx context.Context, token string, c *compact, r *ring, now time.Time) (*verified, error) {
	h := secret.HandleOf(token)
	if t := v.cache.find(h, r); t != nil {
		return t, v.inTime(t, now)
	}
	t, err := v.cache.verify(ctx, h, r, func() (*verified, error) { return v.first(ctx, c, r, now) })
	if err != nil {
		return nil, err
	}
	return t, v.inTime(t, now)
}

// first verifies a token that is not known.
func (v *Verifier) first(ctx context.Context, c *compact, r *ring, now time.Time) (*verified, error) {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s) // no larger than MaxTokenSize
	var err error
	if s.signature, err = s.decode(s.signature, c.signature); err != nil {
		return nil, err
	}
	k, err := v.signer(ctx, c, s.signature, r)
	if err != nil {
		return nil, err
	}
	if s.payload, err = s.decode(s.payload, c.payload); err != nil {
		return nil, err
	}
	t := &verified{key: k}
	if err := t.parse(string(s.payload)); err != nil {
		return nil, invalid(err)
	}
	if err := v.forUs(&t.claims); err != nil {
		return nil, err
	}
	return t, v.inTime(t, now)
}

// signer returns the key that has signed c. If none of r has, it looks whether there
// are newer keys.
func (v *Verifier) signer(ctx context.Context, c *compact, signature []byte, r *ring) (*Key, error) {
	k, err := v.signedBy(c, signature, r)
	if err == nil || !errors.Is(err, errUnknownKey) && !errors.Is(err, errSignature) {
		return k, err
	}
	newer, failed := v.keys.newer(ctx, r)
	if failed != nil {
		return nil, failed
	}
	if newer == r {
		return nil, err
	}
	return v.signedBy(c, signature, newer)
}

// signedBy returns the key that has signed c.
func (v *Verifier) signedBy(c *compact, signature []byte, r *ring) (*Key, error) {
	table := v.headers.Load()
	if table == nil || table.ring != r {
		table = newHeaderTable(r, v.cfg.Type)
		v.headers.Store(table)
	}
	if k, known := table.keys[c.header]; known {
		if !k.verify(c.input, signature) {
			return nil, errSignature
		}
		return k, nil
	}
	h, err := parseHeader(c.header)
	if err != nil {
		return nil, err
	}
	if !v.cfg.SkipType && !h.isType(v.cfg.Type) {
		return nil, invalid(errHeaderTyp)
	}
	k, err := r.find(&h)
	if err != nil {
		return nil, err
	}
	if !k.verify(c.input, signature) {
		return nil, errSignature
	}
	table.learn(&v.headers, c.header, k)
	return k, nil
}

// forUs checks what does not change as time goes by.
func (v *Verifier) forUs(c *Claims) error {
	if err := c.require(v.cfg.SkipID); err != nil {
		return invalid(err)
	}
	if c.Issuer != v.cfg.Issuer {
		return errIssuer
	}
	if !slices.Contains(c.Audience, v.cfg.Audience) {
		return errAudience
	}
	// In seconds, as the token says them: a difference of times can be too large
	// for a time.Duration.
	lifetime := c.ExpiresAt.Unix() - c.IssuedAt.Unix()
	if lifetime <= 0 || lifetime > int64(v.cfg.MaxLifetime/time.Second) {
		return errLifetime
	}
	return nil
}

// inTime checks what changes as time goes by: nbf-leeway <= now < exp+leeway, and an
// iat that is not in the future (RFC 7519 §4.1).
func (v *Verifier) inTime(t *verified, now time.Time) error {
	c := &t.claims
	switch {
	case !t.key.counts(now):
		return errKeyWindow
	case c.IssuedAt.Add(-v.cfg.Leeway).After(now):
		return errFuture
	case c.NotBefore.Add(-v.cfg.Leeway).After(now):
		return errNotYet
	case !now.Before(c.ExpiresAt.Add(v.cfg.Leeway)):
		return ErrExpired
	}
	return nil
}

// revoked asks whether the token has been taken back.
func (v *Verifier) revoked(ctx context.Context, c *Claims) error {
	if v.epochs != nil {
		epoch, err := v.epochs.epoch(ctx, c.Subject)
		if err != nil {
			return err
		}
		if revokedBy(epoch, c.IssuedAt) {
			return ErrRevoked
		}
	}
	if v.cfg.Revoked != nil {
		revoked, err := v.cfg.Revoked(ctx, c)
		if err != nil {
			return unavailable("asking whether the token is revoked", err)
		}
		if revoked {
			return ErrRevoked
		}
	}
	return nil
}

var _ auth.Authenticator = (*Verifier)(nil)
