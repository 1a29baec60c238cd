package jwk_test

import (
	"fmt"

	"github.com/go-sallyport/auth/internal/jwk"
)

func ExamplePublic() {
	k, err := jwk.Public(map[string]any{
		"kty": "OKP", "crv": "Ed25519", "kid": "2026", "use": "sig", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
	})
	fmt.Println(k.ID, k.Fits("EdDSA"), k.Fits("ES256"), err)
	_, err = jwk.Public(map[string]any{"kty": "oct", "k": "c2VjcmV0"})
	fmt.Println(err)
	// Output:
	// 2026 true false <nil>
	// jwk: a secret is published
}
