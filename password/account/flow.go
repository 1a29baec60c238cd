package account

import (
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/internal/origin"
	"github.com/go-sallyport/auth/problem"
)

// A Flow is one of the things that people do with their account.
type Flow string

// Flows.
const (
	FlowRegister       Flow = "register"
	FlowVerifyEmail    Flow = "verify-email"
	FlowLogin          Flow = "login"
	FlowLogout         Flow = "logout"
	FlowForgot         Flow = "forgot-password"
	FlowReset          Flow = "reset-password"
	FlowChangePassword Flow = "change-password"
	FlowChangeEmail    Flow = "change-email"
	FlowDelete         Flow = "delete-account"
)

// NoticeParam is the query parameter in which a page learns which Flow a form has
// come to its end in: "/login?notice=reset-password".
const NoticeParam = "notice"

// A FormState is what Config.Form needs to show a form again that was refused.
type FormState struct {
	Flow Flow
	// Err is what was refused, and Problem what its sender may know of it, with the
	// status that the page should have.
	Err     error
	Problem problem.Details
	// Email is what was typed. ReturnTo is where a login leads to, see auth.LocalPath:
	// a path on this origin, or empty.
	Email, ReturnTo string
	// Token is that of the form, for its hidden field. It is a secret.
	Token string
}

// A request is one to a flow.
type request struct {
	*http.Request
	client Client
	form   bool
	state  FormState
}

var errNotPost = &problem.Error{
	Details: problem.New(problem.MethodNotAllowed),
	Header:  http.Header{"Allow": {http.MethodPost}},
	Err:     errors.New("account: not a POST"),
}

// flow is the handler of a flow: do reads the body and writes the response, or
// returns an error and has written nothing.
func (s *Service) flow(f Flow, do func(w http.ResponseWriter, r *request) error) http.Handler {
	return problem.Recover(s.cfg.ErrorHandler)(http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		r := &request{Request: hr, form: isForm(hr), state: FormState{Flow: f}}
		if err := s.serve(w, r, do); err != nil {
			s.refuse(w, r, err)
		}
	}))
}

func (s *Service) serve(w http.ResponseWriter, r *request, do func(w http.ResponseWriter, r *request) error) error {
	if r.Method != http.MethodPost {
		return errNotPost
	}
	if err := s.checkOrigin(r.Request); err != nil {
		return err
	}
	var err error
	if r.client, err = s.client(r.Request); err != nil {
		return err
	}
	r.Request = r.WithContext(withAddress(r.Context(), r.client.Address))
	return do(w, r)
}

// checkOrigin refuses requests that another site made a browser send, also where
// nobody has signed in yet: a forged login would sign its victim in to the account
// of the forger.
func (s *Service) checkOrigin(r *http.Request) error {
	if err := origin.Check(r, s.cfg.CrossOrigin, s.secure()); err != nil {
		return fmt.Errorf("%w: %w", ErrCrossOrigin, err)
	}
	return nil
}

func (s *Service) refuse(w http.ResponseWriter, r *request, err error) {
	if !r.form || s.cfg.Form == nil {
		s.cfg.ErrorHandler(w, r.Request, err)
		return
	}
	r.state.Err, r.state.Problem = err, problem.From(err)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	var e *problem.Error
	if errors.As(err, &e) {
		for _, name := range []string{"Retry-After", "Allow"} {
			if v := e.Header.Get(name); v != "" {
				w.Header().Set(name, v)
			}
		}
	}
	s.cfg.Form(w, r.Request, r.state)
}

// done answers what has come to its end: a form by leading to a page, and anything
// else by status. Neither tells more than that.
func (s *Service) done(w http.ResponseWriter, r *request, status int, page string) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	if r.form {
		h.Set("Location", s.base.Path+page+"?"+NoticeParam+"="+string(r.state.Flow))
		status = http.StatusSeeOther
	}
	w.WriteHeader(status)
	return nil
}

// decode reads the body of r into a struct.
func decode[T any](w http.ResponseWriter, r *request) (in T, err error) {
	err = body.Decode(w, r.Request, &in, 0)
	return in, err
}

func isForm(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/x-www-form-urlencoded"
}

// TokenPage is middleware for the pages that links of mail lead to. It keeps the
// token in the address of the page from being sent on, to what the page loads or
// links to, and from being kept in a cache. Such a page answers GET and changes
// nothing: mail scanners open links before people do.
func TokenPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
