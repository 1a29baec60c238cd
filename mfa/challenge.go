package mfa

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-sallyport/auth"
)

// A Pending is what a factor would complete: a sign-in that waits in the browser,
// or a step-up of somebody who has signed in.
type Pending struct {
	// ID names it. It is no secret; a Kind binds its own data to it, such as the
	// challenge of a passkey.
	ID      string
	Subject string
	// Kinds are those of the factors that the subject can prove, as they stand in
	// auth.Factor.
	Kinds []string
	// StepUp is true if somebody has signed in already.
	StepUp bool
}

// Pending returns what a factor would complete, for a page that asks for one and
// for a Kind that has to begin one. A sign-in that waits comes before a step-up.
// ErrChallenge if there is nothing; it decides nothing and writes nothing.
func (m *Manager) Pending(r *http.Request) (*Pending, error) {
	t, err := m.target(r, m.store.FindChallenge)
	if err != nil {
		return nil, err
	}
	return m.pending(r.Context(), t)
}

func (m *Manager) pending(ctx context.Context, t *target) (*Pending, error) {
	_, kinds, err := m.factors(ctx, t.principal.Subject)
	if err != nil {
		return nil, err
	}
	return &Pending{ID: t.id, Subject: t.principal.Subject, Kinds: kinds, StepUp: t.gate == nil}, nil
}

// Complete is how a Kind completes what Pending tells of: it counts an attempt at
// the challenge and at the subject, asks prove, which gets the same Pending, and on
// nil finishes the sign-in or the step-up with a factor of that kind, proved now.
// It writes the response, unless it returns an error.
//
// An error of prove that wraps ErrCode says that the proof is wrong; then the
// attempt stays counted. After one that is answered with 5xx it does not.
//
// Errors: ErrChallenge, after which the cookie is deleted; ErrCrossOrigin;
// ErrNotEnrolled; a *throttle.LockedError; auth.ErrForbidden if the credential cannot be stepped up;
// that of prove; that of the interrupted SignIn; faults. It panics on a kind that
// is not registered.
func (m *Manager) Complete(w http.ResponseWriter, r *http.Request, kind string, prove func(ctx context.Context, p *Pending) error) error {
	if m.kind(kind) == nil {
		panic(fmt.Sprintf("mfa: Complete: the kind %q is not registered", kind))
	}
	r, err := m.admit(r)
	if err != nil {
		return err
	}
	return m.complete(w, r, completion{kind: kind, attempt: func(ctx context.Context, t *target) error {
		return m.attempt(ctx, t.principal.Subject, kind, func(ctx context.Context) error {
			p, err := m.pending(ctx, t)
			switch {
			case err != nil:
				return err
			case !slices.Contains(p.Kinds, kind):
				return ErrNotEnrolled
			}
			return prove(ctx, p)
		})
	}})
}

// A target is what a factor completes. Of a step-up there is only the principal.
type target struct {
	id        string
	principal *auth.Principal
	gate      *gate
	challenge ChallengeID
	waiting   *waiting
}

// target finds what r would complete. Look is how a challenge is looked at.
func (m *Manager) target(r *http.Request, look func(ctx context.Context, id ChallengeID) (Challenge, error)) (*target, error) {
	if id, ok := parseChallengeToken(readCookie(r, m.challengeCookie())); ok {
		c, err := look(r.Context(), id)
		switch {
		case err == nil:
			w, g, err := m.openWaiting(c)
			if err == nil {
				return &target{id: "challenge " + encoding.EncodeToString(id[:]), principal: w.Principal, gate: g, challenge: id, waiting: w}, nil
			}
		case !errors.Is(err, ErrNoChallenge):
			return nil, unavailable("find challenge", err)
		}
	}
	p, ok := auth.FromContext(r.Context())
	if !ok && m.cfg.SignedIn != nil {
		var err error
		if p, err = m.cfg.SignedIn.Authenticate(r); err != nil {
			if errors.Is(err, auth.ErrNoCredentials) {
				return nil, ErrChallenge
			}
			return nil, err
		}
	}
	if p == nil || p.Subject == "" || len(p.Subject) > MaxSubject {
		return nil, ErrChallenge
	}
	if !m.canElevate(p) {
		return nil, auth.ErrForbidden
	}
	login := loginOf(p)
	return &target{id: "step-up " + encoding.EncodeToString(login[:]), principal: p}, nil
}

