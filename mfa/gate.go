package mfa

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/problem"
)

// maxGates bounds the Gates of a Manager. More of them means that one is made for
// each request.
const maxGates = 64

// Gate returns a SignIn that passes on to next whoever has no second factor, and
// anybody else after they have proved one at ChallengeHandler. Whether a factor is
// wanted is decided from the store each time; if it cannot be read the error is a
// 503 and nobody is signed in.
//
// Where a factor is wanted it keeps the sign-in, sets the cookie of the challenge,
// and answers: a browser that wants a page is led to Pages.Challenge, and anything
// else gets 401 MFA_REQUIRED through ErrorHandler. That is a response, so SignIn
// returns nil.
//
// No factor is wanted from a browser that the user has had trusted
// (Config.TrustDevices), nor after WithProof. Whatever a principal comes with, next
// is given it with those factors of the kinds of m that m has verified, if its user
// has any here.
//
// A Manager can have several Gates, and each challenge is completed by the one
// that has made it. They are told apart by the type of next and their order, so
// make them when the service starts and in the same order in each of its
// processes. It panics on a nil next.
func (m *Manager) Gate(next auth.SignIn) auth.SignIn {
	if next == nil {
		panic("mfa: Gate wants a SignIn")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	nth := 0
	comparable := reflect.ValueOf(next).Comparable() // with all that it holds
	for _, g := range m.gates {
		if comparable && reflect.TypeOf(g.next) == reflect.TypeOf(next) && g.next == next {
			return g
		}
		if reflect.TypeOf(g.next) == reflect.TypeOf(next) {
			nth++
		}
	}
	if len(m.gates) == maxGates {
		panic(fmt.Sprintf("mfa: more than %d Gates: make them when the service starts, and not for each request", maxGates))
	}
	g := &gate{manager: m, next: next, name: fmt.Sprintf("%T#%d", next, nth)}
	m.gates = append(m.gates, g)
	return g
}

// A gate is what Gate returns.
type gate struct {
	manager *Manager
	next    auth.SignIn
	name    string // of the gate, in challenges
}

// gateOf returns the gate of that name, or nil.
func (m *Manager) gateOf(name string) *gate {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.gates {
		if g.name == name {
			return g
		}
	}
	return nil
}

// SignIn implements auth.SignIn.
func (g *gate) SignIn(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
	m := g.manager
	if p == nil || p.Subject == "" || len(p.Subject) > MaxSubject {
		return errNoPrincipal
	}
	r, err := m.withClient(r)
	if err != nil {
		return err
	}
	_, kinds, err := m.factors(r.Context(), p.Subject)
	proof, marked := r.Context().Value(proofKey{}).(proved)
	switch {
	case err != nil:
		return err
	case marked && proof.manager == m && proof.subject == p.Subject && len(kinds) == 0:
		return auth.ErrInvalidCredentials // it was removed since it was proved
	case len(kinds) == 0:
		return g.pass(w, r, p)
	}
	p = m.withoutFactors(p)
	if proof, ok := m.proofOf(r.Context(), p.Subject, kinds); ok {
		return g.pass(w, r, withFactor(p, proof))
	}
	trusted, err := m.trusts(r, p.Subject)
	switch {
	case err != nil:
		return err
	case trusted:
		return g.pass(w, r, p)
	}
	return g.challenge(w, r, p, kinds)
}

// pass signs p in.
func (g *gate) pass(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
	m := g.manager
	if remembered(r.Context()) && m.cfg.Remember != nil {
		r = r.WithContext(m.cfg.Remember(r.Context()))
	}
	return g.next.SignIn(w, r, p)
}

// A waiting is a sign-in that waits, as it is sealed in a Challenge.
type waiting struct {
	Gate      string
	Principal *auth.Principal
	ReturnTo  string `json:",omitempty"`
	Remember  bool   `json:",omitempty"`
	// ExpiresAt is by the clock of the Manager, which a store with another clock
	// does not prolong.
	ExpiresAt time.Time
}

func (g *gate) challenge(w http.ResponseWriter, r *http.Request, p *auth.Principal, kinds []string) error {
	m := g.manager
	if err := m.checkIssue(r); err != nil {
		return err
	}
	token, id := newChallengeToken(p.Subject)
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false) // an & in a return path would become six bytes
	err := enc.Encode(waiting{
		Gate:      g.name,
		Principal: p,
		ReturnTo:  auth.ReturnPath(r, ""),
		Remember:  remembered(r.Context()),
		ExpiresAt: m.now().Add(m.cfg.ChallengeTTL),
	})
	if err != nil {
		return fmt.Errorf("mfa: encode challenge: %w", err)
	}
	c := Challenge{ID: id, Sealed: m.waitings.SealString(plain.Bytes(), id[:])}
	if len(c.Sealed) > MaxSealedChallenge {
		return fmt.Errorf("mfa: the principal is too large: a challenge of %d bytes, at most %d", len(c.Sealed), MaxSealedChallenge)
	}
	if err := m.store.OpenChallenge(r.Context(), c, m.cfg.ChallengeTTL, maxChallenges); err != nil {
		return unavailable("open challenge", err)
	}
	m.emit(r.Context(), auth.Event{Kind: EventChallenged, Subject: p.Subject})
	m.setCookie(w, m.challengeCookie(), token, m.cfg.ChallengeTTL)
	if page := m.cfg.Pages.Challenge; page != "" && auth.WantsHTML(r) {
		redirect(w, page)
		return nil
	}
	m.cfg.ErrorHandler(w, r, &problem.Error{
		Details: problem.New(problem.MFARequired).With("factors", kinds).With("expires_in", int(m.cfg.ChallengeTTL/time.Second)),
		Err:     ErrRequired,
	})
	return nil
}

