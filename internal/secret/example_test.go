package secret_test

import (
	"fmt"

	"github.com/go-sallyport/auth/internal/secret"
)

// A store keeps the handle, the client keeps the token.
func Example() {
	token := secret.Token(32)
	store := map[secret.Handle]string{secret.HandleOf(token): "alice"}

	fmt.Println(len(token), store[secret.HandleOf(token)])
	fmt.Println(secret.HandleOf("correct-horse").Encode())
	// Output:
	// 43 alice
	// ncpmbrVHMHFGMNFRkmSnvx7qrQC48u3JDT7L-tko0WM
}

func ExampleEqual() {
	fmt.Println(secret.Equal("state-a", "state-a"), secret.Equal("state-a", "state-b"))
	// Output: true false
}
