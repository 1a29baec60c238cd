package passkey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
)

// algorithms are those of new passkeys, the preferred first: what WebAuthn L3 §5.4
// recommends to offer. ES256 is what nearly all authenticators have; RS256 is for
// Windows Hello on older machines.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// knownTransports are those of WebAuthn L3 §5.8.4. Others are dropped: browsers
// ignore them, and who registers could have anything kept.
var knownTransports = []string{"usb", "nfc", "ble", "smart-card", "hybrid", "internal"}

// An options is what begins something in the browser.
type options struct {
	// PublicKey is PublicKeyCredentialCreationOptionsJSON or
	// PublicKeyCredentialRequestOptionsJSON (WebAuthn L3 §5.1.8, §5.1.9).
	PublicKey any `json:"publicKey"`
	// State comes back with the answer.
	State string `json:"state"`
	// ExpiresIn is in seconds.
	ExpiresIn int `json:"expires_in"`
}

func (m *Manager) show(w http.ResponseWriter, publicKey any, state string) error {
	return answer(w, http.StatusOK, options{publicKey, state, int(m.cfg.ChallengeTTL.Seconds())})
}

// RegisterBeginHandler answers POST with what a browser needs to make a passkey for
// the user of the request. The body is not read:
//
//	{"publicKey": {…}, "state": "…", "expires_in": 300}
//
// Mount it behind a Gate. It wants a fresh sign-in or, of a user who has a factor, a
// fresh proof of that: 401 STEP_UP_REQUIRED. An API key is refused, with 403; whoever
// has Config.MaxPerUser passkeys, with 409 PASSKEY_LIMIT.
func (m *Manager) RegisterBeginHandler() http.Handler {
	return m.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request) error {
		p, _ := auth.FromContext(r.Context())
		if err := m.fresh(r.Context(), p); err != nil {
			return err
		}
		if !utf8.ValidString(p.Subject) {
			return errNotText
		}
		list, err := m.List(r.Context(), p.Subject)
		switch {
		case err != nil:
			return err
		case len(list) >= m.cfg.MaxPerUser:
			return ErrLimit
		}
		ctx, cancel := detach(r.Context())
		defer cancel()
		u := &user{credentials: records(list)}
		if u.handle, err = m.store.UserHandle(ctx, p.Subject, newHandle()); err != nil {
			return unavailable("user handle", err)
		}
		u.name, u.display = m.cfg.User(p)
		creation, session, err := m.web.BeginRegistration(u,
			webauthn.WithCredentialParameters(algorithms),
			webauthn.WithExclusions(webauthn.Credentials(u.credentials).CredentialDescriptors()),
			webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
				ResidentKey:        protocol.ResidentKeyRequirementPreferred,
				RequireResidentKey: protocol.ResidentKeyNotRequired(),
				UserVerification:   m.verification(),
			}))
		if err != nil {
			return fmt.Errorf("passkey: begin registration: %w", err)
		}
		c, err := newCeremony(session)
		if err != nil {
			return err
		}
		c.Subject, c.UserHandle, c.Binding = []byte(p.Subject), u.handle[:], loginOf(p)
		state, err := m.begin(w, r, forRegistration, c)
		if err != nil {
			return err
		}
		return m.show(w, creation.Response, state)
	})
}

// errNotText is a fault of the service. Package mfa keeps a sign-in that waits as JSON,
// so such a user could not get past the Gate that a passkey turns on.
var errNotText = errors.New("passkey: a subject that is not UTF-8 cannot register")

// An attestation is what a browser sends of a new passkey, in base64url but for the
// last two.
type attestation struct {
	State             string   `json:"state"`
	ID                string   `json:"id"`
	ClientDataJSON    string   `json:"client_data_json"`
	AttestationObject string   `json:"attestation_object"`
	Transports        []string `json:"transports"`
	Name              string   `json:"name"`
}

