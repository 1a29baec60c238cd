package legacy_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/legacy"
)

// A table of Django moves: its default hashes, and those of bcrypt_sha256, which
// is bcrypt of the hex of a SHA-256.
func Example() {
	ctx := context.Background()
	pool, err := password.NewPool(password.PoolConfig{})
	if err != nil {
		panic(err)
	}
	argon, err := password.NewArgon2id(password.Argon2idConfig{Pool: pool})
	if err != nil {
		panic(err)
	}
	pbkdf2, err := legacy.NewPBKDF2(legacy.PBKDF2Config{Iterations: 600_000, Pool: pool})
	if err != nil {
		panic(err)
	}
	bcrypt, err := password.NewBcrypt(password.BcryptConfig{Cost: 12, Pool: pool})
	if err != nil {
		panic(err)
	}
	bcryptSHA256, err := legacy.NewWrapped(bcrypt, legacy.WrappedConfig{
		Prefix: "bcrypt_sha256$",
		Inner: func(password, _ string) string {
			sum := sha256.Sum256([]byte(password))
			return hex.EncodeToString(sum[:])
		},
	})
	if err != nil {
		panic(err)
	}
	hasher, err := password.Upgrade(argon, pbkdf2, bcryptSHA256)
	if err != nil {
		panic(err)
	}

	for _, row := range []struct{ stored, password string }{
		{"pbkdf2_sha256$24000$go9s3b1y1BTe$Pksk4EptJ84KDnI7ciocmhzFAb5lFoFwd6qlPOwwW4Q=", "KRONOS"},
		{"bcrypt_sha256$$2a$08$NDjSAIcas.EcoxCRiArvT.MkNiPYVhrsrnJsRkLueZOoV1bsQqlmC", "lètmein"},
		{"88a434c88cca4e900f7874cd98123f43", "lètmein"}, // an MD5, and nobody said that those are fine
	} {
		ok, outdated, err := hasher.Verify(ctx, row.stored, row.password)
		fmt.Println(ok, outdated, err)
	}
	// Output:
	// true true <nil>
	// true true <nil>
	// false false password: the stored hash is of no scheme that is verified here
}

// A table of salted MD5 goes under Argon2id in one night, users who never come
// back included.
func ExampleWrapped() {
	ctx := context.Background()
	argon, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		panic(err)
	}
	saltedMD5, err := legacy.NewWrapped(argon, legacy.WrappedConfig{
		Prefix: "md5:",
		Inner: func(password, salt string) string {
			sum := md5.Sum([]byte(salt + password))
			return hex.EncodeToString(sum[:])
		},
	})
	if err != nil {
		panic(err)
	}

	// For each row of the table:
	stored, err := saltedMD5.Wrap(ctx, "3f86d0d3d465b7b458c231bf3555c0e3", "seasalt")
	if err != nil {
		panic(err)
	}
	fmt.Println(stored[:45])

	// And from then on, in the service:
	hasher, err := password.Upgrade(argon, saltedMD5)
	if err != nil {
		panic(err)
	}
	ok, outdated, err := hasher.Verify(ctx, stored, "lètmein")
	fmt.Println(ok, outdated, err)
	// Output:
	// md5:c2Vhc2FsdA$argon2id$v=19$m=19456,t=2,p=1$
	// true true <nil>
}
