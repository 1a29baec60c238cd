package account

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/password/throttle"
)

// A pass is what the cookie of a known device holds, sealed for one account. Its
// id is public, and is what the guard counts the attempts of the device under.
type pass struct {
	id     [16]byte
	issued time.Time
}

const (
	passSize = 16 + 8
	// maxPassText bounds the text of a cookie that is looked at: a sealed pass has 82
	// characters. The headers of a request can have a megabyte.
	maxPassText = 128
)

func (p pass) bytes() []byte {
	b := make([]byte, 0, passSize)
	b = append(b, p.id[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(p.issued.UnixMilli()))
}

// openPass returns the pass in a cookie if it is one of this user, from after the
// last change of the password, and not too old. For nobody, who has no ID, it does
// the same work: a login that is locked is answered without a hash, behind whose
// time that of this would not be seen.
func (s *Service) openPass(text string, u User) (pass, bool) {
	if text == "" || len(text) > maxPassText || s.cfg.DevicePass < 0 {
		return pass{}, false
	}
	b, _, err := s.passes.OpenString(text, []byte(u.ID))
	if err != nil || len(b) != passSize || u.ID == "" {
		return pass{}, false
	}
	p := pass{id: [16]byte(b), issued: time.UnixMilli(int64(binary.BigEndian.Uint64(b[16:])))} //nolint:gosec // sealed by bytes
	if p.issued.Before(u.ValidAfter) || !s.now().Before(p.issued.Add(s.cfg.DevicePass)) {
		return pass{}, false
	}
	return p, true
}

// device is what the guard knows of the client.
func (s *Service) device(c Client, u User) throttle.Device {
	p, ok := s.openPass(c.Pass, u)
	if !ok {
		return throttle.Device{}
	}
	return throttle.Device{ID: base64.RawURLEncoding.EncodeToString(p.id[:]), Subject: u.ID}
}

// setPass makes the client a known device of u, who has just proved the password
// there. It keeps the id of a pass of theirs that is there, and with it the count
// of failures. A change of password gives u without ValidAfter, for a pass from
// before it.
func (s *Service) setPass(w http.ResponseWriter, c Client, u User) {
	if s.cfg.DevicePass < 0 {
		return
	}
	p, ok := s.openPass(c.Pass, u)
	if !ok {
		h := secret.HandleOf(secret.Token(secret.MinBytes))
		p.id = [16]byte(h[:])
	}
	p.issued = s.now()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure but for BaseURL on loopback
		Name:     s.passName(),
		Value:    s.passes.SealString(p.bytes(), []byte(u.ID)),
		Path:     "/",
		MaxAge:   int(s.cfg.DevicePass / time.Second),
		Secure:   s.secure(),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

// passOf returns the value of the one cookie of a known device, or "".
func (s *Service) passOf(r *http.Request) string {
	cookies := r.CookiesNamed(s.passName())
	if len(cookies) != 1 {
		return ""
	}
	return cookies[0].Value
}

// passName has the prefix that keeps other hosts of the site from planting one,
// which needs Secure, which is dropped on loopback without TLS.
func (s *Service) passName() string {
	if s.secure() {
		return "__Host-known-device"
	}
	return "known-device"
}

func (s *Service) secure() bool { return s.base.Scheme == "https" }
