package mfa

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/go-sallyport/auth/problem"
)

// A Flow is one of the things that people do with their factors.
type Flow string

// Flows.
const (
	FlowChallenge     Flow = "mfa-challenge"
	FlowEnable        Flow = "mfa-enable"
	FlowVerify        Flow = "mfa-verify"
	FlowDisable       Flow = "mfa-disable"
	FlowRecoveryCodes Flow = "mfa-recovery-codes"
	FlowRevokeDevice  Flow = "mfa-revoke-device"
)

// NoticeParam is the query parameter in which a page learns which Flow a form has
// come to its end in: "/account?notice=mfa-disable".
const NoticeParam = "notice"

// A FormState is what Config.Form needs to answer a form.
type FormState struct {
	Flow Flow
	// Err is why the form was refused, and Problem what its sender may know of it,
	// with the status that the page should have. A nil Err: it was not refused, and
	// one of the two below has to be shown.
	Err     error
	Problem problem.Details
	// Enrolment is what FlowEnable has begun. The form of FlowVerify comes next.
	Enrolment *Enrolment
	// ReturnTo is where the form of FlowChallenge was to lead, see auth.ReturnPath:
	// a page shows it again.
	ReturnTo string
	// RecoveryCodes are new ones, of FlowVerify or FlowRecoveryCodes. Nobody will
	// see them again.
	RecoveryCodes []string
}

var errNotPost = &problem.Error{
	Details: problem.New(problem.MethodNotAllowed),
	Header:  http.Header{"Allow": {http.MethodPost}},
	Err:     errors.New("mfa: not a POST"),
}

// flow is the handler of a flow: do reads the body and writes the response, or
// returns an error and has written nothing.
func (m *Manager) flow(f Flow, do func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return m.returning(f, func(w http.ResponseWriter, r *http.Request, _ *string) error { return do(w, r) })
}

// returning is a flow that learns from the body where it is to lead.
func (m *Manager) returning(f Flow, do func(w http.ResponseWriter, r *http.Request, returnTo *string) error) http.Handler {
	return problem.Recover(m.cfg.ErrorHandler)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state := FormState{Flow: f}
		err := m.serve(w, r, func(w http.ResponseWriter, r *http.Request) error { return do(w, r, &state.ReturnTo) })
		if err != nil {
			m.refuse(w, r, state, err)
		}
	}))
}

func (m *Manager) serve(w http.ResponseWriter, r *http.Request, do func(w http.ResponseWriter, r *http.Request) error) error {
	if r.Method != http.MethodPost {
		return errNotPost
	}
	r, err := m.admit(r)
	if err != nil {
		return err
	}
	return do(w, r)
}

// admit checks where r comes from.
func (m *Manager) admit(r *http.Request) (*http.Request, error) {
	if err := m.checkOrigin(r); err != nil {
		return nil, err
	}
	return m.withClient(r)
}

// withClient returns r with the client's address for events in its context.
func (m *Manager) withClient(r *http.Request) (*http.Request, error) {
	if m.cfg.OnEvent == nil {
		return r, nil
	}
	addr, err := m.cfg.ClientIP(r)
	if err != nil {
		return nil, fmt.Errorf("mfa: ClientIP: %w", err)
	}
	return r.WithContext(withAddress(r.Context(), addr)), nil
}

func (m *Manager) refuse(w http.ResponseWriter, r *http.Request, state FormState, err error) {
	if m.cfg.Form == nil || !isForm(r) {
		m.cfg.ErrorHandler(w, r, err)
		return
	}
	private(w)
	var e *problem.Error
	if errors.As(err, &e) {
		for _, name := range []string{"Retry-After", "Allow"} {
			if v := e.Header.Get(name); v != "" {
				w.Header().Set(name, v)
			}
		}
	}
	state.Err, state.Problem = err, problem.From(err)
	m.cfg.Form(w, r, state)
}

// show answers with what is seen once: a form by Config.Form, anything else by
// JSON.
func (m *Manager) show(w http.ResponseWriter, r *http.Request, state FormState, output any) error {
	private(w)
	if m.cfg.Form != nil && isForm(r) {
		m.cfg.Form(w, r, state)
		return nil
	}
	b, err := json.Marshal(output)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(append(b, '\n'))
	return nil
}

// done answers what has come to its end with nothing to show.
func (m *Manager) done(w http.ResponseWriter, r *http.Request, f Flow) error {
	if page := m.cfg.Pages.Account; page != "" && isForm(r) {
		redirect(w, page+"?"+NoticeParam+"="+string(f))
		return nil
	}
	private(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// redirect leads a browser to a page.
func redirect(w http.ResponseWriter, page string) {
	private(w)
	w.Header().Set("Location", page)
	w.WriteHeader(http.StatusSeeOther)
}

// private keeps a response out of caches, and the page's address from others.
func private(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
}

func isForm(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/x-www-form-urlencoded"
}
