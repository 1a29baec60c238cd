package password_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

// A Checker gives the same answer to an unknown login and to a wrong password.
func ExampleChecker() {
	hasher, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		panic(err)
	}
	stored, err := hasher.Hash(context.Background(), "alice likes blue cheese")
	if err != nil {
		panic(err)
	}
	lookup := func(_ context.Context, login string) (string, *auth.Principal, error) {
		if login != "alice@example.com" {
			return "", nil, password.ErrNoAccount
		}
		return stored, &auth.Principal{Subject: "17", Roles: []string{"customer"}}, nil
	}

	checker, err := password.NewChecker(lookup, password.CheckerConfig{Hasher: hasher})
	if err != nil {
		panic(err)
	}
	for _, attempt := range [][2]string{
		{"alice@example.com", "alice likes blue cheese"},
		{"alice@example.com", "alice likes brie"},
		{"nobody@example.com", "alice likes blue cheese"},
	} {
		p, err := checker.Check(context.Background(), attempt[0], attempt[1])
		if err != nil {
			fmt.Println(problem.From(err).Code)
			continue
		}
		fmt.Println("subject", p.Subject, "by", p.Factors[0].Kind)
	}
	// Output:
	// subject 17 by pwd
	// INVALID_CREDENTIALS
	// INVALID_CREDENTIALS
}

// A Policy is asked where a password is set, with the names of the user.
func ExamplePolicy_Check() {
	policy, err := password.NewPolicy(password.PolicyConfig{Words: []string{"Sallyport"}})
	if err != nil {
		panic(err)
	}
	for _, pw := range []string{"blue cheese", "Password12345", "sallyport-alice", "alice likes blue cheese"} {
		err := policy.Check(context.Background(), pw, "Alice", "alice@example.com")
		var rejected *password.PolicyError
		if errors.As(err, &rejected) {
			fmt.Println(pw, "-", rejected.Reasons)
			continue
		}
		fmt.Println(pw, "- fine")
	}
	// Output:
	// blue cheese - [TOO_SHORT]
	// Password12345 - [COMMON]
	// sallyport-alice - [CONTEXT]
	// alice likes blue cheese - fine
}

// The client is told what to change, in a form that a program can show.
func ExamplePolicyError() {
	policy, err := password.NewPolicy(password.PolicyConfig{})
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	problem.WriteError(w, httptest.NewRequest("POST", "/register", nil), policy.Check(context.Background(), "password"))
	fmt.Println(w.Body)
	// Output:
	// {"type":"https://github.com/go-sallyport/auth/blob/main/docs/problems.md#password_rejected","title":"The password is not acceptable","status":422,"code":"PASSWORD_REJECTED","min_length":12,"reasons":["TOO_SHORT","COMMON"]}
}

// A table of bcrypt hashes moves to Argon2id as its users sign in.
func ExampleUpgrade() {
	pool, err := password.NewPool(password.PoolConfig{Memory: 128})
	if err != nil {
		panic(err)
	}
	argon, err := password.NewArgon2id(password.Argon2idConfig{Pool: pool})
	if err != nil {
		panic(err)
	}
	legacy, err := password.NewBcrypt(password.BcryptConfig{Cost: 10, Pool: pool})
	if err != nil {
		panic(err)
	}
	hasher, err := password.Upgrade(argon, legacy)
	if err != nil {
		panic(err)
	}

	ctx := context.Background()
	stored, err := legacy.Hash(ctx, "alice likes blue cheese")
	if err != nil {
		panic(err)
	}
	ok, outdated, err := hasher.Verify(ctx, stored, "alice likes blue cheese")
	fmt.Println("match", ok, "outdated", outdated, err)

	stored, err = hasher.Hash(ctx, "alice likes blue cheese") // what a Checker gives to Rehash
	if err != nil {
		panic(err)
	}
	fmt.Println(stored[:31])
	// Output:
	// match true outdated true <nil>
	// $argon2id$v=19$m=19456,t=2,p=1$
}

// A Pool that is full turns hashing away with 503 and Retry-After. Here one hash
// takes its whole budget, and nobody may wait for long.
func ExamplePool() {
	pool, err := password.NewPool(password.PoolConfig{Memory: 32, Queue: 1})
	if err != nil {
		panic(err)
	}
	hasher, err := password.NewArgon2id(password.Argon2idConfig{Memory: 32, Pool: pool})
	if err != nil {
		panic(err)
	}
	release, err := pool.Acquire(context.Background(), 32) // somebody else is hashing
	if err != nil {
		panic(err)
	}
	defer release()

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = hasher.Hash(ctx, "alice likes blue cheese")
	fmt.Println(err, problem.From(err).Status)
	// Output:
	// context deadline exceeded 503
}
