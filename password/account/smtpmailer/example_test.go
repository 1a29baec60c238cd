package smtpmailer_test

import (
	"fmt"

	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/account/smtpmailer"
)

func Example() {
	mailer, err := smtpmailer.New("smtp.example.com:587", "Example Shop <no-reply@example.com>", smtpmailer.Config{
		Username: "no-reply@example.com",
		Password: "from your secret store",
	})
	if err != nil {
		panic(err)
	}
	outbox, err := account.NewOutbox(mailer, account.OutboxConfig{})
	fmt.Println(outbox != nil, err)

	_, err = smtpmailer.New("smtp.example.com:25", "no-reply@example.com", smtpmailer.Config{InsecureNoTLS: true})
	fmt.Println(err)
	// Output:
	// true <nil>
	// smtpmailer: InsecureNoTLS is for a server on loopback, and smtp.example.com is not: unset it
}
