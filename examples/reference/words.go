package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
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
	sentence, ok := said[d.Code]
	switch {
	case d.Code == problem.TooManyRequests:
		return sentence + " " + again(err)
	case ok:
		return sentence
	}
	if d.Detail != "" {
		return d.Detail
	}
	return d.Title + "."
}

// said is what a form says that is here again, where the problem itself is too terse.
var said = map[problem.Code]string{
	problem.InvalidCredentials:        "What you have typed does not fit. Check it, and try again.",
	problem.OneTimeTokenInvalid:       "This link was used already, or it is too old.",
	problem.MFACodeInvalid:            "That code is not right, or was used already. Try the next one.",
	problem.MFAChallengeInvalid:       "It took too long. Sign in again.",
	problem.TooManyRequests:           "There were too many attempts.",
	errLastAdministrator.Details.Code: "This is the last administrator. Make somebody else an administrator first.",
}

// again is when to try once more, as Retry-After has it.
func again(err error) string {
	var p *problem.Error
	if errors.As(err, &p) {
		switch seconds, _ := strconv.Atoi(p.Header.Get("Retry-After")); {
		case seconds > 90*60:
			return fmt.Sprintf("Try again in %d hours.", (seconds+3599)/3600)
		case seconds > 60:
			return fmt.Sprintf("Try again in %d minutes.", (seconds+59)/60)
		case seconds > 0:
			return "Try again in a minute."
		}
	}
	return "Wait a while, and try again."
}

// beside is the error about an input, where its form is far from the head of the page.
func beside(v view, field string) string {
	if v.Field != field {
		return ""
	}
	return v.Error
}

// advice is what a person can do where there is no form to try again.
func advice(code problem.Code) string { return advised[code] }

var advised = map[problem.Code]string{
	problem.LinkRequired:         "There is an account with the address of yours elsewhere. Sign in to it as usual, and link the two on its page.",
	problem.LinkConflict:         "That account elsewhere is linked to another one here. Sign in with it, and remove it there.",
	problem.LastLoginMethod:      "Without it you could not sign in any more.",
	problem.OtherUserSignedIn:    "Sign out first, or use the account elsewhere that is yours.",
	problem.SignInAttemptInvalid: "It took too long, or began in another browser. Begin again at “Sign in”.",
	problem.ProviderFailed:       "The other service does not answer as it should. Try again in a while, or sign in another way.",
	problem.CrossOrigin:          "Another site has sent this. If it was you, do it on the pages of this one.",
	problem.TooManyRequests:      "Wait a while, and try again.",
	problem.Forbidden:            "Your roles do not allow it. If you need it, ask an administrator.",
	problem.NotFound:             "The address is mistyped, or what was here is gone.",
	problem.MethodNotAllowed:     "This address takes only what a form sends. Begin at the page that has the form.",
	problem.ProviderDenied:       "Try once more, or sign in another way.",
	problem.Internal:             "It is not your fault. Try again in a while.",
	problem.Unavailable:          "This does not work at the moment. Try again in a while.",
}

// refusals are the sentences by their codes, as JSON, for a script that meets the problems
// of the API (pages/tokens-page.js).
func refusals() (string, error) {
	all := maps.Clone(advised)
	maps.Copy(all, said) // its page has forms
	text, err := json.Marshal(all)
	return string(text), err
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
