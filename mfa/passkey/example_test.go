package passkey_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
)

// Everything that a service mounts. Sessions stands for a session.Manager or a
// jwtauth.Issuer.
func Example() {
	key := []byte("0123456789abcdef0123456789abcdef") // of the configuration of the service
	sessions := auth.SignInFunc(func(http.ResponseWriter, *http.Request, *auth.Principal) error { return nil })
	factors, err := mfa.New(nil, mfa.Config{Issuer: "Example", Key: key})
	if err != nil {
		panic(err)
	}
	passkeys, err := passkey.New(nil, factors, passkey.Config{
		RPID: "example.com",
		Key:  key,
		Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
			return p, nil // with the roles that the user has today
		},
	})
	if err != nil {
		panic(err)
	}
	gate := &auth.Gate{} // with the Authenticators of the service

	mux := http.NewServeMux()
	mux.Handle("GET /passkey.js", passkey.ScriptHandler())
	mux.Handle("POST /passkeys/register/begin", gate.Handler(passkeys.RegisterBeginHandler()))
	mux.Handle("POST /passkeys/register/finish", gate.Handler(passkeys.RegisterFinishHandler()))
	mux.Handle("GET /passkeys", gate.Handler(passkeys.ListHandler()))
	mux.Handle("PATCH /passkeys/{id}", gate.Handler(passkeys.RenameHandler()))
	mux.Handle("DELETE /passkeys/{id}", gate.Handler(passkeys.RemoveHandler()))
	mux.Handle("POST /passkeys/factor/begin", passkeys.FactorBeginHandler())
	mux.Handle("POST /passkeys/factor/finish", passkeys.FactorFinishHandler())
	mux.Handle("POST /passkeys/login/begin", passkeys.LoginBeginHandler())
	mux.Handle("POST /passkeys/login/finish", passkeys.LoginHandler(factors.Gate(sessions)))

	for _, path := range []string{"/passkeys/login/begin", "/passkeys/register/begin", "/passkeys/factor/begin"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://example.com"+path, nil))
		fmt.Println(path, w.Code)
	}
	// Output:
	// /passkeys/login/begin 200
	// /passkeys/register/begin 401
	// /passkeys/factor/begin 401
}

func ExampleScriptIntegrity() {
	page := `<link rel="modulepreload" href="/passkey.js" integrity="` + passkey.ScriptIntegrity() + `">`
	fmt.Println(page[:63])
	// Output: <link rel="modulepreload" href="/passkey.js" integrity="sha256-
}
