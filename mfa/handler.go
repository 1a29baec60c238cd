package mfa

import (
	"context"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
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
// request has the factor from then on (Config.Elevate). Mount it behind a Gate. See
// Confirm.
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
		codes, err := m.Confirm(r.Context(), p, in.Code)
		if err != nil {
			return auth.Challenged(r.Context(), err)
		}
		m.note(r.Context(), p, auth.FactorOTP)
		return m.show(w, r, FormState{Flow: FlowVerify, RecoveryCodes: codes}, codesOutput{codes})
	})
}

// note notes a factor in the session of the request. If that fails the session is
// asked for the factor again where one is wanted.
func (m *Manager) note(ctx context.Context, p *auth.Principal, kind string) {
	if m.cfg.Elevate == nil || p.Method != auth.MethodSession {
		return
	}
	if err := m.cfg.Elevate(ctx, auth.Factor{Kind: kind, At: m.now()}); err != nil {
		m.emit(ctx, auth.Event{Kind: EventFault, Subject: p.Subject, Err: err})
	}
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
