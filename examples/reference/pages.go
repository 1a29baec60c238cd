package main

import (
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

//go:embed pages
var files embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"day":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
	"minute": func(t time.Time) string { return t.UTC().Format("2 Jan, 15:04:05") },
	"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"device": device,
	"about":  about,
	"beside": beside,
	"advice": advice,
	"label":  label,
	"words":  refusals,
}).ParseFS(files, "pages/*.html"))

// A view is what every page gets.
type view struct {
	Title  string
	User   *auth.Principal // nil: nobody is signed in
	Notice string          // what has just happened
	Error  string          // why the form is here again
	Field  string          // the id of the input that the error is about
	Email  string
	Token  string
	Return string
	May    map[string]bool // permissions, for what is shown
	Dev    bool
	Others []provider // where else one can sign in
	Origin string     // where browsers may use passkeys
	Data   any
}

// show renders a page for whoever is signed in.
func (s *service) show(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.User, _ = auth.FromContext(r.Context())
	v.Dev, v.Others, v.Origin = s.mailbox != nil, s.providers, s.passkeyOrigin
	v.May = make(map[string]bool)
	for _, perm := range s.policy.Permissions(v.User) {
		v.May[string(perm)] = true // what is shown; the route is what forbids
	}
	if v.Notice == "" {
		v.Notice = notices[r.URL.Query().Get(account.NoticeParam)]
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // the back button after sign-out shows nothing
	h.Add("Vary", "Cookie")
	w.WriteHeader(status)
	_ = templates.ExecuteTemplate(w, name, v) // a failed write means that the browser is gone
}

// notices are what a page says after a form that has come to its end. None of them
// tells whether there is an account.
var notices = map[string]string{
	string(account.FlowRegister):       "Nearly done. We have sent you a mail: follow its link to confirm your address.",
	string(account.FlowVerifyEmail):    "Your address is confirmed. You can sign in now.",
	string(account.FlowForgot):         "If there is an account with that address, a mail with a link is on its way.",
	string(account.FlowReset):          "Your new password is set, and all devices are signed out. Sign in with it.",
	string(account.FlowChangePassword): "Your password is changed, and all other devices are signed out.",
	string(account.FlowChangeEmail):    "We have sent a mail to the new address: follow its link to confirm it.",
	string(account.FlowDelete):         "Your account is deleted.",
	string(account.FlowLogout):         "You are signed out.",
	"session-ended":                    "That session is ended.",
	"sessions-ended":                   "All other sessions are ended.",
	string(mfa.FlowDisable):            "Signing in takes no second step any more.",
	string(mfa.FlowChallenge):          "Thank you. You have proved that it is you.",
	string(mfa.FlowRevokeDevice):       "That browser is asked for the second step again.",
	"unlinked":                         "That account is not linked any more.",
	"again":                            "You have signed in some time ago. Sign in once more, and then try again.",
	"passkey":                          "Your passkeys have changed. All other devices are signed out.",
	"key-revoked":                      "The key is revoked. It opens nothing from now on.",
	"roles":                            "The roles are changed, and count from the next request on.",
}

// routePages are the pages. Their forms post to the same handlers as the API does.
func (s *service) routePages(mux *http.ServeMux, gate auth.Gate, guard *rbac.Guard) {
	gate.ErrorHandler = s.loginFirst
	member := auth.Chain(gate.Handler, s.refuseKeys) // a page is for a person: what the API refuses to a key, its form does as well
	visitorGate := gate
	visitorGate.Optional = true
	visitor := visitorGate.Handler
	may := func(perm rbac.Permission) func(http.Handler) http.Handler {
		return auth.Chain(member, guard.Require(perm))
	}

	mux.Handle("GET /{$}", visitor(s.page("home", "Sallyport Reference")))
	mux.Handle("GET /register", visitor(s.page("register", "Create an account")))
	mux.Handle("POST /register", s.accounts.Register())
	mux.Handle("GET /verify-email", account.TokenPage(visitor(s.page("verify", "Confirm your address"))))
	mux.Handle("POST /verify-email", s.accounts.VerifyEmail())
	mux.Handle("GET /login", visitor(s.page("login", "Sign in")))
	mux.Handle("POST /login", s.accounts.Login(s.factors.Gate(s.sessions)))
	mux.Handle("GET /login/factor", visitor(http.HandlerFunc(s.factorPage)))
	mux.Handle("POST /login/factor", s.factors.ChallengeHandler())
	mux.Handle("POST /logout", s.accounts.Logout(s.signOut))
	mux.Handle("GET /forgot-password", visitor(s.page("forgot", "Forgot your password?")))
	mux.Handle("POST /forgot-password", s.accounts.Forgot())
	mux.Handle("GET /reset-password", account.TokenPage(visitor(s.page("reset", "Choose a new password"))))
	mux.Handle("POST /reset-password", s.accounts.Reset())

	mux.Handle("GET /account", member(http.HandlerFunc(s.accountPage)))
	mux.Handle("GET /account/prove", member(http.HandlerFunc(s.proveAgain)))
	mux.Handle("POST /account/password", member(s.accounts.ChangePassword()))
	mux.Handle("POST /account/email", member(s.accounts.ChangeEmail()))
	mux.Handle("POST /account/delete", auth.Chain(member, s.keepLast)(s.accounts.Delete()))
	mux.Handle("POST /account/sessions/{id}/end", member(s.form("/account", "session-ended", func(r *http.Request, p *auth.Principal) error {
		return s.sessions.Revoke(r.Context(), p.Subject, r.PathValue("id"))
	})))
	mux.Handle("POST /account/sessions/end-others", member(s.form("/account", "sessions-ended", func(r *http.Request, p *auth.Principal) error {
		return (auth.Revokers{s.sessions, s.tokens}).RevokeSubject(r.Context(), p.Subject, p.CredentialID)
	})))

	mux.Handle("POST /account/factor/enable", member(s.factors.EnableHandler()))
	mux.Handle("POST /account/factor/verify", member(s.factors.VerifyHandler()))
	mux.Handle("POST /account/factor/disable", member(s.factors.DisableHandler()))
	mux.Handle("POST /account/factor/codes", member(s.factors.RecoveryCodesHandler()))
	mux.Handle("POST /account/devices/forget", member(s.factors.RevokeDeviceHandler()))
	mux.Handle("POST /account/keys", auth.Chain(member, s.fresh)(http.HandlerFunc(s.createKeyPage)))
	mux.Handle("POST /account/keys/{id}/revoke", auth.Chain(member, s.fresh)(s.form("/account", "key-revoked", s.revokeKey)))

	mux.Handle("GET /orders", may("orders:read")(http.HandlerFunc(s.ordersPage)))
	mux.Handle("POST /orders", may("orders:write")(s.form("/orders", "", func(r *http.Request, _ *auth.Principal) error {
		_, err := s.placeOrder(r.Context(), r.PostFormValue("item"))
		return storeError(err)
	})))
	mux.Handle("POST /orders/{id}/delete", may("orders:delete")(s.form("/orders", "", func(r *http.Request, _ *auth.Principal) error {
		return storeError(s.deleteOrder(r.Context(), r.PathValue("id")))
	})))
	mux.Handle("GET /admin", may("users:read")(http.HandlerFunc(s.adminPage)))
	mux.Handle("POST /admin/users/{id}/roles", may("users:write")(http.HandlerFunc(s.rolesForm)))
	mux.Handle("GET /style.css", file("style.css"))
	s.routeTokens(mux, visitor)
	mux.Handle("/", visitor(s.nothingHere(mux)))
}

// page is a page of a template and what its address says.
func (s *service) page(name, title string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.show(w, r, http.StatusOK, name, view{Title: title, Token: r.URL.Query().Get("token"), Return: auth.ReturnPath(r, "")})
	})
}

// file is a script or the style sheet. A browser asks each time whether it is still the
// one.
func file(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, files, "pages/"+name)
	})
}

// loginFirst sends visitors of a page to the login form.
func (s *service) loginFirst(w http.ResponseWriter, r *http.Request, err error) {
	if problem.From(err).Status == http.StatusUnauthorized {
		auth.LoginRedirect("/login")(w, r, err)
		return
	}
	s.onError(w, r, err)
}

// showProblem answers browsers with a page and everybody else with the problem.
func (s *service) showProblem(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Add("Vary", "Accept")
	if !auth.WantsHTML(r) {
		problem.WriteError(w, r, err)
		return
	}
	problem.WriteError(headersOnly{w}, r, err) // such as Retry-After
	d := problem.From(err)
	s.show(w, r, d.Status, "problem", view{Title: d.Title, Data: d})
}

// headersOnly keeps the headers of a response.
type headersOnly struct{ http.ResponseWriter }

func (headersOnly) WriteHeader(int)             {}
func (headersOnly) Write(b []byte) (int, error) { return len(b), nil }
