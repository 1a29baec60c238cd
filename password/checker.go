package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// A Lookup finds who signs in with login, and the stored hash of their password.
//
//   - A login that nobody may sign in with, because it is unknown, or the account
//     disabled, locked or not verified: an error that wraps ErrNoAccount. If the
//     account is known its principal may come along, for the Guard and for
//     events.
//   - An account without a password: the empty hash.
//   - Any other error is a fault, such as a database that is down: 503.
//
// The login is the canonical form of what was given to Check, see
// CheckerConfig.Canonical: by default in lower case, without spaces around it. So
// compare it with logins that are stored in that form. A Lookup that finds an
// account by more spellings than those of one canonical form, such as a collation
// that ignores accents, needs a Canonical that knows them too.
//
// The principal must have a Subject. A nil one without an error stands for
// ErrNoAccount. A Lookup should take as long for a login that is unknown as for
// one that is not: one query, whatever it finds. It is called concurrently.
type Lookup func(ctx context.Context, login string) (hash string, p *auth.Principal, err error)

// CheckerConfig configures a Checker. The zero value is the recommended
// production setting.
type CheckerConfig struct {
	// Hasher verifies. Nil: an Argon2id with a Pool of its own.
	Hasher Hasher
	// Guard counts the attempts at each account, or at each login that is none, and
	// those of each address. Nil: one in memory. There is no way to have none.
	Guard *throttle.Guard
	// Canonical brings a login to the one form that the Lookup is asked for, and
	// under which attempts are counted if it is nobody's. Spellings with one form are
	// counted together, as those of an account are by its Subject: so nobody learns
	// who has an account by locking one spelling and trying another. It looks at the
	// text only, and not into a database. Nil: case and the spaces around it do not
	// matter, nor the width of letters (NFKC).
	Canonical func(login string) string
	// Rehash stores newHash for subject if the stored hash still is oldHash, in
	// one step, and does nothing if it is not: somebody has changed the password
	// meanwhile. It is called after a successful check of an outdated hash. If it
	// fails the check has succeeded all the same. Nil: hashes stay as they are.
	Rehash func(ctx context.Context, subject, oldHash, newHash string) error
	// OnEvent is told of failed checks (auth.EventSignInFail), of replaced hashes
	// (EventRehashed) and of faults that change no answer (EventFault).
	OnEvent auth.EventFunc
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Kinds of events.
const (
	EventRehashed auth.EventKind = "password.rehashed" // an outdated hash was replaced
	EventFault    auth.EventKind = "password.fault"    // a stored hash cannot be read, or Rehash or the Guard failed
)

// A Checker checks logins with a password, and tells those who fail nothing.
//
// Whether the login is unknown, the account has no password or may not sign in,
// the stored hash is of an old scheme or is damaged, or the password is wrong:
// the answer is ErrMismatch, and the work is the same; Even timing in the package
// comment says how, and how far.
//
// The attempt is counted before any of it, under the Subject of the account if
// there is one, so that all its logins share one count, and under the canonical
// login if there is none. A login that is locked is answered with 429 whether it is
// somebody's or not, and whether the password is right or not.
//
// It is safe for concurrent use.
type Checker struct {
	lookup    Lookup
	hasher    Hasher
	guard     *throttle.Guard
	canonical func(login string) string
	rehash    func(ctx context.Context, subject, oldHash, newHash string) error
	onEvent   auth.EventFunc
	now       func() time.Time
}

// maxLogin bounds a login, in bytes: RFC 5321 addresses have at most 254.
const maxLogin = 1024

var errNoSubject = errors.New("password: an account without a Subject")

// NewChecker returns a Checker.
func NewChecker(lookup Lookup, cfg CheckerConfig) (*Checker, error) {
	if lookup == nil {
		return nil, errors.New("password: NewChecker wants a Lookup")
	}
	c := &Checker{lookup: lookup, hasher: cfg.Hasher, guard: cfg.Guard, canonical: cfg.Canonical, rehash: cfg.Rehash, onEvent: cfg.OnEvent, now: cfg.Now}
	var err error
	if c.hasher == nil {
		if c.hasher, err = NewArgon2id(Argon2idConfig{}); err != nil {
			return nil, err
		}
	}
	if c.guard == nil {
		if c.guard, err = throttle.NewGuard(nil, throttle.GuardConfig{Now: cfg.Now}); err != nil {
			return nil, err
		}
	}
	if c.canonical == nil {
		c.canonical = canonical
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c, nil
}

// Check is CheckFrom from nowhere: attempts are limited by account, and not by
// address. Who guesses one password at each of many accounts is not slowed down.
func (c *Checker) Check(ctx context.Context, login, password string) (*auth.Principal, error) {
	return c.CheckFrom(ctx, throttle.Source{}, login, password)
}

// CheckFrom returns the principal of login if password is its password, with the
// factor "pwd" and the time of this moment, ready for an auth.SignIn. Of from it
// wants the Address, and the Device if it is known. Otherwise it returns
//
//   - ErrMismatch, also, at once and for any login, for a password of more than
//     MaxBytes bytes, which nobody can have: 401
//   - a *throttle.LockedError after too many attempts: 429
//   - ErrBusy if the Pool is: 503
//   - the error of ctx if that is done
//   - an error that wraps that of the Lookup or of the Guard's store: 503
//   - an error that wraps that of a Hasher, or what one of them panicked with: 500.
//
// An attempt that ends by ErrBusy, by a deadline or by an error of a Hasher before
// anything was computed is taken back. One that got further is not, since its
// password may have been compared, nor is one whose client has gone away.
func (c *Checker) CheckFrom(ctx context.Context, from throttle.Source, login, password string) (p *auth.Principal, err error) {
	defer func() {
		if v := recover(); v != nil {
			p, err = nil, problem.PanicError(v)
		}
	}()
	failed := func(err error) error {
		c.onEvent.Emit(ctx, auth.Event{Kind: auth.EventSignInFail, Time: c.now(), Subject: from.Subject, Address: from.Address, Err: err})
		return err
	}
	from.Account, from.Subject = "", ""
	if len(password) > MaxBytes || len(login) > maxLogin {
		return nil, failed(ErrMismatch)
	}
	login = c.canonical(login)
	hash, found, err := c.find(ctx, login)
	if err != nil {
		return nil, err
	}
	from.Account = "login:" + login
	if found != nil {
		from.Account, from.Subject = accountKey(found.Subject), found.Subject
	}
	attempt, err := c.guard.Begin(ctx, from)
	if err != nil {
		return nil, failed(err)
	}
	v, err := verifyEvenly(ctx, c.hasher, hash, password)
	if err != nil {
		if !v.begun && !errors.Is(ctx.Err(), context.Canceled) {
			c.note(ctx, from.Subject, attempt.Cancel(ctx))
		}
		return nil, hashingError(ctx, err)
	}
	c.note(ctx, from.Subject, v.bad)
	if !v.ok {
		return nil, failed(ErrMismatch)
	}
	c.note(ctx, from.Subject, attempt.Succeed(ctx))
	if v.outdated {
		c.replace(ctx, from.Subject, hash, password)
	}
	return c.principal(found), nil
}

// Unlock forgives all failed attempts at the account of a subject: for when its
// owner has given another proof, as with the link of a password reset. Call it
// with the new password stored.
func (c *Checker) Unlock(ctx context.Context, subject string) error {
	if subject == "" {
		return errNoSubject
	}
	return c.guard.Unlock(ctx, accountKey(subject))
}

// accountKey is what attempts at the account of a subject are counted under. No
// login that is nobody's can take its place.
func accountKey(subject string) string { return "subject:" + subject }

// canonical is the default of CheckerConfig.Canonical.
func canonical(login string) string { return strings.TrimSpace(fold(login)) }

// find asks the Lookup. No account is no error here; it has the empty hash,
// which nothing matches.
func (c *Checker) find(ctx context.Context, login string) (hash string, p *auth.Principal, err error) {
	hash, p, err = c.lookup(ctx, login)
	switch {
	case errors.Is(err, ErrNoAccount):
		hash = ""
	case err != nil:
		// Its public face, if it has one, might tell who has an account.
		return "", nil, problem.Wrap(problem.Unavailable, fmt.Errorf("password: Lookup: %w", err))
	case p == nil:
		hash = ""
	}
	if p != nil && p.Subject == "" {
		return "", nil, errNoSubject
	}
	return hash, p, nil
}

// hashingError gives an error of a Hasher its public face. That of a foreign
// Hasher might tell which accounts it is about.
func hashingError(ctx context.Context, err error) error {
	if errors.Is(err, ErrBusy) || ctx.Err() != nil {
		return err
	}
	return problem.Wrap(problem.Internal, fmt.Errorf("password: Hasher: %w", err))
}

func (c *Checker) principal(found *auth.Principal) *auth.Principal {
	p := found.Clone()
	p.AuthenticatedAt = c.now()
	p.Factors = []auth.Factor{{Kind: auth.FactorPassword, At: p.AuthenticatedAt}}
	return p
}

// note reports a fault that changes no answer, if there is one: a hash that cannot
// be read, or a Guard that cannot forgive, so that the owner has fewer attempts
// left, which is no reason to turn them away.
func (c *Checker) note(ctx context.Context, subject string, err error) {
	if err != nil {
		c.onEvent.Emit(ctx, auth.Event{Kind: EventFault, Time: c.now(), Subject: subject, Err: err})
	}
}

// replace stores a new hash of a password that was right, if that can be done
// now; the next login is another chance.
func (c *Checker) replace(ctx context.Context, subject, oldHash, password string) {
	if c.rehash == nil {
		return
	}
	kind, err := EventRehashed, error(nil)
	defer func() {
		if v := recover(); v != nil {
			kind, err = EventFault, problem.PanicError(v)
		}
		c.onEvent.Emit(ctx, auth.Event{Kind: kind, Time: c.now(), Subject: subject, Err: err})
	}()
	newHash, err := c.hasher.Hash(ctx, password)
	if err == nil {
		err = c.rehash(ctx, subject, oldHash, newHash)
	}
	if err != nil {
		kind = EventFault
	}
}
