package bench

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/throttle"
)

// batch is how many codes are made at once, while the clock of the benchmark stands.
const batch = 1024

// A totpPeer verifies a code of a time.
type totpPeer struct {
	who    string
	verify func(code string, at time.Time) bool
	secret string // base32
}

// admitAll is a limiter that is no obstacle: the peer has none, and what is measured
// is the code.
type admitAll struct{ throttle.Store }

func (admitAll) Take(context.Context, throttle.Key, throttle.Rule) (throttle.Count, error) {
	return throttle.Count{Admitted: true, Ticket: 1}, nil
}
func (admitAll) Forgive(context.Context, throttle.Key, throttle.Ticket) error { return nil }
func (admitAll) Cancel(context.Context, throttle.Key, throttle.Ticket) error  { return nil }

// mfaManager is Manager.Verify, over a store in memory: it finds the factor, opens
// the secret, compares the codes of three steps in constant time and, if one is
// right, notes its step.
func mfaManager(b *testing.B) totpPeer {
	b.Helper()
	start := time.Now()
	now := start
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	m, err := mfa.New(nil, mfa.Config{Issuer: "Example", Key: key, Throttle: admitAll{}, Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	p := &auth.Principal{Subject: "u-alice", Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: start}
	e, err := m.Enrol(ctx, p)
	if err != nil {
		b.Fatal(err)
	}
	code, err := totp.GenerateCode(e.Secret, start)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := m.Confirm(ctx, p, code); err != nil {
		b.Fatal(err)
	}
	return totpPeer{"sallyport", func(code string, at time.Time) bool {
		now = at
		return m.Verify(ctx, "u-alice", code) == nil
	}, e.Secret}
}

// pquerna is what a service writes around totp.Validate: it opens the secret, which
// is sealed with AES-256-GCM, and validates. The time is given, so it calls what
// Validate calls, with the options of Validate. It remembers no code that was used.
func pquerna(b *testing.B, secret string) totpPeer {
	b.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	sealed := base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(secret), []byte("u-alice")))
	options := totp.ValidateOpts{Period: 30, Skew: 1, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	return totpPeer{"pquerna", func(code string, at time.Time) bool {
		raw, err := base64.RawURLEncoding.DecodeString(sealed)
		if err != nil {
			return false
		}
		plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte("u-alice"))
		if err != nil {
			return false
		}
		ok, err := totp.ValidateCustom(code, string(plain), at, options)
		return ok && err == nil
	}, secret}
}

// BenchmarkTOTP is the check of a code of an authenticator app, from what the user
// has typed to the verdict, by everything that a service needs for it but the limit
// on attempts and a database. A right code is another one each time, as it is used
// up; a wrong one has six digits.
func BenchmarkTOTP(b *testing.B) {
	ours := mfaManager(b)
	peers := []totpPeer{ours, pquerna(b, ours.secret)}
	// The clock goes on for both, and never back: the Manager remembers.
	at := time.Now().Add(time.Hour)
	for _, peer := range peers {
		b.Run("what=right/who="+peer.who, func(b *testing.B) {
			var codes [batch]string
			first := at
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%batch == 0 {
					b.StopTimer()
					first = at
					for j := range codes {
						codes[j] = code(b, peer.secret, first.Add(time.Duration(j)*30*time.Second))
					}
					at = first.Add(batch * 30 * time.Second)
					b.StartTimer()
				}
				if !peer.verify(codes[i%batch], first.Add(time.Duration(i%batch)*30*time.Second)) {
					b.Fatal("a right code is refused")
				}
			}
		})
	}
	for _, peer := range peers {
		b.Run("what=wrong/who="+peer.who, func(b *testing.B) {
			wrong := wrongCode(b, peer.secret, at)
			b.ReportAllocs()
			for b.Loop() {
				if peer.verify(wrong, at) {
					b.Fatal("a wrong code is accepted")
				}
			}
		})
	}
}

func code(b *testing.B, secret string, at time.Time) string {
	b.Helper()
	text, err := totp.GenerateCode(secret, at)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// wrongCode is the code of no time near at.
func wrongCode(b *testing.B, secret string, at time.Time) string {
	b.Helper()
	for _, text := range []string{"000000", "111111", "222222", "333333"} {
		near := false
		for step := -1; step <= 1; step++ {
			near = near || code(b, secret, at.Add(time.Duration(step)*30*time.Second)) == text
		}
		if !near {
			return text
		}
	}
	b.Fatal("three steps have four codes")
	return ""
}
