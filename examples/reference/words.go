package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

// sayWhy is what a person can do about an error: the reasons against a password, or
// what the problem says.
func sayWhy(err error) string {
	var weak *password.PolicyError
	if errors.As(err, &weak) {
		var parts []string
		for _, reason := range weak.Reasons {
			parts = append(parts, reasonText(reason, weak))
		}
		return "Please choose another password: " + strings.Join(parts, ", and ") + "."
	}
	d := problem.From(err)
	if d.Detail != "" {
		return d.Detail
	}
	return d.Title + "."
}

// advice is what a person can do where there is no form to try again.
func advice(code problem.Code) string {
	return map[problem.Code]string{
		problem.LinkRequired:         "There is an account with the address of yours elsewhere. Sign in to it as usual, and link the two on its page.",
		problem.LinkConflict:         "That account elsewhere is linked to another one here. Sign in with it, and remove it there.",
		problem.LastLoginMethod:      "Without it you could not sign in any more.",
		problem.OtherUserSignedIn:    "Sign out first, or use the account elsewhere that is yours.",
		problem.SignInAttemptInvalid: "It took too long, or began in another browser. Begin again at “Sign in”.",
		problem.ProviderFailed:       "The other service does not answer as it should. Try again in a while, or sign in another way.",
		problem.CrossOrigin:          "Another site has sent this. If it was you, do it on the pages of this one.",
		problem.TooManyRequests:      "Wait a while, and try again.",
		problem.Unavailable:          "This does not work at the moment. Try again in a while.",
	}[code]
}

func reasonText(r password.Reason, e *password.PolicyError) string {
	switch r {
	case password.ReasonTooShort:
		return fmt.Sprintf("it needs at least %d characters", e.MinLength)
	case password.ReasonTooLong:
		return fmt.Sprintf("it may have at most %d bytes", e.MaxBytes)
	case password.ReasonCommon:
		return "many people use this one"
	case password.ReasonBreached:
		return "this one is in lists of stolen passwords"
	case password.ReasonContext:
		return "without your address and our name too little is left of it"
	}
	return "this one is not acceptable"
}
