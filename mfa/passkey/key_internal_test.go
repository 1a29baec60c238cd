package passkey

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"testing"
)

func TestEd25519Keys(t *testing.T) {
	t.Run("MFA-15 points of small order, and what is no point, are refused", func(t *testing.T) {
		for name, text := range map[string]string{
			"order 1":                      "0100000000000000000000000000000000000000000000000000000000000000",
			"order 1, with a sign":         "0100000000000000000000000000000000000000000000000000000000000080",
			"order 1, not reduced":         "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
			"order 2":                      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
			"order 4":                      "0000000000000000000000000000000000000000000000000000000000000000",
			"order 4, with a sign":         "0000000000000000000000000000000000000000000000000000000000000080",
			"order 4, not reduced":         "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
			"order 8":                      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
			"order 8, with a sign":         "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
			"order 8, the other":           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
			"order 8, the other, and sign": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
			"no point":                     "0200000000000000000000000000000000000000000000000000000000000000",
		} {
			key, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			before := bytes.Clone(key)
			if checkEd25519(key) == nil {
				t.Errorf("%s: accepted", name)
			}
			if !bytes.Equal(key, before) {
				t.Errorf("%s: the key has changed", name)
			}
		}
	})
	t.Run("MFA-15 keys are accepted", func(t *testing.T) {
		for i := range 200 {
			seed := bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize)
			if err := checkEd25519(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)); err != nil {
				t.Fatalf("seed %d: %v", i, err)
			}
		}
	})
}
