package jwtauth

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The defaults of VerifierConfig.
const (
	DefaultType         = "at+jwt" // RFC 9068 §2.1
	DefaultLeeway       = 30 * time.Second
	DefaultMaxLifetime  = 15 * time.Minute
	DefaultMaxTokenSize = 8 << 10 // bytes
	DefaultEpochDelay   = 10 * time.Second
	DefaultCacheSize    = 20_000
)

// The bounds of VerifierConfig.
const (
	maxLeeway       = time.Minute
	maxMaxLifetime  = 24 * time.Hour
	maxMaxTokenSize = 64 << 10
	maxEpochDelay   = time.Minute
)

// VerifierConfig configures a Verifier. Issuer and Audience have no default; the
// zero value of the rest is the recommended production setting.
type VerifierConfig struct {
	// Issuer is the iss that a token must have, character for character.
	Issuer string
	// Audience is this service: one of the values of aud must be it, character for
	// character.
	Audience string
	// Type is the typ that the header of a token must have. It keeps tokens of other
	// kinds that are signed with the same key, such as ID tokens, from being access
	// tokens. Case and a leading "application/" do not count. Empty: "at+jwt".
	// Issuers that do not know RFC 9068 write "JWT".
	Type string
	// Leeway is how far the clocks of the issuer and of this service may be apart.
	// Zero: 30 seconds. At most a minute. Negative: none.
	Leeway time.Duration
	// MaxLifetime is how long a token may live, from iat to exp. A token is a
	// credential that cannot be taken back at once, so this is the bound of what a
	// stolen one is good for. Zero: 15 minutes. At most 24 hours.
	MaxLifetime time.Duration
	// MaxTokenSize is the greatest length of a token in bytes. Zero: 8 KiB. At most
	// 64 KiB.
	MaxTokenSize int
	// Epochs tells since when the tokens of a subject count. Nil: a token is good
	// until it expires, whatever happens to its subject. If it fails, requests are
	// refused with 503.
	Epochs Epochs
	// EpochDelay is how long an answer of Epochs is used again: the bound of how
	// long "log out everywhere" may take. Zero: 10 seconds. At most a minute.
	// Negative: Epochs is asked for every request. MemoryEpochs always is.
	EpochDelay time.Duration
	// Revoked, if not nil, is asked last whether a token has been revoked, by its ID
	// or SessionID. It is asked for every request. A list of what is revoked must be
	// kept where nothing is evicted; a list of the sessions that live is better. An
	// error refuses with 503.
	Revoked func(ctx context.Context, c *Claims) (bool, error)
	// CacheSize is how many tokens of asymmetric keys are remembered as verified,
	// which saves the work of their signatures. The times, the key and the
	// revocation of a token are checked all the same. Zero: 20,000, of about a KiB
	// each. Negative: none.
	CacheSize int
	// Realm is the realm of the challenge (RFC 9110 §11.5). Empty: it has none.
	Realm string
	// SkipType accepts tokens of any typ and of none. With it an ID token, or any
	// other token of the issuer with the same aud, is an access token.
	SkipType bool
	// SkipID accepts tokens without a jti.
	SkipID bool
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// complete fills in the defaults and reports everything that is wrong.
func (c VerifierConfig) complete() (VerifierConfig, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("jwtauth: "+format, args...)) }

	if c.Issuer == "" {
		wrong("Issuer is empty: name the iss of the tokens")
	}
	if c.Audience == "" {
		wrong("Audience is empty: name this service as the tokens do in aud, or the tokens of every other service are good here")
	}
	c.Type = bareType(c.Type)
	if c.Type == "" {
		c.Type = DefaultType
	}
	if !plainText(c.Type) {
		wrong("Type %q cannot stand in a header", c.Type)
	}
	switch {
	case c.Leeway == 0:
		c.Leeway = DefaultLeeway
	case c.Leeway < 0:
		c.Leeway = 0
	case c.Leeway > maxLeeway:
		wrong("Leeway %s: use up to %s, and let the machines keep time", c.Leeway, maxLeeway)
	}
	switch {
	case c.MaxLifetime == 0:
		c.MaxLifetime = DefaultMaxLifetime
	case c.MaxLifetime < time.Second || c.MaxLifetime > maxMaxLifetime:
		wrong("MaxLifetime %s: use 1s to %s", c.MaxLifetime, maxMaxLifetime)
	}
	switch {
	case c.MaxTokenSize == 0:
		c.MaxTokenSize = DefaultMaxTokenSize
	case c.MaxTokenSize < 0 || c.MaxTokenSize > maxMaxTokenSize:
		wrong("MaxTokenSize %d: use up to %d bytes", c.MaxTokenSize, maxMaxTokenSize)
	}
	switch {
	case c.EpochDelay == 0:
		c.EpochDelay = DefaultEpochDelay
	case c.EpochDelay > maxEpochDelay:
		wrong("EpochDelay %s: use up to %s", c.EpochDelay, maxEpochDelay)
	}
	if c.CacheSize == 0 {
		c.CacheSize = DefaultCacheSize
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, errors.Join(errs...)
}
