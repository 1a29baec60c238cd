package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

// routeAPI is the JSON API. Every refusal is a problem with a code, see
// docs/problems.md.
func (s *service) routeAPI(mux *http.ServeMux, gate auth.Gate, guard *rbac.Guard) {
	member := gate.Handler
	may := func(perm rbac.Permission) func(http.Handler) http.Handler {
		return auth.Chain(member, guard.Require(perm))
	}
	person := auth.Chain(member, s.refuseKeys)
	const v1 = "/api/v1"

	mux.Handle("POST "+v1+"/auth/register", s.accounts.Register())
	mux.Handle("POST "+v1+"/auth/verify-email", s.accounts.VerifyEmail())
	mux.Handle("POST "+v1+"/auth/login", s.accounts.Login(s.factors.Gate(s.sessions)))
	mux.Handle("POST "+v1+"/auth/mfa/challenge", s.factors.ChallengeHandler())
	mux.Handle("POST "+v1+"/auth/logout", s.accounts.Logout(s.sessions.SignOut))
	mux.Handle("POST "+v1+"/auth/forgot-password", s.accounts.Forgot())
	mux.Handle("POST "+v1+"/auth/reset-password", s.accounts.Reset())
	mux.Handle("POST "+v1+"/auth/change-password", person(s.accounts.ChangePassword()))

	mux.Handle("POST "+v1+"/auth/token", s.accounts.Login(s.factors.Gate(s.tokens)))
	mux.Handle("POST "+v1+"/auth/token/refresh", s.stores.refreshes.Handler(throttle.ByAddress)(s.tokens.RefreshHandler()))
	mux.Handle("POST "+v1+"/auth/token/revoke", s.tokens.RevokeHandler())

	mux.Handle("POST "+v1+"/auth/mfa/enable", person(s.factors.EnableHandler()))
	mux.Handle("POST "+v1+"/auth/mfa/verify", person(s.factors.VerifyHandler()))
	mux.Handle("POST "+v1+"/auth/mfa/disable", person(s.factors.DisableHandler()))
	mux.Handle("POST "+v1+"/auth/mfa/recovery-codes", person(s.factors.RecoveryCodesHandler()))

	mux.Handle("GET "+v1+"/api-keys", person(s.keys.ListHandler()))
	mux.Handle("POST "+v1+"/api-keys", person(s.keys.CreateHandler()))
	mux.Handle("POST "+v1+"/api-keys/{id}/rotate", person(s.keys.RotateHandler()))
	mux.Handle("DELETE "+v1+"/api-keys/{id}", person(s.keys.RevokeHandler()))

	mux.Handle("GET "+v1+"/sessions", person(http.HandlerFunc(s.listSessions)))
	mux.Handle("DELETE "+v1+"/sessions/{id}", person(http.HandlerFunc(s.endSession)))
	mux.Handle("DELETE "+v1+"/sessions", person(http.HandlerFunc(s.endOtherSessions)))

	mux.Handle("GET "+v1+"/profile", member(http.HandlerFunc(s.profile)))
	mux.Handle("GET "+v1+"/orders", may("orders:read")(http.HandlerFunc(s.listOrdersAPI)))
	mux.Handle("POST "+v1+"/orders", may("orders:write")(http.HandlerFunc(s.placeOrderAPI)))
	mux.Handle("DELETE "+v1+"/orders/{id}", may("orders:delete")(http.HandlerFunc(s.deleteOrderAPI)))

	mux.Handle("GET "+v1+"/admin/users", may("users:read")(http.HandlerFunc(s.listUsers)))
	mux.Handle("PUT "+v1+"/admin/users/{id}/roles", auth.Chain(may("users:write"), s.refuseKeys)(http.HandlerFunc(s.setRoles)))
	mux.Handle("GET "+v1+"/admin/audit", may("audit:read")(http.HandlerFunc(s.listAudit)))
}

// refuseKeys keeps API keys away from what only a person may do.
func (s *service) refuseKeys(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p, ok := auth.FromContext(r.Context()); ok && p.Method == auth.MethodAPIKey {
			s.onError(w, r, auth.ErrForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// profile says who the caller is.
func (s *service) profile(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	u, err := s.stores.users.Find(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, adminError(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": struct {
		userJSON
		Method string `json:"method"`
	}{newUserJSON(u), p.Method}})
}

// signedIn answers a sign-in that has made a session: pages go on to where the
// visitor wanted to go, clients are told who they are.
func (s *service) signedIn(w http.ResponseWriter, r *http.Request, p *auth.Principal) {
	if auth.WantsHTML(r) {
		http.Redirect(w, r, auth.ReturnPath(r, "/account"), http.StatusSeeOther)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": userJSON{
		ID: p.Subject, Email: p.Attributes["email"], Roles: append([]string{}, p.Roles...),
	}})
}

// unavailable is the 503 for a store that fails.
func unavailable(err error) error { return problem.Wrap(problem.Unavailable, err) }

// storeError is err if it was made for the client, and else the 503.
func storeError(err error) error {
	if p := new(problem.Error); errors.As(err, &p) {
		return err
	}
	return unavailable(err)
}

// readJSON reads one JSON object with no members but those of v.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return problem.Sentinel(problem.UnsupportedMediaType, "want application/json")
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, more := dec.Token(); errors.Is(more, io.EOF) {
			return nil
		}
		err = errors.New("something follows the object")
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return problem.Wrap(problem.BodyTooLarge, err)
	}
	return problem.Wrap(problem.BodyInvalid, fmt.Errorf("body: %w", err))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone, if this fails
}
