package seal_test

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/go-sallyport/auth/internal/seal"
)

// A TOTP secret is sealed for its user, and sealed again when the key has been
// rotated.
func Example() {
	oldKey, newKey := make([]byte, seal.KeySize), make([]byte, seal.KeySize)
	_, _ = rand.Read(oldKey)
	_, _ = rand.Read(newKey)

	before, err := seal.New("totp secret", oldKey)
	if err != nil {
		panic(err)
	}
	row := before.SealString([]byte("JBSWY3DP"), []byte("user-1"))

	after, err := seal.New("totp secret", newKey, oldKey)
	if err != nil {
		panic(err)
	}
	plain, outdated, err := after.OpenString(row, []byte("user-1"))
	fmt.Println(string(plain), outdated, err)

	_, _, err = after.OpenString(row, []byte("user-2"))
	fmt.Println(errors.Is(err, seal.ErrOpen))
	// Output:
	// JBSWY3DP true <nil>
	// true
}
