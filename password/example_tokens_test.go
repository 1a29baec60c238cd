package password_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-sallyport/auth/password"
)

// The road of a password reset. The binding is the address and the number of the
// password, so that a change of either voids the mail.
func ExampleTokens() {
	tokens, err := password.NewTokens(nil, password.TokensConfig{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	binding := "alice@example.com 7"

	token, err := tokens.Issue(ctx, "17", password.PurposeReset, binding)
	if err != nil {
		panic(err)
	}
	fmt.Println(len(token), "characters in a mail")

	// The new password is judged first, so that one that is refused costs no mail.
	if _, err := tokens.Check(ctx, password.PurposeReset, token); err != nil {
		panic(err)
	}
	for range 2 {
		t, err := tokens.Consume(ctx, password.PurposeReset, token)
		switch {
		case errors.Is(err, password.ErrToken) || err == nil && t.Binding != binding:
			fmt.Println("ask for a new mail")
		case err != nil:
			panic(err)
		default:
			fmt.Println("new password for", t.Subject)
		}
	}
	// Output:
	// 43 characters in a mail
	// new password for 17
	// ask for a new mail
}
