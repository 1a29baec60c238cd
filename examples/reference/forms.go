package main

import (
	"errors"
	"html/template"
	"net/http"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
)

// form does what a form asks for and leads back to a page.
func (s *service) form(page, notice string, do func(r *http.Request, p *auth.Principal) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		if err := do(r, p); err != nil {
			s.onError(w, r, err)
			return
		}
		target := page
		if notice != "" {
			target += "?" + account.NoticeParam + "=" + notice
		}
		http.Redirect(w, r, target, http.StatusSeeOther)
	})
}

// formAgain shows a form that was refused, with the reason and what was typed, but
// never a password.
func (s *service) formAgain(w http.ResponseWriter, r *http.Request, f account.FormState) {
	v := view{Error: sayWhy(f.Err), Email: f.Email, Token: f.Token, Return: f.ReturnTo}
	name := ""
	switch f.Flow {
	case account.FlowRegister:
		name, v.Title, v.Field = "register", "Create an account", fieldOf(f.Problem.Code)
	case account.FlowVerifyEmail:
		name, v.Title = "verify", "Confirm your address"
	case account.FlowLogin:
		name, v.Title, v.Field = "login", "Sign in", "email"
	case account.FlowForgot:
		name, v.Title, v.Field = "forgot", "Forgot your password?", "email"
	case account.FlowReset:
		name, v.Title, v.Field = "reset", "Choose a new password", "password"
	case account.FlowChangePassword:
		name, v.Field = "account", "current_password"
		if f.Problem.Code == problem.PasswordRejected {
			v.Field = "new_password"
		}
	case account.FlowChangeEmail:
		name, v.Field = "account", "email_password"
		if f.Problem.Code == problem.EmailInvalid {
			v.Field = "new_email"
		}
	case account.FlowDelete:
		name, v.Field = "account", "delete_password"
	}
	if code := f.Problem.Code; code == problem.OneTimeTokenInvalid || code == problem.TooManyRequests {
		v.Field = "" // nothing that was typed is at fault
	}
	switch {
	case name == "" || unmended(f.Problem):
		s.onError(w, r, f.Err)
	case errors.Is(f.Err, auth.ErrStepUp):
		s.signInAgain(w, r, f.Err)
	case name == "account":
		s.showAccount(w, r, f.Problem.Status, v)
	default:
		s.show(w, r, f.Problem.Status, name, v)
	}
}

// unmended reports whether a form cannot be mended by who has sent it: that is no reason
// to show it again.
func unmended(d problem.Details) bool {
	return d.Status >= http.StatusInternalServerError || d.Code == problem.CrossOrigin
}

func fieldOf(code problem.Code) string {
	if code == problem.PasswordRejected {
		return "password"
	}
	return "email"
}

// about is what assistive technology is told of an input: the hints beside it and, if
// it was refused, the error.
func about(v view, field string, hints ...string) template.HTMLAttr {
	attr := ""
	if v.Error != "" && v.Field == field {
		attr, hints = ` aria-invalid="true"`, append([]string{"error"}, hints...)
	}
	if len(hints) > 0 {
		attr += ` aria-describedby="` + strings.Join(hints, " ") + `"`
	}
	return template.HTMLAttr(attr) // of names in the templates
}
