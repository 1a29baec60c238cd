package main

import (
	"embed"
	"html/template"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

//go:embed pages.html style.css
var files embed.FS

var templates = template.Must(template.ParseFS(files, "pages.html"))

// A view is what every template gets.
type view struct {
	Title string
	User  *auth.Principal // nil: nobody is signed in
	Error string
	Data  any
}

// render shows a page to whoever is signed in.
func render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.User, _ = auth.FromContext(r.Context())
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // the back button after sign-out shows nothing
	h.Add("Vary", "Cookie")
	w.WriteHeader(status)
	_ = templates.ExecuteTemplate(w, name, v) // a failed write means that the browser is gone
}

// page is a handler for a page that never changes.
func page(name, title string, data any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		render(w, r, http.StatusOK, name, view{Title: title, Data: data})
	})
}

func loginPage(w http.ResponseWriter, r *http.Request) {
	render(w, r, http.StatusOK, "login", view{Title: "Sign in", Data: auth.ReturnPath(r, "/orders")})
}

// loginFailed shows the form again for what the visitor can mend: a wrong
// password, or too many of them.
func loginFailed(w http.ResponseWriter, r *http.Request, err error, onError problem.ErrorHandler) {
	d := problem.From(err)
	text := map[problem.Code]string{
		problem.InvalidCredentials: "Unknown e-mail or wrong password.",
		problem.TooManyRequests:    "Too many attempts. Please wait a few minutes and try again.",
	}[d.Code]
	if text == "" || !auth.WantsHTML(r) {
		onError(w, r, err)
		return
	}
	render(w, r, d.Status, "login", view{Title: "Sign in", Error: text, Data: auth.ReturnPath(r, "/orders")})
}

// loginFirst sends visitors of a page to the login form.
func loginFirst(onError problem.ErrorHandler) problem.ErrorHandler {
	redirect := auth.LoginRedirect("/login")
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if problem.From(err).Status == http.StatusUnauthorized {
			redirect(w, r, err)
			return
		}
		onError(w, r, err)
	}
}

// showProblem answers browsers with a page and everybody else with the problem.
func showProblem(w http.ResponseWriter, r *http.Request, err error) {
	if !auth.WantsHTML(r) {
		problem.WriteError(w, r, err)
		return
	}
	d := problem.From(err)
	render(w, r, d.Status, "problem", view{Title: d.Title, Data: d})
}

func accountPage(policy *rbac.Policy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		render(w, r, http.StatusOK, "account", view{Title: "Your account", Data: policy.Permissions(p)})
	})
}

var stylesheet = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "style.css")
})

// harden bounds what a client may send and tells browsers what a page may load.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
