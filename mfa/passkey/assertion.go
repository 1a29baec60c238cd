package passkey

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/go-sallyport/auth"
)

// An assertion is what a browser sends of a passkey that was used, in base64url but
// for the last.
type assertion struct {
	State             string `json:"state"`
	ID                string `json:"id"`
	ClientDataJSON    string `json:"client_data_json"`
	AuthenticatorData string `json:"authenticator_data"`
	Signature         string `json:"signature"`
	UserHandle        string `json:"user_handle"`
	ReturnTo          string `json:"return_to"`
}

// parse is WebAuthn L3 §7.2 steps 3 to 12, without the type and the challenge, which
// follow.
func (m *Manager) parse(in assertion) (*protocol.ParsedCredentialAssertionData, error) {
	id, err1 := decode(in.ID, MaxCredentialID)
	clientData, err2 := decode(in.ClientDataJSON, maxClientData)
	authData, err3 := decode(in.AuthenticatorData, maxAuthData)
	signature, err4 := decode(in.Signature, maxSignature)
	handle, err5 := decode(in.UserHandle, len(UserHandle{}))
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	if err := checkClientData(clientData, m.cfg.Origins); err != nil {
		return nil, err
	}
	parsed, err := protocol.CredentialAssertionResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{
			Credential: protocol.Credential{ID: in.ID, Type: string(protocol.PublicKeyCredentialType)}, RawID: id,
		},
		AssertionResponse: protocol.AuthenticatorAssertionResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: clientData},
			AuthenticatorData:     authData, Signature: signature, UserHandle: handle,
		},
	}.Parse()
	return parsed, plain(err)
}

// prove verifies an answer to c and uses it up, once in all processes. Subject is
// whose passkey it has to be; empty: that of whoever the passkey belongs to, who signs
// in by it alone. It returns the passkey.
func (m *Manager) prove(ctx context.Context, c *ceremony, subject string, in assertion) (*Credential, error) {
	found, err := m.verify(ctx, c, subject, in)
	e := auth.Event{Kind: EventVerified, Subject: subject, Err: err}
	if found != nil {
		e.Subject, e.Resource = found.Subject, found.ID().String()
	}
	if errors.Is(err, ErrCounter) {
		m.emit(ctx, auth.Event{Kind: EventCloned, Subject: e.Subject, Resource: e.Resource, Err: err})
	}
	if err != nil {
		e.Kind = EventFailed
	}
	m.emit(ctx, e)
	if err != nil {
		return nil, err
	}
	return found, nil
}

// verify is WebAuthn L3 §7.2. With an error it may return the passkey too, for an
// event.
func (m *Manager) verify(ctx context.Context, c *ceremony, subject string, in assertion) (*Credential, error) {
	parsed, err := m.parse(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	found, err := m.store.Find(ctx, IDOf(parsed.RawID))
	switch {
	case errors.Is(err, ErrNoCredential):
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	case err != nil:
		return nil, unavailable("find", err)
	case subject != "" && found.Subject != subject:
		return nil, fmt.Errorf("%w of this user", ErrUnknown)
	}
	if err := m.check(c, &found, parsed, subject == ""); err != nil {
		return &found, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	flags := parsed.Response.AuthenticatorData.Flags
	u := Use{
		ID: found.ID(), Subject: found.Subject, SignCount: parsed.Response.AuthenticatorData.Counter,
		UserVerified: flags.HasUserVerified(), BackedUp: flags.HasBackupState(), At: m.now(),
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	err = m.store.Use(ctx, u, c.answer())
	switch {
	case errors.Is(err, ErrAnswered):
		return &found, fmt.Errorf("%w: %w", ErrChallenge, err)
	case errors.Is(err, ErrNoCredential): // removed meanwhile
		return &found, fmt.Errorf("%w: %w", ErrUnknown, err)
	case errors.Is(err, ErrCounter):
		return &found, err
	}
	return &found, unavailable("use", err)
}

var errNeverVerified = errors.New("the passkey has never verified its user: whoever found it could have given it a PIN. Use it once beside another factor")

// check verifies an answer to c with the key of found.
func (m *Manager) check(c *ceremony, found *Credential, parsed *protocol.ParsedCredentialAssertionData, alone bool) error {
	u := &user{handle: found.UserHandle, credentials: []webauthn.Credential{found.record()}}
	if !alone {
		s := c.session(m.verification())
		s.UserID = u.handle[:]
		_, err := m.web.ValidateLogin(u, s, parsed)
		return plain(err)
	}
	// The handle that the authenticator names is compared with that of the passkey.
	owner := func(_, _ []byte) (webauthn.User, error) { return u, nil }
	if _, _, err := m.web.ValidatePasskeyLogin(owner, c.session(protocol.VerificationRequired), parsed); err != nil {
		return plain(err)
	}
	if !found.UserVerified {
		return errNeverVerified
	}
	return nil
}
