package main

import (
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/problem"
)

//go:embed pages.html style.css passkeys-page.js
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"has":   func(kinds []string, kind string) bool { return slices.Contains(kinds, kind) },
	"name":  func(kind string) string { return factorNames[kind] },
	"day":   func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
	"stamp": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}).ParseFS(files, "pages.html"))

var factorNames = map[string]string{
	auth.FactorPassword: "password", auth.FactorOTP: "authenticator app", auth.FactorHardware: "passkey", auth.FactorRecovery: "recovery code",
}

// notices are what a page says after a form that has come to its end.
var notices = map[string]string{
	string(mfa.FlowDisable):      "The authenticator app is off. Other browsers are signed out.",
	string(mfa.FlowRevokeDevice): "No browser is trusted any more.",
	"passkey":                    "Your passkeys have changed. Other browsers are signed out.",
}

// A view is what every template gets.
type view struct {
	Title  string
	User   *auth.Principal // nil: nobody is signed in
	Origin string          // where browsers can use passkeys
	Notice string          // what has just happened
	Error  string          // why the form is here again
	Return string          // where the form is to lead
	Data   any
}

// render shows a page to whoever is signed in.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.User, _ = auth.FromContext(r.Context())
	v.Origin = s.origin
	v.Notice = notices[r.URL.Query().Get(mfa.NoticeParam)]
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // the back button after sign-out shows nothing
	h.Add("Vary", "Cookie")
	w.WriteHeader(status)
	_ = templates.ExecuteTemplate(w, name, v) // a failed write means that the browser is gone
}

// page is a handler for a page that never changes.
func (s *site) page(name, title string, data any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.render(w, r, http.StatusOK, name, view{Title: title, Data: data})
	})
}

func (s *site) accountPage(w http.ResponseWriter, r *http.Request) {
	s.showAccount(w, r, http.StatusOK, view{})
}

// showAccount shows what a member has to sign in with.
func (s *site) showAccount(w http.ResponseWriter, r *http.Request, status int, v view) {
	p, ok := auth.FromContext(r.Context())
	if !ok {
		s.loginFirst(w, r, auth.ErrNoCredentials)
		return
	}
	has, err := s.factors.Status(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	passkeys, err := s.passkeys.List(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	devices, err := s.factors.Devices(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	v.Title = "Your account"
	v.Data = struct {
		Factors  mfa.Status
		Passkeys []passkey.Credential
		Devices  []mfa.Device
	}{has, passkeys, devices}
	s.render(w, r, status, "account", v)
}

// showProblem answers browsers with a page and everybody else with the problem.
func (s *site) showProblem(w http.ResponseWriter, r *http.Request, err error) {
	if !auth.WantsHTML(r) {
		problem.WriteError(w, r, err)
		return
	}
	d := problem.From(err)
	s.render(w, r, d.Status, "problem", view{Title: d.Title, Data: d})
}

// toPage leads a browser to a page and, if back is not empty, from there to back.
func toPage(w http.ResponseWriter, r *http.Request, page, back string) {
	if back != "" {
		page += "?" + auth.ReturnParam + "=" + url.QueryEscape(back)
	}
	http.Redirect(w, r, page, http.StatusSeeOther)
}

func file(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, files, name)
	})
}

// harden bounds what a client may send and tells browsers what a page may load: its own
// files, and the QR code, which is a data URL.
func harden(next http.Handler) http.Handler {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
