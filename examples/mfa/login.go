package main

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

func (s *site) loginPage(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, "login", view{Title: "Sign in", Return: auth.ReturnPath(r, "/account")})
}

// login takes the password, from a form or from JSON. Door is all that it is given: it
// cannot make a session of somebody who has a second factor.
func (s *site) login(door auth.SignIn) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		in, err := readLogin(r)
		if err != nil {
			s.onError(w, r, err)
			return
		}
		p, err := s.logins.Check(r.Context(), in.Email, in.Password)
		if err == nil {
			if in.Remember {
				r = r.WithContext(s.factors.Remember(r.Context())) // also if the second step comes in between
			}
			err = door.SignIn(w, r, p) // a session, or the page that asks for the second step
		}
		if err != nil {
			s.loginFailed(w, r, err)
		}
	}
}

type loginInput struct {
	Email, Password string
	Remember        bool
}

func readLogin(r *http.Request) (in loginInput, err error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return loginInput{r.PostFormValue("email"), r.PostFormValue("password"), r.PostFormValue("remember") == "true"}, nil
	}
	dec := json.NewDecoder(r.Body) // harden bounds it
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return in, problem.Wrap(problem.BodyInvalid, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return in, problem.Sentinel(problem.BodyInvalid, "something follows the object")
	}
	return in, nil
}

// signedIn answers a sign-in that has come to its end, whichever steps it took: a page
// goes where its visitor wanted to, a script is told where that is.
func (s *site) signedIn(w http.ResponseWriter, r *http.Request, _ *auth.Principal) {
	to := auth.ReturnPath(r, "/account")
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	if auth.WantsHTML(r) {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	h.Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"return_to": to}) // a failed write means that the client is gone
}

// loginFailed shows the form again for what the visitor can mend: a wrong password, or
// too many of them.
func (s *site) loginFailed(w http.ResponseWriter, r *http.Request, err error) {
	d := problem.From(err)
	text := map[problem.Code]string{
		problem.InvalidCredentials: "Unknown e-mail or wrong password.",
		problem.TooManyRequests:    "Too many attempts. Please wait a few minutes and try again.",
	}[d.Code]
	if text == "" || !auth.WantsHTML(r) {
		s.onError(w, r, err)
		return
	}
	s.render(w, r, d.Status, "login", view{Title: "Sign in", Error: text, Return: auth.ReturnPath(r, "/account")})
}

// loginFirst sends visitors of a page to the login form.
func (s *site) loginFirst(w http.ResponseWriter, r *http.Request, err error) {
	if problem.From(err).Status == http.StatusUnauthorized {
		auth.LoginRedirect("/login")(w, r, err)
		return
	}
	s.onError(w, r, err)
}