// RegisterFinishHandler answers POST of the login that has come from
// RegisterBeginHandler, in the same browser, with 201 and the new passkey, as
// ListHandler shows it:
//
//	{"state": "…", "id": "…", "client_data_json": "…", "attestation_object": "…",
//	 "transports": ["internal"], "name": "My phone"}
//
// Transports and name may be left out. It is a change of factors, see
// mfa.Manager.Change: it wants a fresh proof as RegisterBeginHandler does, ends all
// other credentials of the user, trusted devices and waiting challenges, and the user
// is told (EventRegistered). The session of the request has the factor from then on
// (Config.Elevate) or, if that fails, ends with the others.
//
// Mount it behind a Gate. Refusals: ErrChallenge, ErrRejected, ErrExists, ErrLimit,
// ErrName, and those of RegisterBeginHandler.
func (m *Manager) RegisterFinishHandler() http.Handler {
	return m.handler(http.MethodPost, func(w http.ResponseWriter, r *http.Request) error {
		var in attestation
		if err := body.Decode(w, r, &in, maxBody); err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		if err := m.fresh(r.Context(), p); err != nil {
			return err
		}
		if !isText(in.Name, MaxName) {
			return ErrName
		}
		c, err := m.open(r, forRegistration, in.State)
		if err != nil {
			return err
		}
		if string(c.Subject) != p.Subject || c.Binding != loginOf(p) {
			return fmt.Errorf("%w: another login has begun it", ErrChallenge)
		}
		made, err := m.checkAttestation(c, in)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrRejected, err)
			m.emit(r.Context(), auth.Event{Kind: EventFailed, Subject: p.Subject, Err: err})
			return err
		}
		made.Subject, made.Name, made.CreatedAt = p.Subject, in.Name, m.now()
		stays := p.Clone()
		err = m.factors.Change(r.Context(), stays, EventRegistered, func(ctx context.Context) error {
			if err := m.add(ctx, *made, c); err != nil {
				return err
			}
			if !m.note(ctx, p) {
				stays.CredentialID = ""
			}
			return nil
		})
		if err != nil {
			return err
		}
		return answer(w, http.StatusCreated, entryOf(*made))
	})
}

func (m *Manager) add(ctx context.Context, made Credential, c *ceremony) error {
	err := m.store.Add(ctx, made, c.answer(), m.cfg.MaxPerUser)
	switch {
	case errors.Is(err, ErrAnswered), errors.Is(err, ErrNoCredential):
		return fmt.Errorf("%w: %w", ErrChallenge, err)
	case errors.Is(err, ErrExists), errors.Is(err, ErrLimit):
		return err
	}
	return unavailable("add", err)
}

// note notes the factor in the session of the request, which renews it, and reports
// whether it stays. If that fails it does not: a copy of its cookie may be why there
// is to be a passkey, and would be good on. A panic of the hook is such a failure, as
// the passkey is there by now.
func (m *Manager) note(ctx context.Context, p *auth.Principal) (stays bool) {
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
	if err := m.cfg.Elevate(ctx, auth.Factor{Kind: auth.FactorHardware, At: m.now()}); err != nil {
		return failed(err)
	}
	return true
}

// checkAttestation is WebAuthn L3 §7.1 steps 3 to 25. Go-webauthn does them, but for
// what stands here; step 26 is the store's.
func (m *Manager) checkAttestation(c *ceremony, in attestation) (*Credential, error) {
	clientData, err1 := decode(in.ClientDataJSON, maxClientData)
	object, err2 := decode(in.AttestationObject, maxAttestation)
	id, err3 := decode(in.ID, MaxCredentialID)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if err := checkClientData(clientData, m.cfg.Origins); err != nil {
		return nil, err
	}
	parsed, err := protocol.CredentialCreationResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{
			Credential: protocol.Credential{ID: in.ID, Type: string(protocol.PublicKeyCredentialType)}, RawID: id,
		},
		AttestationResponse: protocol.AuthenticatorAttestationResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: clientData}, AttestationObject: object,
		},
	}.Parse()
	if err != nil {
		return nil, plain(err)
	}
	if err := checkStatement(parsed.Response.AttestationObject); err != nil {
		return nil, err
	}
	u := &user{}
	if copy(u.handle[:], c.UserHandle) != len(u.handle) {
		return nil, errors.New("the challenge has no user handle")
	}
	made, err := m.web.CreateCredential(u, c.session(m.verification()), parsed)
	if err != nil {
		return nil, plain(err)
	}
	if err := checkKey(made.PublicKey); err != nil {
		return nil, err
	}
	out := &Credential{
		CredentialID: made.ID, UserHandle: u.handle, PublicKey: made.PublicKey, SignCount: made.Authenticator.SignCount,
		UserVerified: made.Flags.UserVerified, BackupEligible: made.Flags.BackupEligible, BackedUp: made.Flags.BackupState,
	}
	copy(out.AAGUID[:], made.Authenticator.AAGUID)
	for _, name := range knownTransports {
		if slices.Contains(in.Transports, name) {
			out.Transports = append(out.Transports, name)
		}
	}
	return out, nil
}

// checkStatement wants no attestation, which is what was asked for, or that of the
// passkey's own key, which browsers let through all the same (WebAuthn L3 §5.1.3). The
// other formats bring certificates of anybody's to be parsed, for nothing.
func checkStatement(a protocol.AttestationObject) error {
	_, certified := a.AttStatement["x5c"]
	switch format := protocol.AttestationFormat(a.Format); {
	case format == protocol.AttestationFormatNone, format == protocol.AttestationFormatPacked && !certified:
		return nil
	}
	return errors.New("an attestation that was not asked for")
}
