package account_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/session"
)

// Everything around a password, with sessions.
func Example() {
	key := []byte("32 random bytes from a secret...")
	outbox, err := account.NewOutbox(account.NewCapture(100), account.OutboxConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := outbox.Close(ctx); err != nil {
			log.Print(err)
		}
	}()
	sessions, err := session.New(nil, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	accounts, err := account.New(nil, account.Config{
		BaseURL: "https://app.example.com", Key: key, Outbox: outbox,
		Revokers: auth.Revokers{sessions}, Elevate: sessions.Elevate, Remember: session.Remember,
	})
	if err != nil {
		log.Fatal(err)
	}

	member := (&auth.Gate{Authenticators: []auth.Authenticator{sessions}, Current: accounts.Current}).Handler
	mux := http.NewServeMux()
	mux.Handle("POST /api/v1/auth/register", accounts.Register())
	mux.Handle("POST /api/v1/auth/verify-email", accounts.VerifyEmail())
	mux.Handle("POST /api/v1/auth/login", accounts.Login(sessions))
	mux.Handle("POST /api/v1/auth/logout", accounts.Logout(sessions.SignOut))
	mux.Handle("POST /api/v1/auth/forgot-password", accounts.Forgot())
	mux.Handle("POST /api/v1/auth/reset-password", accounts.Reset())
	mux.Handle("POST /api/v1/auth/change-password", member(accounts.ChangePassword()))
	mux.Handle("POST /api/v1/auth/change-email", member(accounts.ChangeEmail()))
	mux.Handle("POST /api/v1/auth/delete-account", member(accounts.Delete()))
	handler := sessions.Handler(mux)
	_ = handler // http.ListenAndServeTLS(…, handler)

	// Output:
}

// The methods below the handlers work without HTTP.
func ExampleService_Authenticate() {
	mailbox := account.NewCapture(10)
	outbox, err := account.NewOutbox(mailbox, account.OutboxConfig{})
	if err != nil {
		log.Fatal(err)
	}
	accounts, err := account.New(nil, account.Config{BaseURL: "https://app.example.com", Key: []byte("32 random bytes from a secret..."), Outbox: outbox})
	if err != nil {
		log.Fatal(err)
	}
	ctx, client := context.Background(), account.Client{}

	if err := accounts.SignUp(ctx, client, "Alice@Example.com", "correct horse battery staple"); err != nil {
		log.Fatal(err)
	}
	if err := outbox.Close(ctx); err != nil { // waits for the mail
		log.Fatal(err)
	}
	mail := mailbox.Messages()[0]
	fmt.Println(mail.Kind, mail.To)
	if err := accounts.ConfirmEmail(ctx, client, mail.Token); err != nil {
		log.Fatal(err)
	}
	p, err := accounts.Authenticate(ctx, client, "alice@example.com", "correct horse battery staple")
	fmt.Println(p.Attributes[account.AttributeEmail], err)
	_, err = accounts.Authenticate(ctx, client, "alice@example.com", "wrong horse")
	fmt.Println(err)
	// Output:
	// verify Alice@Example.com
	// Alice@Example.com <nil>
	// password: unknown login or wrong password: auth: invalid credentials
}

// One canonical form, and much that is refused.
func ExampleCanonical() {
	for _, email := range []string{"Alice@Example.COM", "m\u0131ke@example.com", "a@b@c"} {
		canonical, err := account.Canonical(email)
		fmt.Printf("%q %v\n", canonical, err)
	}
	// Output:
	// "alice@example.com" <nil>
	// "" account: the address is not acceptable
	// "" account: the address is not acceptable
}

// A page that a link leads to has the token in its address.
func ExampleTokenPage() {
	mux := http.NewServeMux()
	mux.Handle("GET /reset-password", account.TokenPage(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A form that posts the token and a new password. It changes nothing itself.
	})))
	// Output:
}
