package jwtauth

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
)

// ParsePEM makes a key from one PEM block: a private key (PKCS #8, PKCS #1 or SEC
// 1), which signs, or a public key (PKIX or PKCS #1), which only verifies. An "EC
// PARAMETERS" block before it is skipped. Encrypted keys and certificates are
// refused: decrypt a key where its password is, and take the key out of a
// certificate that something has checked.
func ParsePEM(id string, alg Algorithm, text []byte) (*Key, error) {
	var block *pem.Block
	for rest := text; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type == "EC PARAMETERS" {
			continue
		}
		if block != nil {
			return nil, refuseKey("the PEM text has more than one key")
		}
		block = b
	}
	if block == nil {
		return nil, refuseKey("there is no PEM block")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || bytes.Contains([]byte(block.Headers["Proc-Type"]), []byte("ENCRYPTED")) {
		return nil, refuseKey("the PEM block is encrypted: decrypt it first")
	}
	key, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	if private, ok := key.(crypto.Signer); ok {
		return SignerKey(id, alg, private)
	}
	return PublicKey(id, alg, key)
}

// parseBlock does not repeat what x509 says of a key: it is of no use in a log.
func parseBlock(b *pem.Block) (key any, err error) {
	switch b.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(b.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(b.Bytes)
	default:
		return nil, refuseKey("a PEM block of type %q is no key", b.Type)
	}
	if err != nil {
		return nil, refuseKey("the %s cannot be read", b.Type)
	}
	return key, nil
}
