package main

import (
	"net/http"
	"net/url"
)

// leave is for forms that lead to a provider. The policy of the pages lets forms go to
// this origin only (form-action 'self'), redirects included, and to name the provider in
// it one would have to ask it first where its endpoints are: they need not be on the
// host of the issuer, and this service starts while it is down. So the answer to the
// form is a page of this origin that goes on by itself.
func (s *service) leave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := &departure{ResponseWriter: w}
		next.ServeHTTP(d, r)
		if d.to == nil {
			return
		}
		w.Header().Set("Refresh", "0; url="+d.to.String())
		s.show(w, r, http.StatusOK, "leave", view{Title: "You are leaving this site", Data: d.to})
	})
}

// A departure keeps back a redirect to another origin.
type departure struct {
	http.ResponseWriter
	to *url.URL
}

// WriteHeader implements http.ResponseWriter.
func (d *departure) WriteHeader(status int) {
	to, err := url.Parse(d.Header().Get("Location"))
	if status == http.StatusSeeOther && err == nil && to.IsAbs() {
		d.Header().Del("Location")
		d.to = to
		return
	}
	d.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (d *departure) Unwrap() http.ResponseWriter { return d.ResponseWriter }
