package passkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"
)

// certified is an attestation with a certificate, as go-webauthn accepts it (WebAuthn
// L3 §8.2.1 and §8.6).
func certified(format string) twist {
	fill := func(data, client []byte, k *key) map[any]any {
		signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		aaguid, _ := asn1.Marshal(make([]byte, 16))
		cert := &x509.Certificate{
			SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
			Subject: pkix.Name{
				Country: []string{"DE"}, Organization: []string{"Example"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Key",
			},
			ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: aaguid}},
		}
		der, err := x509.CreateCertificate(rand.Reader, cert, cert, &signer.PublicKey, signer)
		if err != nil {
			panic(err)
		}
		over := signedData(data, client)
		statement := map[any]any{"x5c": []any{der}}
		if format == "fido-u2f" {
			point, err := k.signer.(*ecdsa.PrivateKey).PublicKey.Bytes()
			if err != nil {
				panic(err)
			}
			hash := sha256.Sum256(client)
			over = slices.Concat([]byte{0}, data[:32], hash[:], k.id, point)
		} else {
			statement["alg"] = es256
		}
		digest := sha256.Sum256(over)
		if statement["sig"], err = ecdsa.SignASN1(rand.Reader, signer, digest[:]); err != nil {
			panic(err)
		}
		return statement
	}
	return twist{object: func(m map[any]any) { m["fmt"], m["attStmt"] = format, fill }}
}
