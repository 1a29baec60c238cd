package password

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/problem"
)

// Events of Tokens. Their Resource is the Purpose; none has a token or its hash.
const (
	EventTokenIssued  auth.EventKind = "password.token_issued"  // an earlier one of the same purpose is void by it
	EventTokenUsed    auth.EventKind = "password.token_used"    // consumed
	EventTokenRefused auth.EventKind = "password.token_refused" // malformed, unknown, used, expired, or of another purpose
	EventTokensVoided auth.EventKind = "password.tokens_voided" // without a Resource: those of all purposes
)

// TokensConfig configures Tokens. The zero value is the recommended production
// setting.
type TokensConfig struct {
	// TTL is how long the tokens of a purpose are good: one minute to 24 hours,
	// those that verify an address up to 7 days. A purpose that is not named: one
	// hour, and PurposeVerifyEmail 24 hours.
	TTL map[Purpose]time.Duration
	// OnEvent receives what happens to tokens.
	OnEvent auth.EventFunc
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Tokens issues one-time tokens, such as those in a mail that resets a password,
// and takes each of them once.
//
// It protects from guessing: a token is 256 bits from crypto/rand. From a stolen
// table or its backup: the store has a SHA-256, which is enough for a secret that
// cannot be searched (ASVS 5.0 V6.5.2). From use twice, in parallel too, and from
// use for something else: TokenStore.Consume is one step, and every token has its
// Purpose. From an old mail: a newer token of the same purpose ends the older one,
// and all of them end on Void and at their expiry.
//
// It does not protect from who can read the mail. It sends none, and sets no
// limit to how many are asked for. It does not know what Binding means: whoever
// consumes a token compares it.
//
// It is safe for concurrent use.
type Tokens struct {
	store   TokenStore
	ttl     map[Purpose]time.Duration
	now     func() time.Time
	onEvent auth.EventFunc
}

const (
	tokenBytes      = 32
	defaultTokenTTL = time.Hour
	minTokenTTL     = time.Minute
	maxTokenTTL     = 24 * time.Hour
	maxVerifyTTL    = 7 * 24 * time.Hour
	// tokenTimeout bounds a step that goes on after the client has gone.
	tokenTimeout = 5 * time.Second
)

// NewTokens returns Tokens on store. A nil store is a MemoryTokenStore of its own.
func NewTokens(store TokenStore, cfg TokensConfig) (*Tokens, error) {
	t := &Tokens{store: store, ttl: map[Purpose]time.Duration{PurposeVerifyEmail: maxTokenTTL}, now: cfg.Now, onEvent: cfg.OnEvent}
	for purpose, ttl := range cfg.TTL {
		most := maxTokenTTL
		if purpose == PurposeVerifyEmail {
			most = maxVerifyTTL
		}
		if err := checkPurpose(purpose); err != nil {
			return nil, err
		}
		if ttl < minTokenTTL || ttl > most {
			return nil, fmt.Errorf("password: TTL of %q tokens is %s: it must be %s to %s", purpose, ttl, minTokenTTL, most)
		}
	}
	maps.Copy(t.ttl, cfg.TTL)
	if t.now == nil {
		t.now = time.Now
	}
	if t.store == nil {
		s, err := NewMemoryTokenStore(0)
		if err != nil {
			return nil, err
		}
		t.store = s
	}
	return t, nil
}

// Issue returns a new token, 43 characters of base64url, to be sent to its owner
// and kept nowhere. It ends an earlier one of the same subject and purpose.
//
// Binding is kept beside it, for whoever consumes the token to compare with how
// things stand then, or to act on: the address that it verifies or moves the
// account to; for a reset, the address that it was sent to and a count or the
// time of the last change of the password, so that the token is void after a
// change of either even if Void could not be done. Take no hash of a password for
// it: a login may replace that by a newer one, and a login voids nothing.
//
// A subject has 1 to MaxSubjectBytes bytes, a binding up to MaxBindingBytes; both
// are UTF-8 without NUL.
func (t *Tokens) Issue(ctx context.Context, subject string, purpose Purpose, binding string) (token string, err error) {
	if err := checkSubject(subject); err != nil {
		return "", err
	}
	if err := checkPurpose(purpose); err != nil {
		return "", err
	}
	if err := checkTokenText("binding", binding, 0, MaxBindingBytes); err != nil {
		return "", err
	}
	ttl, ok := t.ttl[purpose]
	if !ok {
		ttl = defaultTokenTTL
	}
	token = secret.Token(tokenBytes)
	now := t.now().UTC().Truncate(time.Microsecond)
	row := Token{
		Hash:      secret.HandleOf(token),
		Subject:   subject,
		Purpose:   purpose,
		Binding:   binding,
		CreatedAt: now,
		ExpiresAt: now.Add(ttl).Truncate(time.Microsecond),
	}
	if err := t.store.Put(ctx, row); err != nil {
		return "", tokensUnavailable("issue", err)
	}
	t.emit(ctx, EventTokenIssued, subject, purpose, nil)
	return token, nil
}

// Check returns what is known of a token that is good for purpose, or ErrToken,
// and consumes nothing: to judge a new password by its owner's name, or to show a
// form. Nothing may be decided by it: only Consume is true for one caller alone.
func (t *Tokens) Check(ctx context.Context, purpose Purpose, token string) (Token, error) {
	return t.look(ctx, purpose, token, t.store.Find)
}

// Consume spends a token and returns what is known of it. Of any number of calls
// with one token, one succeeds; the others, and whatever is no token of this
// purpose that is good now, get ErrToken. What has not the form of a token does
// not reach the store.
//
// Any other error is answered with 503. The token may be spent then: ask for a new
// one. It goes on when ctx is cancelled by a client who has gone, for at most five
// seconds, so that a token is spent or not and no third.
func (t *Tokens) Consume(ctx context.Context, purpose Purpose, token string) (Token, error) {
	if err := ctx.Err(); err != nil {
		return Token{}, tokensUnavailable("consume", err)
	}
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
	defer cancel()
	got, err := t.look(detached, purpose, token, t.store.Consume)
	switch {
	case err == nil:
		t.emit(ctx, EventTokenUsed, got.Subject, purpose, nil)
	case errors.Is(err, ErrToken):
		t.emit(ctx, EventTokenRefused, "", purpose, err)
	}
	return got, err
}

// Void ends the tokens of a subject: those of the purposes, or without any all of
// them. Call it when a password or an address has changed. An error means that
// they may be good still, so the change is not done yet: try again. Like Consume
// it goes on when the client has gone.
func (t *Tokens) Void(ctx context.Context, subject string, purposes ...Purpose) error {
	if err := checkSubject(subject); err != nil {
		return err
	}
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenTimeout)
	defer cancel()
	if err := t.store.Void(detached, subject, purposes...); err != nil {
		return tokensUnavailable("void", err)
	}
	if len(purposes) == 0 {
		t.emit(ctx, EventTokensVoided, subject, "", nil)
	}
	for _, purpose := range purposes {
		t.emit(ctx, EventTokensVoided, subject, purpose, nil)
	}
	return nil
}

