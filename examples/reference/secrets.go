package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-sallyport/auth/jwtauth"
)

// secrets are the keys of this service. All processes of it need the same ones. A
// file is the least that works; a service of yours may have a vault.
type secrets struct {
	Devices []byte `json:"devices"` // seals the cookies of known devices
	Factors []byte `json:"factors"` // seals the secrets of authenticator apps
	OAuth   []byte `json:"oauth"`   // seals attempts to sign in elsewhere
	Passkey []byte `json:"passkey"` // seals the challenges of passkeys
	Refresh []byte `json:"refresh"` // makes refresh tokens
	Signing string `json:"signing"` // the private key of access tokens, as PEM
}

// signing returns the keys of access tokens. To change the key add the next one to
// the file, and give it to jwtauth.KeySet.Rotate, which keeps the old one for what
// it has signed.
func (s *secrets) signing() (*jwtauth.KeySet, error) {
	key, err := jwtauth.ParsePEM("1", jwtauth.EdDSA, []byte(s.Signing))
	if err != nil {
		return nil, err
	}
	return jwtauth.NewKeySet(key)
}

// loadSecrets reads the file, or makes it with new keys, which only this user of
// the machine can read.
func loadSecrets(path string) (*secrets, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newSecrets(path)
	}
	if err != nil {
		return nil, err
	}
	var s secrets
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%s is not a file of secrets: %w", path, err)
	}
	return &s, nil
}

func newSecrets(path string) (*secrets, error) {
	key := func() []byte {
		b := make([]byte, 32)
		_, _ = rand.Read(b) // never fails
		return b
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	s := &secrets{Devices: key(), Factors: key(), OAuth: key(), Passkey: key(), Refresh: key(), Signing: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	return s, errors.Join(err, f.Close())
}
