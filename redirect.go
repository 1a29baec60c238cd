package auth

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-sallyport/auth/problem"
)

// ReturnParam is the query parameter in which LoginRedirect hands the login page
// the path to return to. Read it with ReturnPath.
const ReturnParam = "return_to"

// LoginRedirect returns an ErrorHandler for pages: a browser that navigates and
// is refused with a 401 is sent to the login page at path with 303 and the path
// that it wanted, if that was a GET. Everything else, API clients and other
// refusals, gets the problem. It panics if path is not a LocalPath.
func LoginRedirect(path string) func(w http.ResponseWriter, r *http.Request, err error) {
	login, ok := LocalPath(path)
	if !ok {
		panic("auth: LoginRedirect wants a path on this origin, such as \"/login\", not " + path)
	}
	sep := "?"
	if strings.Contains(login, "?") {
		sep = "&"
	}
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if problem.From(err).Status != http.StatusUnauthorized || !WantsHTML(r) {
			problem.WriteError(w, r, err)
			return
		}
		target := login
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			if back, ok := LocalPath(r.URL.RequestURI()); ok {
				target += sep + ReturnParam + "=" + url.QueryEscape(back)
			}
		}
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Accept")
		h.Set("Location", target)
		w.WriteHeader(http.StatusSeeOther)
	}
}

// ReturnPath returns the path that LoginRedirect put into r's query, or into its
// parsed form, if it is a LocalPath, and fallback otherwise.
func ReturnPath(r *http.Request, fallback string) string {
	s := r.URL.Query().Get(ReturnParam)
	if r.PostForm.Has(ReturnParam) {
		s = r.PostForm.Get(ReturnParam)
	}
	if path, ok := LocalPath(s); ok {
		return path
	}
	return fallback
}

// WantsHTML reports whether r comes from a browser that would show an HTML page:
// its Accept header names text/html with a quality above zero. A wildcard is no
// such wish; scripts and command-line clients send it.
func WantsHTML(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for item := range strings.SplitSeq(line, ",") {
			mediaType, params, err := mime.ParseMediaType(item)
			if err != nil || mediaType != "text/html" {
				continue
			}
			if strings.Trim(params["q"], "0.") == "" && params["q"] != "" {
				continue
			}
			return true
		}
	}
	return false
}
