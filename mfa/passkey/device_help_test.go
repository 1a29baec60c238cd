package passkey_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// The algorithms and flags of the authenticator.
const (
	es256 = -7
	eddsa = -8
	rs256 = -257

	up, uv, be, bs, at, ed = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
)

// A device is an authenticator in software, together with the browser that it is
// plugged into (WebAuthn L3 §6). It does what it is told, also what a real one never
// would.
type device struct {
	t      *testing.T
	rpID   string
	origin string
	alg    int
	flags  byte // of the next ceremony, besides AT
	count  uint32
	keys   []*key
}

type key struct {
	id     []byte
	handle []byte
	alg    int
	signer crypto.Signer
}

func newDevice(t *testing.T) *device {
	return &device{t: t, rpID: "example.com", origin: "https://example.com", alg: es256, flags: up | uv}
}

// A twist changes a ceremony on its way. A nil field changes nothing.
type twist struct {
	client    func(map[string]any)       // the client data
	rawClient func([]byte) []byte        // the same as JSON
	authData  func([]byte) []byte        // the authenticator data, before it is signed
	cose      func(map[any]any)          // the key
	object    func(map[any]any)          // the attestation object
	cbor      func([]byte) []byte        // the same, encoded
	answer    func(map[string]any)       // what is posted
	signature func(sig []byte) []byte    // what is signed
	signed    func(data []byte) []byte   // what is signed over
	use       func(keys []*key) *key     // which key is used
	id        func(id []byte) []byte     // the credential id of a new key
	handle    func(handle []byte) []byte // the user handle of an answer
}

func (tw twist) clientData(d *device, typ, challenge string) []byte {
	m := map[string]any{"type": typ, "challenge": challenge, "origin": d.origin, "crossOrigin": false}
	if tw.client != nil {
		tw.client(m)
	}
	raw, err := json.Marshal(m)
	if err != nil {
		d.t.Fatal(err)
	}
	if tw.rawClient != nil {
		raw = tw.rawClient(raw)
	}
	return raw
}

// create is navigator.credentials.create (WebAuthn L3 §6.3.2). It returns the body for
// RegisterFinishHandler.
func (d *device) create(begun begun, tw twist) map[string]any {
	d.t.Helper()
	k := &key{id: random(32), alg: d.alg, handle: b64(d.t, begun.PublicKey.User.ID)}
	if tw.id != nil {
		k.id = tw.id(k.id)
	}
	cose := k.generate(d.t)
	if tw.cose != nil {
		tw.cose(cose)
	}
	data := d.data(d.flags | at)
	data = append(data, make([]byte, 16)...) // the AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(k.id)))
	data = append(append(data, k.id...), encode(cose)...)
	if tw.authData != nil {
		data = tw.authData(data)
	}
	object := map[any]any{"fmt": "none", "attStmt": map[any]any{}, "authData": data}
	client := tw.clientData(d, "webauthn.create", begun.PublicKey.Challenge)
	if tw.object != nil {
		tw.object(object)
	}
	if fill, ok := object["attStmt"].(func(data, client []byte, k *key) map[any]any); ok {
		object["attStmt"] = fill(data, client, k)
	}
	if object["fmt"] == "packed" && object["attStmt"] == nil { // self attestation, WebAuthn L3 §8.2
		object["attStmt"] = map[any]any{"alg": k.alg, "sig": k.sign(d.t, signedData(data, client))}
	}
	raw := encode(object)
	if tw.cbor != nil {
		raw = tw.cbor(raw)
	}
	answer := map[string]any{
		"state": begun.State, "id": text(k.id), "client_data_json": text(client), "attestation_object": text(raw),
		"transports": []string{"internal", "hybrid", "<script>"}, "name": "My phone",
	}
	if tw.answer != nil {
		tw.answer(answer)
	}
	d.keys = append(d.keys, k)
	return answer
}

// get is navigator.credentials.get (WebAuthn L3 §6.3.3). It returns the body for
// FactorFinishHandler and LoginHandler.
func (d *device) get(begun begun, tw twist) map[string]any {
	d.t.Helper()
	k := d.keys[len(d.keys)-1]
	if tw.use != nil {
		k = tw.use(d.keys)
	}
	if d.count > 0 {
		d.count++
	}
	data := d.data(d.flags)
	if tw.authData != nil {
		data = tw.authData(data)
	}
	client := tw.clientData(d, "webauthn.get", begun.PublicKey.Challenge)
	over := signedData(data, client)
	if tw.signed != nil {
		over = tw.signed(over)
	}
	signature, handle := k.sign(d.t, over), k.handle
	if tw.signature != nil {
		signature = tw.signature(signature)
	}
	if tw.handle != nil {
		handle = tw.handle(handle)
	}
	answer := map[string]any{
		"state": begun.State, "id": text(k.id), "client_data_json": text(client), "authenticator_data": text(data),
		"signature": text(signature), "user_handle": text(handle),
	}
	if tw.answer != nil {
		tw.answer(answer)
	}
	return answer
}

// data is the head of the authenticator data (WebAuthn L3 §6.1).
func (d *device) data(flags byte) []byte {
	hash := sha256.Sum256([]byte(d.rpID))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), d.count)
}

func signedData(authData, client []byte) []byte {
	hash := sha256.Sum256(client)
	return append(authData[:len(authData):len(authData)], hash[:]...)
}

// generate makes the key and returns it as a COSE_Key.
func (k *key) generate(t *testing.T) map[any]any {
	t.Helper()
	switch k.alg {
	case eddsa:
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k.signer = private
		return map[any]any{1: 1, 3: eddsa, -1: 6, -2: []byte(public)}
	case rs256:
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		k.signer = private
		return map[any]any{1: 3, 3: rs256, -1: private.N.Bytes(), -2: []byte{1, 0, 1}}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k.signer = private
	point, err := private.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		t.Fatal(err)
	}
	return map[any]any{1: 2, 3: es256, -1: 1, -2: point[1:33], -3: point[33:]}
}

func (k *key) sign(t *testing.T, data []byte) []byte {
	t.Helper()
	digest, hash := data, crypto.Hash(0)
	if k.alg != eddsa {
		sum := sha256.Sum256(data)
		digest, hash = sum[:], crypto.SHA256
	}
	signature, err := k.signer.Sign(rand.Reader, digest, hash)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// encode is CTAP2 canonical CBOR (RFC 8949 §4.2) for what a device needs: the keys of
// its maps are in the order of order.
func encode(v any) []byte {
	head := func(major byte, n uint64) []byte {
		switch {
		case n < 24:
			return []byte{major<<5 | byte(n)}
		case n < 1<<8:
			return []byte{major<<5 | 24, byte(n)}
		}
		return []byte{major<<5 | 25, byte(n >> 8), byte(n)}
	}
	switch v := v.(type) {
	case int:
		if v < 0 {
			return head(1, uint64(-1-v))
		}
		return head(0, uint64(v))
	case []byte:
		return append(head(2, uint64(len(v))), v...)
	case string:
		return append(head(3, uint64(len(v))), v...)
	case []any:
		out := head(4, uint64(len(v)))
		for _, e := range v {
			out = append(out, encode(e)...)
		}
		return out
	case map[any]any:
		out := head(5, uint64(len(v)))
		for _, name := range []any{1, 3, -1, -2, -3, "fmt", "alg", "sig", "x5c", "attStmt", "authData", "credProtect"} {
			if e, ok := v[name]; ok {
				out = append(append(out, encode(name)...), encode(e)...)
			}
		}
		return out
	}
	panic(v)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func b64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
