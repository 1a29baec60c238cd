package password

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-sallyport/auth/problem"
)

// PolicyConfig configures a Policy. The zero value is the recommended
// production setting.
type PolicyConfig struct {
	// MinLength is the least length of a password, in code points, 8 to 64. Zero:
	// 12. NIST advises 15 where the password is the only factor.
	MinLength int
	// Words are those of the application that an attacker tries first: its name,
	// that of the company. See Policy.Check.
	Words []string
	// Breached reports whether a password is known from a breach, such as by a
	// range query that tells the service asked nothing. It is asked last, of
	// passwords that are fine otherwise. Nil: nobody is asked.
	Breached func(ctx context.Context, password string) (bool, error)
	// FailOpenBreached accepts a password if Breached fails. By default it is
	// refused with 503, and the user tries again.
	FailOpenBreached bool
}

// A Policy says which new passwords are acceptable: long enough, not among those
// that attackers try first, not made of the names of the user or the service.
//
// There are no rules of composition, such as one digit and one capital, and no
// expiry: they make passwords that are easier to guess (NIST SP 800-63B, ASVS
// 6.2.5 and 6.2.10). Twelve times the same letter is refused because it is on
// the list.
//
// It is about new passwords. A login is not checked against it: a Checker says
// whether the password is right, and nothing else.
//
// It is safe for concurrent use.
type Policy struct {
	minLength int
	parts     []string // of the words, folded
	breached  func(ctx context.Context, password string) (bool, error)
	failOpen  bool
}

const (
	defaultMinLength = 12
	minMinLength     = 8
	maxMinLength     = 64
)

// NewPolicy returns a Policy.
func NewPolicy(cfg PolicyConfig) (*Policy, error) {
	p := &Policy{
		minLength: orDefault(cfg.MinLength, defaultMinLength),
		parts:     wordParts(cfg.Words),
		breached:  cfg.Breached,
		failOpen:  cfg.FailOpenBreached,
	}
	if p.minLength < minMinLength || p.minLength > maxMinLength {
		return nil, fmt.Errorf("password: MinLength is %d: it must be %d to %d; 12 is the default, 15 is advised where there is no second factor", cfg.MinLength, minMinLength, maxMinLength)
	}
	return p, nil
}

// Check returns nil for an acceptable password, and otherwise a *PolicyError
// with every reason that applies, or an error that is answered with 503 if
// Breached has failed. Words are those of the user: name, login, e-mail address.
//
//   - MaxBytes bytes at most. This is checked before anything else.
//   - UTF-8 without NUL.
//   - MinLength code points at least; a combined emoji may be several.
//   - Not on the bundled list of common passwords, in any case.
//   - Still MinLength code points without the words. They count for nothing,
//     in any case: "alice-likes-blue-cheese" is fine for alice,
//     "alice-in-2026" is not. A word is looked for in parts, split at whatever
//     is no letter or digit; of an e-mail address as a whole, and in what stands
//     before the "@". Parts of less than 4 code points are ignored.
func (p *Policy) Check(ctx context.Context, password string, words ...string) error {
	if err := p.local(password, words); err != nil {
		return err
	}
	if p.breached == nil {
		return nil
	}
	found, err := p.askBreached(ctx, password)
	switch {
	case found && err == nil:
		return &PolicyError{Reasons: []Reason{ReasonBreached}}
	case err != nil && !p.failOpen:
		return problem.Wrap(problem.Unavailable, fmt.Errorf("password: Breached: %w", err))
	}
	return nil
}

// local checks what needs nobody else.
func (p *Policy) local(password string, words []string) error {
	if len(password) > MaxBytes {
		return &PolicyError{Reasons: []Reason{ReasonTooLong}, MaxBytes: MaxBytes}
	}
	if !utf8.ValidString(password) || strings.IndexByte(password, 0) >= 0 {
		return &PolicyError{Reasons: []Reason{ReasonNotText}}
	}
	e := &PolicyError{}
	if utf8.RuneCountInString(password) < p.minLength {
		e.Reasons, e.MinLength = append(e.Reasons, ReasonTooShort), p.minLength
	}
	folded := fold(password)
	if isCommon(folded) {
		e.Reasons = append(e.Reasons, ReasonCommon)
	}
	if found, left := without(folded, slices.Concat(p.parts, wordParts(words))); found && left < p.minLength {
		e.Reasons = append(e.Reasons, ReasonContext)
	}
	if len(e.Reasons) > 0 {
		return e
	}
	return nil
}

// askBreached turns a panic of the hook into its error.
func (p *Policy) askBreached(ctx context.Context, password string) (found bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = problem.PanicError(v)
		}
	}()
	return p.breached(ctx, password)
}