// A completion is how a factor is proved.
type completion struct {
	kind    string
	trust   bool
	attempt func(ctx context.Context, t *target) error
}

func (m *Manager) complete(w http.ResponseWriter, r *http.Request, c completion) error {
	t, err := m.target(r, func(ctx context.Context, id ChallengeID) (Challenge, error) {
		return m.store.TryChallenge(ctx, id, maxTries)
	})
	if err != nil {
		return m.refused(w, r, auth.Event{Resource: c.kind}, err)
	}
	if err := c.attempt(r.Context(), t); err != nil {
		m.endCookie(w, err)
		return err // and told of
	}
	f := auth.Factor{Kind: c.kind, At: m.now()}
	if t.gate == nil {
		return m.stepUp(w, r, t.principal, f)
	}
	p, err := m.current(r.Context(), t.principal)
	if err == nil {
		err = m.claimFor(w, r, t, c.trust)
	}
	if err != nil {
		return m.refused(w, r, auth.Event{Subject: t.principal.Subject, Resource: c.kind}, err)
	}
	m.setCookie(w, m.challengeCookie(), "", -1)
	ctx := r.Context()
	if t.waiting.Remember {
		ctx = m.Remember(ctx)
	}
	r = r.WithContext(ctx)
	if t.waiting.ReturnTo != "" {
		r.PostForm = url.Values{auth.ReturnParam: {t.waiting.ReturnTo}}
	}
	return t.gate.pass(w, r, withFactor(p, f))
}

// refused tells of err, which is not that of an attempt, and returns it.
func (m *Manager) refused(w http.ResponseWriter, r *http.Request, e auth.Event, err error) error {
	m.endCookie(w, err)
	e.Kind, e.Err = EventFailed, err
	m.emit(r.Context(), e)
	return err
}

// endCookie deletes the cookie of a challenge that err says is none.
func (m *Manager) endCookie(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrChallenge) {
		m.setCookie(w, m.challengeCookie(), "", -1)
	}
}

// current is whose sign-in has waited, as they stand now: they may have been
// disabled meanwhile, or have lost a role.
func (m *Manager) current(ctx context.Context, p *auth.Principal) (*auth.Principal, error) {
	if m.cfg.Current == nil {
		return p, nil
	}
	now, err := m.cfg.Current(ctx, p)
	switch {
	case err != nil:
		return nil, err
	case now == nil || now.Subject != p.Subject:
		return nil, errCurrent
	}
	return now, nil
}

// claimFor claims the challenge of t and, if that is wanted, has the browser
// trusted from then on.
func (m *Manager) claimFor(w http.ResponseWriter, r *http.Request, t *target, trust bool) error {
	var device *trusting
	if trust && m.cfg.TrustDevices != 0 {
		device = m.beginTrust(r, t.principal.Subject)
	}
	err := m.claim(r.Context(), t.challenge)
	if device != nil {
		m.endTrust(r.Context(), w, t.principal.Subject, device, err == nil)
	}
	return err
}

// claim ends a challenge for this request, which no other one then completes.
func (m *Manager) claim(ctx context.Context, id ChallengeID) error {
	ctx, cancel := detach(ctx)
	defer cancel()
	err := m.store.ClaimChallenge(ctx, id, newCall())
	if errors.Is(err, ErrNoChallenge) {
		return fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	return unavailable("claim challenge", err)
}

// canElevate reports whether the credential of p can be raised. That of a machine
// cannot: nobody has signed in.
func (m *Manager) canElevate(p *auth.Principal) bool {
	switch {
	case p.AuthenticatedAt.IsZero():
		return false
	case p.Method == auth.MethodSession:
		return m.cfg.Elevate != nil
	case p.Method == auth.MethodJWT:
		return m.cfg.Reissue != nil
	}
	return false
}

// stepUp raises the credential of the request.
func (m *Manager) stepUp(w http.ResponseWriter, r *http.Request, p *auth.Principal, f auth.Factor) error {
	if p.Method == auth.MethodJWT {
		return m.cfg.Reissue.SignIn(w, r, withFactor(p, f))
	}
	if err := m.cfg.Elevate(r.Context(), f); err != nil {
		return err
	}
	if auth.WantsHTML(r) && m.cfg.Pages.Account != "" {
		redirect(w, auth.ReturnPath(r, m.cfg.Pages.Account))
		return nil
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
