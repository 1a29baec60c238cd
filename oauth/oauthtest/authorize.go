package oauthtest

import (
	"crypto/rand"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

var consentPage = template.Must(template.New("consent").Parse(`<!doctype html>
<meta charset="utf-8"><title>Sign in</title>
<h1>Sign in</h1>
<p>An application asks who you are{{with .Scope}} ({{.}}){{end}}.</p>
<form method="post" action="/consent">
<input type="hidden" name="id" value="{{.ID}}">
{{range $i, $u := .Users}}<p><label><input type="radio" name="user" value="{{$i}}"{{if not $i}} checked{{end}}> {{or $u.Name $u.Email $u.Subject}}</label></p>
{{end}}<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button>
</form>
`))

var postPage = template.Must(template.New("post").Parse(`<!doctype html>
<meta charset="utf-8"><title>One moment</title>
<form method="post" action="{{.Action}}">
{{range $name, $values := .Params}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}<button>Continue</button>
</form>
<script>document.forms[0].submit()</script>
`))

// authorize is the authorization endpoint (RFC 6749 §4.1.1). What is wrong with the
// client or its redirect URI is told to the person, and not sent there (§4.1.2.1).
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, github bool) {
	q := r.URL.Query()
	for _, values := range q {
		if len(values) > 1 {
			plain(w, http.StatusBadRequest, "a parameter is there twice")
			return
		}
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if q.Get("client_id") != s.cfg.ClientID || err != nil || !redirect.IsAbs() || redirect.Fragment != "" ||
		len(s.cfg.RedirectURLs) > 0 && !slices.Contains(s.cfg.RedirectURLs, q.Get("redirect_uri")) {
		plain(w, http.StatusBadRequest, "the client, or its redirect_uri, is not known")
		return
	}
	req := &request{
		redirectURI: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"),
		challenge: q.Get("code_challenge"), scope: q.Get("scope"), formPost: q.Get("response_mode") == "form_post", github: github,
	}
	switch {
	case q.Get("response_type") != "code":
		s.answer(w, r, req, url.Values{"error": {"unsupported_response_type"}})
		return
	case req.challenge == "" || q.Get("code_challenge_method") != "S256":
		s.answer(w, r, req, url.Values{"error": {"invalid_request"}, "error_description": {"PKCE with S256 is required"}})
		return
	}
	s.mu.Lock()
	users := slices.Clone(s.users)
	id := rand.Text()
	if !s.cfg.SkipConsent {
		s.requests[id] = req
	}
	s.mu.Unlock()
	if s.cfg.SkipConsent {
		s.allow(w, r, req, users[0])
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = consentPage.Execute(w, map[string]any{"ID": id, "Users": users, "Scope": req.scope})
}

// consent takes the form of the page.
func (s *Server) consent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	id, choice := r.PostFormValue("id"), r.PostFormValue("user")
	s.mu.Lock()
	req := s.requests[id]
	delete(s.requests, id)
	users := slices.Clone(s.users)
	s.mu.Unlock()
	i := slices.IndexFunc(users, func(u User) bool { return u.Subject == choice })
	if i < 0 && len(choice) == 1 {
		i = int(choice[0] - '0')
	}
	switch {
	case req == nil:
		plain(w, http.StatusBadRequest, "this page was used already")
	case r.PostFormValue("answer") != "allow":
		s.answer(w, r, req, url.Values{"error": {"access_denied"}, "error_description": {"The user said no"}})
	case i < 0 || i >= len(users):
		plain(w, http.StatusBadRequest, "there is no such user")
	default:
		s.allow(w, r, req, users[i])
	}
}

// allow issues a code.
func (s *Server) allow(w http.ResponseWriter, r *http.Request, req *request, u User) {
	code := rand.Text()
	s.mu.Lock()
	req.user, req.issued = u, s.cfg.Now()
	s.codes[code] = req
	s.mu.Unlock()
	s.answer(w, r, req, url.Values{"code": {code}})
}

// answer sends the browser back with an authorization response (RFC 6749 §4.1.2,
// RFC 9207).
func (s *Server) answer(w http.ResponseWriter, r *http.Request, req *request, params url.Values) {
	if req.state != "" {
		params.Set("state", req.state)
	}
	if !req.github {
		params.Set("iss", s.URL)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if req.formPost {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = postPage.Execute(w, map[string]any{"Action": req.redirectURI, "Params": params})
		return
	}
	sep := "?"
	if strings.Contains(req.redirectURI, "?") {
		sep = "&"
	}
	w.Header().Set("Location", req.redirectURI+sep+params.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// logout is RP-Initiated Logout 1.0, without a question.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to := q.Get("post_logout_redirect_uri")
	if to == "" {
		plain(w, http.StatusOK, "you are signed out")
		return
	}
	if len(s.cfg.LogoutURLs) > 0 && !slices.Contains(s.cfg.LogoutURLs, to) || q.Get("client_id") != "" && q.Get("client_id") != s.cfg.ClientID {
		plain(w, http.StatusBadRequest, "the client, or its post_logout_redirect_uri, is not known")
		return
	}
	if state := q.Get("state"); state != "" {
		to += "?" + url.Values{"state": {state}}.Encode()
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("oauthtest: " + text + "\n"))
}
