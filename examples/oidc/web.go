package main

import (
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
	"github.com/go-sallyport/auth/problem"
)

//go:embed pages.html style.css
var files embed.FS

var templates = template.Must(template.ParseFS(files, "pages.html"))

type site struct {
	users    *users
	links    *oauth.Links
	provider *oidc.Provider
}

// A view is what every template gets.
type view struct {
	Title string
	User  *auth.Principal // nil: nobody is signed in
	Data  any
}

func (s *site) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.User, _ = auth.FromContext(r.Context())
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // the back button after sign-out shows nothing
	h.Add("Vary", "Cookie")
	if v.User != nil { // the forms that link and sign out end at the provider
		h.Set("Content-Security-Policy", policy+s.providerOrigins(r))
	}
	w.WriteHeader(status)
	_ = templates.ExecuteTemplate(w, name, v) // a failed write means that the browser is gone
}

// page is a handler for a page that never changes.
func (s *site) page(name, title string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.render(w, r, http.StatusOK, name, view{Title: title})
	})
}

func (s *site) account(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	links, err := s.links.List(r.Context(), p.Subject)
	if err != nil {
		s.showProblem(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, "account", view{Title: "Your account", Data: map[string]any{
		"Links": links, "Current": p.Attributes[oauth.AttributeLink],
	}})
}

// unlink takes a link from the user, who has signed in of late: all sessions but this one
// end, and this one too if it was made through the link. The last link stays.
func (s *site) unlink(onError problem.ErrorHandler) http.Handler {
	fresh := &auth.StepUp{MaxAge: oauth.DefaultFreshFor, ErrorHandler: onError}
	return fresh.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		id, except := r.PathValue("id"), p.CredentialID
		if p.Attributes[oauth.AttributeLink] == id {
			except = ""
		}
		if err := s.links.Unlink(r.Context(), p.Subject, id, except); err != nil {
			onError(w, r, err)
			return
		}
		http.Redirect(w, r, "/account", http.StatusSeeOther)
	}))
}

// signInFirst sends visitors of a page to the provider.
func signInFirst(onError problem.ErrorHandler) problem.ErrorHandler {
	redirect := auth.LoginRedirect("/auth/oidc")
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if problem.From(err).Status == http.StatusUnauthorized {
			redirect(w, r, err)
			return
		}
		onError(w, r, err)
	}
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

var stylesheet = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "style.css")
})

// policy tells browsers what a page may load, and where its forms may lead.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// harden bounds what a client may send and what a page may do.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// providerOrigins are those to which the browser goes from here, after a space each.
func (s *site) providerOrigins(r *http.Request) string {
	m, err := s.provider.Metadata(r.Context())
	if err != nil {
		return ""
	}
	return " " + origin(m.AuthURL) + " " + origin(m.EndSessionURL)
}

// origin is what a Content-Security-Policy calls a source.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, "; ,'") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
