package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth/password/throttle"
)

// An attempt is counted before the code is compared, and a success forgives
// what was counted.
func ExampleLimiter_Begin() {
	limiter, err := throttle.New(nil, throttle.Config{MaxFailures: 3, Lockout: 10 * time.Minute})
	if err != nil {
		panic(err)
	}
	enter := func(code string) error {
		attempt, err := limiter.Begin(context.Background(), "door:7")
		if err != nil {
			return err
		}
		if code != "4711" {
			return errors.New("wrong code")
		}
		return attempt.Succeed(context.Background())
	}

	for _, code := range []string{"0000", "4711", "1111", "2222", "3333", "4711"} {
		var locked *throttle.LockedError
		switch err := enter(code); {
		case errors.As(err, &locked):
			fmt.Println("locked for", locked.RetryAfter.Round(time.Minute))
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println("come in")
		}
	}
	// Output:
	// wrong code
	// come in
	// wrong code
	// wrong code
	// wrong code
	// locked for 10m0s
}
