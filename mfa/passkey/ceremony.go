package passkey

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// A purpose is what a challenge is for. One for another purpose does not open.
type purpose string

const (
	forRegistration purpose = "register"
	forFactor       purpose = "factor"
	forLogin        purpose = "login"
)

// maxState bounds a sealed ceremony, in characters: twice what one comes to.
const maxState = 2 << 10

// A ceremony is a challenge that waits for its answer. Nothing of it is stored: it
// travels sealed through the page, and opens with the cookie of the browser that it
// was made for. So challenges that nobody answers cost nothing.
type ceremony struct {
	// Challenge has 32 random bytes, of go-webauthn (WebAuthn L3 §13.4.3 wants 16).
	Challenge []byte `json:"c"`
	// Subject is whom it is for; empty for a login. As bytes, which JSON neither
	// changes nor makes longer by more than a third.
	Subject []byte `json:"s,omitempty"`
	// UserHandle is what a passkey is registered for.
	UserHandle []byte `json:"h,omitempty"`
	// Binding is the login that registers, or the sign-in that waits.
	Binding string `json:"b,omitempty"`
	// ExpiresAt is by the clock of the Manager.
	ExpiresAt time.Time `json:"e"`
}

// begin seals c for the browser of r, and sets its cookie.
func (m *Manager) begin(w http.ResponseWriter, r *http.Request, p purpose, c ceremony) (string, error) {
	browser, err := m.bind(w, r)
	if err != nil {
		return "", err
	}
	c.ExpiresAt = m.now().Add(m.cfg.ChallengeTTL)
	plain, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("passkey: encode challenge: %w", err)
	}
	state := m.sealer.SealString(plain, sealData(p, browser))
	if len(state) > maxState {
		return "", errSubject
	}
	return state, nil
}

// open opens what begin has sealed. What does not open, or has expired, is no
// challenge.
func (m *Manager) open(r *http.Request, p purpose, state string) (*ceremony, error) {
	c, err := m.unseal(r, p, state)
	if err != nil {
		m.emit(r.Context(), auth.Event{Kind: EventFailed, Err: err})
	}
	return c, err
}

func (m *Manager) unseal(r *http.Request, p purpose, state string) (*ceremony, error) {
	browser := m.browser(r)
	if browser == "" || len(state) > maxState {
		return nil, ErrChallenge
	}
	plain, _, err := m.sealer.OpenString(state, sealData(p, browser))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	var c ceremony
	if err := json.Unmarshal(plain, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChallenge, err)
	}
	if !m.cfg.Now().Before(c.ExpiresAt) {
		return nil, fmt.Errorf("%w: it has expired", ErrChallenge)
	}
	return &c, nil
}

// sealData binds a ceremony to its purpose and its browser. No purpose has a NUL.
func sealData(p purpose, browser string) []byte { return []byte(string(p) + "\x00" + browser) }

// answer is how a store uses up the challenge of c, for one call.
func (c *ceremony) answer() Answer {
	return Answer{Challenge: sha256.Sum256(c.Challenge), Call: newCall(), Keep: remember}
}

// session is what go-webauthn compares an answer with. Its own expiry goes by the
// clock of the machine and is not used.
func (c *ceremony) session(verify protocol.UserVerificationRequirement) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge:        encoding.EncodeToString(c.Challenge),
		UserID:           c.UserHandle,
		UserVerification: verify,
		CredParams:       algorithms,
	}
}

// newCeremony takes over the challenge that go-webauthn has made.
func newCeremony(s *webauthn.SessionData) (ceremony, error) {
	challenge, err := decode(s.Challenge, 0)
	if err != nil || len(challenge) < secret.MinBytes {
		return ceremony{}, errors.New("passkey: go-webauthn has made no challenge")
	}
	return ceremony{Challenge: challenge}, nil
}

// verification is what is asked of a passkey beside another factor.
func (m *Manager) verification() protocol.UserVerificationRequirement {
	if m.cfg.AlwaysVerify {
		return protocol.VerificationRequired
	}
	return protocol.VerificationPreferred
}

// loginOf names the login that a request of p belongs to. A step-up changes none of
// this, and another sign-in does.
func loginOf(p *auth.Principal) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(p.AuthenticatedAt.Unix())) //nolint:gosec // all 64 bits
	h := secret.HandleOf("passkey login\x00" + p.Method + "\x00" + p.CredentialID + "\x00" + string(at))
	return h.Encode()
}

// A user is a user as go-webauthn sees one, with the passkeys that may answer.
type user struct {
	handle        UserHandle
	name, display string
	credentials   []webauthn.Credential
}

var _ webauthn.User = (*user)(nil)

// WebAuthnID implements webauthn.User.
func (u *user) WebAuthnID() []byte { return u.handle[:] }

// WebAuthnName implements webauthn.User.
func (u *user) WebAuthnName() string { return u.name }

// WebAuthnDisplayName implements webauthn.User.
func (u *user) WebAuthnDisplayName() string { return u.display }

// WebAuthnCredentials implements webauthn.User.
func (u *user) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

// record is c as go-webauthn sees it. The counter is left out: it only warns of one
// that goes back, and the store decides.
func (c Credential) record() webauthn.Credential {
	return webauthn.Credential{
		ID:        c.CredentialID,
		PublicKey: c.PublicKey,
		Transport: transports(c.Transports),
		Flags:     webauthn.CredentialFlags{UserVerified: c.UserVerified, BackupEligible: c.BackupEligible, BackupState: c.BackedUp},
	}
}

func records(list []Credential) []webauthn.Credential {
	records := make([]webauthn.Credential, len(list))
	for i, c := range list {
		records[i] = c.record()
	}
	return records
}

func transports(names []string) []protocol.AuthenticatorTransport {
	list := make([]protocol.AuthenticatorTransport, len(names))
	for i, name := range names {
		list[i] = protocol.AuthenticatorTransport(name)
	}
	return list
}