// look asks the store for a token, and does not believe an answer to another
// question.
func (t *Tokens) look(ctx context.Context, purpose Purpose, token string, ask func(context.Context, [32]byte, Purpose, time.Time) (Token, error)) (Token, error) {
	if !isToken(token) {
		return Token{}, ErrToken
	}
	hash, now := secret.HandleOf(token), t.now()
	got, err := ask(ctx, hash, purpose, now)
	switch {
	case errors.Is(err, ErrToken):
		return Token{}, err
	case err != nil:
		return Token{}, tokensUnavailable("look-up", err)
	case got.Hash != hash || got.Purpose != purpose || got.Subject == "" || !now.Before(got.ExpiresAt):
		return Token{}, ErrToken
	}
	return got, nil
}

func (t *Tokens) emit(ctx context.Context, kind auth.EventKind, subject string, purpose Purpose, err error) {
	t.onEvent.Emit(ctx, auth.Event{Kind: kind, Time: t.now(), Subject: subject, Resource: string(purpose), Err: err})
}

// isToken reports whether s has the form of what Issue returns.
func isToken(s string) bool {
	var raw [tokenBytes]byte
	encoding := base64.RawURLEncoding.Strict()
	if len(s) != encoding.EncodedLen(tokenBytes) {
		return false
	}
	// A line break, which encoding/base64 skips, leaves too few bytes.
	n, err := encoding.Decode(raw[:], []byte(s))
	return err == nil && n == tokenBytes
}

func checkSubject(subject string) error {
	return checkTokenText("subject", subject, 1, MaxSubjectBytes)
}

func checkPurpose(purpose Purpose) error {
	return checkTokenText("purpose", string(purpose), 1, MaxPurposeBytes)
}

// checkTokenText refuses what not every store could keep as it is.
func checkTokenText(part, s string, least, most int) error {
	if len(s) < least || len(s) > most {
		return fmt.Errorf("password: the %s of a token has %d bytes: it must be %d to %d", part, len(s), least, most)
	}
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return fmt.Errorf("password: the %s of a token must be UTF-8 without NUL", part)
	}
	return nil
}

func tokensUnavailable(doing string, err error) error {
	return problem.Wrap(problem.Unavailable, fmt.Errorf("password: tokens: %s: %w", doing, err))
}