// openWaiting opens what a challenge holds. What does not open, is of no Gate of
// this process, or is over by this clock, is no challenge.
func (m *Manager) openWaiting(c Challenge) (*waiting, *gate, error) {
	plain, _, err := m.waitings.OpenString(c.Sealed, c.ID[:])
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	var w waiting
	if err := json.Unmarshal(plain, &w); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	g := m.gateOf(w.Gate)
	if g == nil || w.Principal == nil || !m.cfg.Now().Before(w.ExpiresAt) || BucketOf(w.Principal.Subject) != c.ID.Bucket() {
		return nil, nil, ErrChallenge
	}
	return &w, g, nil
}

// withoutFactors returns a copy of p without factors of the kinds that m verifies:
// what another provider says of them proves nothing of those that are kept here.
func (m *Manager) withoutFactors(p *auth.Principal) *auth.Principal {
	p = p.Clone()
	p.Factors = slices.DeleteFunc(p.Factors, func(f auth.Factor) bool {
		return f.Kind == auth.FactorOTP || f.Kind == auth.FactorRecovery || m.kind(f.Kind) != nil
	})
	return p
}

// withFactor returns a copy of p that has proved f now. Of each kind it has one.
func withFactor(p *auth.Principal, f auth.Factor) *auth.Principal {
	p = p.Clone()
	p.Factors = append(slices.DeleteFunc(p.Factors, func(old auth.Factor) bool { return old.Kind == f.Kind }), f)
	return p
}

// A proofKey is the context key of a factor that was proved before the Gate.
type proofKey struct{}

type proved struct {
	manager *Manager
	subject string
	factor  auth.Factor
}

// WithProof returns a context for a sign-in of subject, who has just proved a
// factor of a registered Kind together with the first one, as with a passkey that
// verifies its user: a Gate of m then asks for no other. It is the mark in the
// context that counts, and not what stands in a Principal, which may come from
// another provider.
func (m *Manager) WithProof(ctx context.Context, subject string, f auth.Factor) context.Context {
	if f.At.IsZero() {
		f.At = m.now()
	}
	return context.WithValue(ctx, proofKey{}, proved{m, subject, f})
}

// proofOf returns the factor of WithProof, if it is one that the subject has.
func (m *Manager) proofOf(ctx context.Context, subject string, kinds []string) (auth.Factor, bool) {
	p, ok := ctx.Value(proofKey{}).(proved)
	ok = ok && p.manager == m && p.subject == subject && m.kind(p.factor.Kind) != nil && slices.Contains(kinds, p.factor.Kind)
	return p.factor, ok
}

// rememberKey is the context key of Remember.
type rememberKey struct{}

// Remember marks the context of a sign-in whose user has asked to be remembered,
// in a way that outlasts a challenge: Config.Remember is called when the sign-in
// is completed. It fits account.Config.Remember.
func (m *Manager) Remember(ctx context.Context) context.Context {
	return context.WithValue(ctx, rememberKey{}, true)
}

func remembered(ctx context.Context) bool {
	on, _ := ctx.Value(rememberKey{}).(bool)
	return on
}

// newChallengeToken returns the value of a cookie and the id that it names: the
// Bucket of the subject, by which the store finds it, and 256 random bits.
func newChallengeToken(subject string) (string, ChallengeID) {
	b := BucketOf(subject)
	token := encoding.EncodeToString(b[:]) + secret.Token(32)
	return token, challengeID(b, token)
}

func challengeID(b Bucket, token string) (id ChallengeID) {
	h := secret.HandleOf("mfa challenge\x00" + token)
	copy(id[copy(id[:], b[:]):], h[:])
	return id
}

// parseChallengeToken returns the id that a cookie names.
func parseChallengeToken(token string) (ChallengeID, bool) {
	const bucket, random = 22, 43
	if len(token) != bucket+random {
		return ChallengeID{}, false
	}
	var b Bucket
	raw, err := encoding.DecodeString(token[:bucket])
	if err != nil || copy(b[:], raw) != len(b) {
		return ChallengeID{}, false
	}
	return challengeID(b, token), true
}
