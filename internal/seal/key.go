package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

// KeySize is the length of a key, in bytes.
const KeySize = 32

// keyIDSize is the length of a key id, in bytes. Ids tell the few keys of one
// service apart; they are no secret and nothing is trusted for its id.
const keyIDSize = 8

type keyID [keyIDSize]byte

// A key is what one configured key becomes for one purpose.
type key struct {
	id   keyID
	aead cipher.AEAD // puts a random nonce before each ciphertext
}

var (
	errKeySize = fmt.Errorf("must have %d bytes: make one with `openssl rand -base64 %d` and decode it", KeySize, KeySize)
	errKeyZero = errors.New("is all zero: it was never filled in")
)

// derive makes the key of a purpose. The two labels differ before the purpose
// begins, so no purpose can turn an id into key material.
func derive(purpose string, secret []byte) (key, error) {
	if len(secret) != KeySize {
		return key{}, errKeySize
	}
	if [KeySize]byte(secret) == [KeySize]byte{} {
		return key{}, errKeyZero
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "sallyport seal v1 id "+purpose, keyIDSize)
	if err != nil {
		return key{}, err
	}
	sub, err := hkdf.Key(sha256.New, secret, nil, "sallyport seal v1 key "+purpose, KeySize)
	if err != nil {
		return key{}, err
	}
	block, err := aes.NewCipher(sub)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, err
	}
	return key{id: keyID(id), aead: aead}, nil
}
