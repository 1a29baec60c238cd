package oidc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// GoogleIssuer is the issuer of Google accounts.
const GoogleIssuer = "https://accounts.google.com"

// GoogleConfig configures NewGoogle.
type GoogleConfig struct {
	// Config is that of a Provider. Name is "google" and Issuer GoogleIssuer if they
	// are empty. A prompt goes into Params.
	Config
	// Domains are the Google Workspace domains whose accounts may sign in, in lower
	// case. The hd claim of the ID token decides, never the end of a mail address:
	// anybody can have a Google account with any address. Empty: all accounts.
	Domains []string
	// Offline asks for a refresh token. Google gives one when the user consents; for
	// one each time, put the prompt "consent" into Params. See oauth.Config.Tokens.
	Offline bool
}

// NewGoogle returns Google as a Provider.
func NewGoogle(cfg GoogleConfig) (*Provider, error) {
	c := cfg.orElse("google", GoogleIssuer)
	domains := slices.Clone(cfg.Domains)
	for _, d := range domains {
		if d == "" || d != strings.ToLower(d) || strings.ContainsAny(d, "@*/ ") {
			return nil, fmt.Errorf("oidc: Domains: %q is not a domain in lower case", d)
		}
	}
	var s special
	switch len(domains) {
	case 0:
	case 1:
		c = c.with("hd", domains[0])
	default:
		c = c.with("hd", "*") // Google takes one domain, or any
	}
	if len(domains) > 0 {
		s.check = func(c claims) error {
			if hd, err := c.text("hd"); err != nil || hd == "" || !slices.Contains(domains, hd) {
				return errors.New("the account is not of a domain that may sign in")
			}
			return nil
		}
	}
	if cfg.Offline {
		c = c.with("access_type", "offline")
	}
	return newProvider(c, s)
}

// orElse fills in the name and the issuer of a known provider.
func (c Config) orElse(name, issuer string) Config {
	if c.Name == "" {
		c.Name = name
	}
	if c.Issuer == "" {
		c.Issuer = issuer
	}
	return c
}

// with returns c with another parameter, unless the caller has set it.
func (c Config) with(name, value string) Config {
	params := make(map[string][]string, len(c.Params)+1)
	for k, v := range c.Params {
		params[k] = v
	}
	if _, there := params[name]; !there {
		params[name] = []string{value}
	}
	c.Params = params
	return c
}
