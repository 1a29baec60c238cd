package main

import (
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// freshFor is how long a second step opens the secret page.
const freshFor = 5 * time.Minute

// fresh admits who has given a second step not long ago. It is auth.RequireFresh with a
// page for who has not. A browser that is trusted has given none.
func (s *site) fresh() func(http.Handler) http.Handler {
	return (&auth.StepUp{
		MaxAge:       freshFor,
		Factors:      []string{auth.FactorOTP, auth.FactorHardware, auth.FactorRecovery},
		ErrorHandler: s.stepUp,
		Now:          s.now,
	}).Handler
}

// stepUp leads a browser to where the second step is given, and from there back here.
func (s *site) stepUp(w http.ResponseWriter, r *http.Request, err error) {
	p, ok := auth.FromContext(r.Context())
	if !ok || !auth.WantsHTML(r) {
		s.onError(w, r, err)
		return
	}
	has, lookup := s.factors.Status(r.Context(), p.Subject)
	switch {
	case lookup != nil:
		s.onError(w, r, lookup)
	case !has.Enabled(): // no page could ask for what there is not
		s.render(w, r, problem.From(err).Status, "locked", view{Title: "You need a second step for this"})
	default:
		toPage(w, r, "/login/factor", r.URL.Path)
	}
}
