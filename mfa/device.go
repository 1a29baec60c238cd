package mfa

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/secret"
)

// Devices returns the trusted devices of subject, in any order.
func (m *Manager) Devices(ctx context.Context, subject string) ([]Device, error) {
	list, err := m.store.ListDevices(ctx, subject)
	return list, unavailable("list devices", err)
}

// RevokeDevice ends the trust in the device of subject with that id. One that is
// not there is no error.
func (m *Manager) RevokeDevice(ctx context.Context, subject, id string) error {
	// No store has to take whatever a client sends.
	if raw, err := encoding.DecodeString(id); err != nil || len(id) != IDSize || len(raw) != secret.MinBytes {
		return nil
	}
	ctx, cancel := detach(ctx)
	defer cancel()
	if err := m.store.DropDevice(ctx, subject, id); err != nil {
		return unavailable("drop device", err)
	}
	m.emit(ctx, auth.Event{Kind: EventDeviceDropped, Subject: subject, CredentialID: id})
	return nil
}

// RevokeDevices ends the trust in all devices of subject.
func (m *Manager) RevokeDevices(ctx context.Context, subject string) error {
	ctx, cancel := detach(ctx)
	defer cancel()
	if err := m.store.DropDevices(ctx, subject); err != nil {
		return unavailable("drop devices", err)
	}
	m.emit(ctx, auth.Event{Kind: EventDeviceDropped, Subject: subject})
	return nil
}

// trusts reports whether the browser of r is a trusted device of subject.
func (m *Manager) trusts(r *http.Request, subject string) (bool, error) {
	if m.cfg.TrustDevices == 0 {
		return false, nil
	}
	token := readCookie(r, m.deviceCookie())
	if len(token) != deviceToken {
		return false, nil
	}
	d, err := m.store.FindDevice(r.Context(), subject, hashDevice(subject, token))
	switch {
	case errors.Is(err, ErrNoDevice):
		return false, nil
	case err != nil:
		return false, unavailable("find device", err)
	case !m.cfg.Now().Before(d.CreatedAt.Add(m.cfg.TrustDevices)):
		return false, nil // Config was longer once
	}
	m.emit(r.Context(), auth.Event{Kind: EventDevicePassed, Subject: subject, CredentialID: d.ID})
	return true, nil
}

// A trusting is a device that is kept already, and whose token nobody has yet.
type trusting struct{ token, id string }

// beginTrust keeps the browser of r as a device of subject, before the challenge is
// claimed: RevokeSubject ends challenges and then devices, so it either ends this
// one or has the claim fail. Nil if that fails, and the sign-in goes on without.
func (m *Manager) beginTrust(r *http.Request, subject string) *trusting {
	ctx, cancel := detach(r.Context())
	defer cancel()
	t := &trusting{token: secret.Token(32), id: secret.Token(secret.MinBytes)}
	d := Device{ID: t.id, Hash: hashDevice(subject, t.token), Name: deviceName(r)}
	if err := m.store.AddDevice(ctx, subject, d, m.cfg.TrustDevices, maxDevices); err != nil {
		m.emit(ctx, auth.Event{Kind: EventFault, Subject: subject, Err: unavailable("add device", err)})
		return nil
	}
	return t
}

// endTrust gives the browser the token or, if the challenge was not claimed,
// forgets the device.
func (m *Manager) endTrust(ctx context.Context, w http.ResponseWriter, subject string, t *trusting, claimed bool) {
	ctx, cancel := detach(ctx)
	defer cancel()
	if !claimed {
		if err := m.store.DropDevice(ctx, subject, t.id); err != nil {
			m.emit(ctx, auth.Event{Kind: EventFault, Subject: subject, Err: unavailable("drop device", err)})
		}
		return
	}
	m.setCookie(w, m.deviceCookie(), t.token, m.cfg.TrustDevices)
	m.emit(ctx, auth.Event{Kind: EventDeviceTrusted, Subject: subject, CredentialID: t.id})
	m.notify(ctx, Notice{Kind: EventDeviceTrusted, Subject: subject})
}

// deviceToken is the length of the token in the cookie: 256 random bits.
const deviceToken = 43

func hashDevice(subject, token string) DeviceHash {
	return DeviceHash(secret.HandleOf("mfa device\x00" + token + "\x00" + subject))
}

// deviceName is what the browser says of itself, cut to what is kept.
func deviceName(r *http.Request) string {
	name := r.UserAgent()
	name = name[:min(len(name), MaxDeviceName)]
	name = strings.ToValidUTF8(name, "")
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, name)
}
