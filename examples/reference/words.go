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
