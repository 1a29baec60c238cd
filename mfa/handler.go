package mfa

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 4 << 10

// ChallengeHandler answers POST {code} or {recovery_code} with what the sign-in
// that waits in this browser writes: a session for example, or tokens. With
// trust_device true, and Config.TrustDevices, the Gate asks this browser for no
// factor from now on. A form may lead to a page (see auth.ReturnPath): the one that
// the sign-in was for.
//
// If no sign-in waits and somebody has signed in (Config.SignedIn, or a Gate in
// front), it steps up: a session has the factor from then on, and the answer is
// 204 or Pages.Account; for a token the answer is new ones.
func (m *Manager) ChallengeHandler() http.Handler {
	type input struct {
		Code         string `json:"code"`
		RecoveryCode string `json:"recovery_code"`
		TrustDevice  bool   `json:"trust_device"`
		ReturnTo     string `json:"return_to"`
	}
	return m.returning(FlowChallenge, func(w http.ResponseWriter, r *http.Request, returnTo *string) error {
		var in input
		if err := body.Decode(w, r, &in, maxBody); err != nil {
			return err
		}
		if path, ok := auth.LocalPath(in.ReturnTo); ok {
			*returnTo = path
			r = r.WithContext(r.Context())
			r.PostForm = map[string][]string{auth.ReturnParam: {path}}
		}
		if (in.Code == "") == (in.RecoveryCode == "") {
			return errProof
		}
		c := completion{kind: auth.FactorOTP, trust: in.TrustDevice}
		if in.RecoveryCode != "" {
			c.kind = auth.FactorRecovery
		}
		c.attempt = func(ctx context.Context, t *target) error {
			return m.prove(ctx, t.principal.Subject, Proof{Code: in.Code, RecoveryCode: in.RecoveryCode})
		}
		return m.complete(w, r, c)
	})
}

// EnableHandler answers POST with {secret, otpauth_url, qr}, of which qr is a data
// URL; a form has Config.Form show them. The body is not read. Mount it behind a
// Gate. See Enrol.
func (m *Manager) EnableHandler() http.Handler {
	type output struct {
		Secret string `json:"secret"`
		URL    string `json:"otpauth_url"`
		QR     string `json:"qr"`
	}
	return m.flow(FlowEnable, func(w http.ResponseWriter, r *http.Request) error {
		p, _ := auth.FromContext(r.Context())
		e, err := m.Enrol(r.Context(), p)
		if err != nil {
			return auth.Challenged(r.Context(), err)
		}
		qr, err := e.QR()
		if err != nil {
			return err
		}
		return m.show(w, r, FormState{Flow: FlowEnable, Enrolment: e}, output{e.Secret, e.URL, qr})
	})
}

type codesOutput struct {
	RecoveryCodes []string `json:"recovery_codes"`
}

// VerifyHandler answers POST {code} of the login that has come from EnableHandler
// with {recovery_codes}; a form has Config.Form show them. The session of the
// request has the factor from then on (Config.Elevate) or, if that fails, ends with
// the others. Mount it behind a Gate. See Confirm.
func (m *Manager) VerifyHandler() http.Handler {
	type input struct {
		Code string `json:"code"`
	}
	return m.flow(FlowVerify, func(w http.ResponseWriter, r *http.Request) error {
		var in input
		if err := body.Decode(w, r, &in, maxBody); err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		codes, err := m.confirm(r.Context(), p, in.Code, func(ctx context.Context) bool { return m.note(ctx, p, auth.FactorOTP) })
		if err != nil {
			return auth.Challenged(r.Context(), err)
		}
		return m.show(w, r, FormState{Flow: FlowVerify, RecoveryCodes: codes}, codesOutput{codes})
	})
}

// note notes a factor in the session of the request, which renews it, and reports
// whether it stays. If that fails it does not: a copy of its cookie may be why there
// is to be a factor, and would be good on. A panic of the hook is such a failure, as
// the factor is there by now.
func (m *Manager) note(ctx context.Context, p *auth.Principal, kind string) (stays bool) {
	if m.cfg.Elevate == nil || p.Method != auth.MethodSession {
		return true
	}
	failed := func(err error) bool {
		m.emit(ctx, auth.Event{Kind: EventFault, Subject: p.Subject, Err: err})
		return false
	}
	defer func() {
		if v := recover(); v != nil {
			stays = failed(errors.New(problem.PanicError(v).Error()))
		}
	}()
	if err := m.cfg.Elevate(ctx, auth.Factor{Kind: kind, At: m.now()}); err != nil {
		return failed(err)
	}
	return true
}

// DisableHandler answers POST {code} or {recovery_code} with 204. Mount it behind a
// Gate. See Disable.
func (m *Manager) DisableHandler() http.Handler {
	return m.flow(FlowDisable, func(w http.ResponseWriter, r *http.Request) error {
		proof, err := m.proof(w, r)
		if err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		if err := m.Disable(r.Context(), p, proof); err != nil {
			return auth.Challenged(r.Context(), err)
		}
		return m.done(w, r, FlowDisable)
	})
}

// RecoveryCodesHandler answers POST {code}, {recovery_code} or, if a factor was
// proved not long ago, an empty body, with {recovery_codes}; a form has Config.Form
// show them. Mount it behind a Gate. See IssueCodes.
func (m *Manager) RecoveryCodesHandler() http.Handler {
	return m.flow(FlowRecoveryCodes, func(w http.ResponseWriter, r *http.Request) error {
		proof, err := m.proof(w, r)
		if err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		codes, err := m.IssueCodes(r.Context(), p, proof)
		if err != nil {
			return auth.Challenged(r.Context(), err)
		}
		return m.show(w, r, FormState{Flow: FlowRecoveryCodes, RecoveryCodes: codes}, codesOutput{codes})
	})
}

// RevokeDeviceHandler answers POST {id} with 204 when the device is not trusted
// any more; without an id, all of the user. Mount it behind a Gate.
func (m *Manager) RevokeDeviceHandler() http.Handler {
	type input struct {
		ID string `json:"id"`
	}
	return m.flow(FlowRevokeDevice, func(w http.ResponseWriter, r *http.Request) error {
		var in input
		if err := body.Decode(w, r, &in, maxBody); err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		err := interactive(p)
		switch {
		case err != nil:
			return auth.Challenged(r.Context(), err)
		case in.ID != "":
			err = m.RevokeDevice(r.Context(), p.Subject, in.ID)
		default:
			err = m.RevokeDevices(r.Context(), p.Subject)
		}
		if err != nil {
			return err
		}
		return m.done(w, r, FlowRevokeDevice)
	})
}

// proof reads a Proof. A request without a body has none.
func (m *Manager) proof(w http.ResponseWriter, r *http.Request) (Proof, error) {
	if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" {
		return Proof{}, nil
	}
	var in struct {
		Code         string `json:"code"`
		RecoveryCode string `json:"recovery_code"`
	}
	err := body.Decode(w, r, &in, maxBody)
	return Proof{Code: in.Code, RecoveryCode: in.RecoveryCode}, err
}
