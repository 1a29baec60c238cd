package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// maxSkew is how far in the future a sign-in may lie and still count as now:
// another machine wrote the time. Beyond it the time is a fault, and is refused
// rather than fresh for ever.
const maxSkew = time.Minute

var errMaxAge = errors.New("auth: StepUp.MaxAge must be positive")

// A StepUp admits a caller whose proof of identity is recent: what a service
// wants before a password is changed or a factor removed. It stands behind a
// Gate.
//
// A principal without an interactive sign-in, such as that of an API key, is
// never fresh. Without a principal a StepUp denies with ErrNoCredentials. The
// refusal is that of RFC 9470: 401, problem code STEP_UP_REQUIRED, and, if the
// credential came with a challenge, error="insufficient_user_authentication".
//
// The zero StepUp denies. It is safe for concurrent use as long as nobody
// changes it.
type StepUp struct {
	// MaxAge is how old the proof may be.
	MaxAge time.Duration
	// Factors are the kinds of which one must be that recent, such as FactorOTP.
	// Empty: the sign-in itself must be.
	Factors []string
	// ErrorHandler answers refusals. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// RequireFresh is a StepUp with nothing else configured. It panics if maxAge is
// not positive.
func RequireFresh(maxAge time.Duration, factors ...string) func(http.Handler) http.Handler {
	if maxAge <= 0 {
		panic(errMaxAge)
	}
	return (&StepUp{MaxAge: maxAge, Factors: factors}).Handler
}

// Check reports whether p is fresh: nil, or a *StepUpError, or for a nil p an
// error that wraps ErrNoCredentials.
func (s *StepUp) Check(p *Principal) error {
	if p == nil {
		return ErrNoCredentials
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	at := p.AuthenticatedAt
	if len(s.Factors) > 0 {
		at = time.Time{}
		for _, kind := range s.Factors {
			if t := p.FactorAt(kind); t.After(at) {
				at = t
			}
		}
	}
	if age := now().Sub(at); s.MaxAge > 0 && !at.IsZero() && age <= s.MaxAge && age >= -maxSkew {
		return nil
	}
	return &StepUpError{MaxAge: s.MaxAge, Factors: s.Factors}
}

// Handler admits fresh callers to next.
func (s *StepUp) Handler(next http.Handler) http.Handler {
	onError := s.ErrorHandler
	if onError == nil {
		onError = problem.WriteError
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := FromContext(r.Context())
		if err := s.Check(p); err != nil {
			onError(w, r, Challenged(r.Context(), err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// A StepUpError says which proof is wanted. It wraps ErrStepUp.
type StepUpError struct {
	MaxAge  time.Duration
	Factors []string // one of these kinds; empty: any sign-in
}

// Error implements error.
func (e *StepUpError) Error() string {
	if len(e.Factors) == 0 {
		return fmt.Sprintf("auth: a sign-in within %s is required", e.MaxAge)
	}
	return fmt.Sprintf("auth: a proof of one of %q within %s is required", e.Factors, e.MaxAge)
}

// Unwrap makes errors.Is(err, ErrStepUp) true and gives the error its public
// face, with the members max_age (seconds) and, where given, factors.
func (e *StepUpError) Unwrap() error {
	d := problem.New(problem.StepUpRequired).With("max_age", int(e.MaxAge/time.Second))
	if len(e.Factors) > 0 {
		d = d.With("factors", e.Factors)
	}
	return &problem.Error{Details: d, Err: ErrStepUp}
}

// Challenge formats the challenge of RFC 9470 §3 for a scheme of the OAuth
// family, for the use of Challengers.
func (e *StepUpError) Challenge(scheme string) string {
	return Challenge(scheme, "error", "insufficient_user_authentication",
		"error_description", "a more recent or stronger sign-in is required",
		"max_age", strconv.Itoa(int(e.MaxAge/time.Second)))
}

// A ScopeError says that the caller's roles would permit what the scopes of the
// credential withhold. It wraps ErrScope.
type ScopeError struct {
	Scope string // what is needed, space-separated as in RFC 6749 §3.3
}

// Error implements error.
func (e *ScopeError) Error() string { return fmt.Sprintf("auth: scope %q is required", e.Scope) }

// Unwrap returns ErrScope.
func (e *ScopeError) Unwrap() error { return ErrScope }

// Challenge formats the challenge of RFC 6750 §3.1 for a scheme of the OAuth
// family, for the use of Challengers.
func (e *ScopeError) Challenge(scheme string) string {
	return Challenge(scheme, "error", "insufficient_scope", "scope", e.Scope)
}
