package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-sallyport/auth"
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
	mux.Handle("POST "+v1+"/auth/logout", s.accounts.Logout(s.signOut))
	mux.Handle("POST "+v1+"/auth/forgot-password", s.accounts.Forgot())
	mux.Handle("POST "+v1+"/auth/reset-password", s.accounts.Reset())
	mux.Handle("POST "+v1+"/auth/change-password", person(s.accounts.ChangePassword()))

	mux.Handle("POST "+v1+"/auth/token", s.accounts.Login(s.factors.Gate(s.tokens)))
	mux.Handle("POST "+v1+"/auth/token/refresh", s.stores.refreshes.Handler(s.clients.Key)(s.tokens.RefreshHandler()))
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
		s.onError(w, r, userError(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": struct {
		userJSON
		Method string `json:"method"`
	}{newUserJSON(u), p.Method}})
}

// signedIn answers a sign-in that has made a session: pages go on to where the visitor
// wanted to go, clients are told who they are. A script of a page (passkeys-page.js) is
// told where to go as well, if the visitor wanted to go anywhere: the sign-in may have
// begun on a form that it knows nothing of.
func (s *service) signedIn(w http.ResponseWriter, r *http.Request, p *auth.Principal) {
	w.Header().Add("Vary", "Accept")
	if auth.WantsHTML(r) {
		http.Redirect(w, r, auth.ReturnPath(r, "/account"), http.StatusSeeOther)
		return
	}
	answer := map[string]any{"data": userJSON{
		ID: p.Subject, Email: p.Attributes["email"], Roles: append([]string{}, p.Roles...),
	}}
	if to := auth.ReturnPath(r, ""); to != "" {
		answer[auth.ReturnParam] = to
	}
	writeJSON(w, http.StatusOK, answer)
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

// readJSON reads one JSON object with no members but those of v, each of them once.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return problem.Sentinel(problem.UnsupportedMediaType, "want application/json")
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return problem.Wrap(problem.BodyTooLarge, err)
	}
	if err == nil {
		err = checkMembers(data)
	}
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		err = dec.Decode(v)
	}
	if err != nil {
		return problem.Wrap(problem.BodyInvalid, fmt.Errorf("body: %w", err))
	}
	return nil
}

// checkMembers refuses what encoding/json is content with: null for an object, a member
// twice, of which it takes the last, and names in capitals. Who reads the same body
// before this service, such as a proxy with rules, may take another.
func checkMembers(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errors.New("not an object")
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		name, _ := token.(string)
		if err != nil || seen[name] || name != strings.ToLower(name) {
			return errors.New("a member is there twice, or in capitals")
		}
		seen[name] = true
		if err := dec.Decode(new(json.RawMessage)); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone, if this fails
}
