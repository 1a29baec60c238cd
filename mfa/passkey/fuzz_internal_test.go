package passkey

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/go-sallyport/auth/mfa"
)

var fuzzOrigins = []string{"https://example.com"}

// What passes is read by encoding/json, which go-webauthn uses, as it was checked.
func FuzzClientData(f *testing.F) {
	for _, seed := range []string{
		`{"type":"webauthn.get","challenge":"AAAA","origin":"https://example.com","crossOrigin":false}`,
		`{"origin":"https://example.com","Origin":"https://evil.example"}`, `{"origin":"https://example.com","origin":"https://evil.example"}`,
		`{"origin":"https://example.com","or\u0069gin":"x"}`, `{"origin":"https://example.com","cro\u017fsOrigin":true}`, `{"origin":"https://example.com"}{}`,
		`{"origin":"https://example.com","x":{"origin":1}}`, `[]`, `null`, ``, `{`, `{"origin":null}`, "\ufeff{}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if checkClientData(raw, fuzzOrigins) != nil {
			return
		}
		var read protocol.CollectedClientData
		if err := json.Unmarshal(raw, &read); err != nil {
			return // refused by go-webauthn
		}
		if !slices.Contains(fuzzOrigins, read.Origin) || read.CrossOrigin || read.TopOrigin != "" {
			t.Errorf("%q is read as %+v", raw, read)
		}
	})
}

func fuzzManager(f *testing.F) *Manager {
	f.Helper()
	key := []byte("0123456789abcdef0123456789abcdef")
	factors, err := mfa.New(nil, mfa.Config{Issuer: "Example", Key: key})
	if err != nil {
		f.Fatal(err)
	}
	m, err := New(nil, factors, Config{RPID: "example.com", Key: key})
	if err != nil {
		f.Fatal(err)
	}
	return m
}

var fuzzCeremony = &ceremony{Challenge: make([]byte, 32), UserHandle: make([]byte, len(UserHandle{}))}

var fuzzClient = encoding.EncodeToString([]byte(
	`{"type":"webauthn.create","challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","origin":"https://example.com"}`))

// What is registered is within the bounds of a store, and can verify.
func FuzzAttestation(f *testing.F) {
	m := fuzzManager(f)
	// A passkey of Ed25519 with "none".
	hash := []byte{
		0xa3, 0x79, 0xa6, 0xf6, 0xee, 0xaf, 0xb9, 0xa5, 0x5e, 0x37, 0x8c, 0x11, 0x80, 0x34, 0xe2, 0x75,
		0x1e, 0x68, 0x2f, 0xab, 0x9f, 0x2d, 0x30, 0xab, 0x13, 0xd2, 0x12, 0x55, 0x86, 0xce, 0x19, 0x47,
	} // of example.com
	data := slices.Concat(hash, []byte{0x45, 0, 0, 0, 0}, make([]byte, 16), []byte{0, 2, 1, 2}, []byte{0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20}, bytes.Repeat([]byte{9}, 32))
	object := slices.Concat([]byte{0xa3, 0x63, 'f', 'm', 't', 0x64, 'n', 'o', 'n', 'e', 0x67, 'a', 't', 't', 'S', 't', 'm', 't', 0xa0, 0x68, 'a', 'u', 't', 'h', 'D', 'a', 't', 'a', 0x58, byte(len(data))}, data)
	if c, err := m.checkAttestation(fuzzCeremony, attestation{ID: "AQI", ClientDataJSON: fuzzClient, AttestationObject: encoding.EncodeToString(object)}); err != nil || !c.UserVerified {
		f.Fatalf("the seed is refused: %v", err)
	}
	f.Add("AQI", object)
	for i := range object {
		if i%17 == 0 {
			f.Add("AQI", object[:i])
			changed := bytes.Clone(object)
			changed[i] ^= 0x41
			f.Add("AQI", changed)
		}
	}
	f.Fuzz(func(t *testing.T, id string, object []byte) {
		c, err := m.checkAttestation(fuzzCeremony, attestation{ID: id, ClientDataJSON: fuzzClient, AttestationObject: encoding.EncodeToString(object)})
		if err != nil {
			return
		}
		if n := len(c.CredentialID); n == 0 || n > MaxCredentialID || encoding.EncodeToString(c.CredentialID) != id {
			t.Errorf("a credential id of %d bytes for %q", n, id)
		}
		if err := checkKey(c.PublicKey); err != nil {
			t.Error(err)
		}
	})
}

// Nobody has signed what a fuzzer makes.
func FuzzAssertion(f *testing.F) {
	m := fuzzManager(f)
	c := Credential{CredentialID: []byte{1, 2}, UserVerified: true, PublicKey: slices.Concat([]byte{0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20}, bytes.Repeat([]byte{9}, 32))}
	hash := make([]byte, 32)
	f.Add("AQI", `{"type":"webauthn.get","challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","origin":"https://example.com"}`, append(hash, 5, 0, 0, 0, 0), make([]byte, 64), make([]byte, 64))
	f.Add("AQI", `{}`, append(hash, 0x85, 0, 0, 0, 0, 0xa1), []byte{}, []byte{})
	f.Add("", ``, []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, id, client string, data, signature, handle []byte) {
		parsed, err := m.parse(assertion{
			ID: id, ClientDataJSON: encoding.EncodeToString([]byte(client)), AuthenticatorData: encoding.EncodeToString(data),
			Signature: encoding.EncodeToString(signature), UserHandle: encoding.EncodeToString(handle),
		})
		if err == nil && (m.check(fuzzCeremony, &c, parsed, true) == nil || m.check(fuzzCeremony, &c, parsed, false) == nil) {
			t.Error("accepted")
		}
	})
}
