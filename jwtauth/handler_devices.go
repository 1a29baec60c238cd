package jwtauth

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// A deviceEntry is one FamilyInfo as JSON.
type deviceEntry struct {
	ID        string    `json:"id"`
	Current   bool      `json:"current"`
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used_at"`
	ExpiresAt time.Time `json:"expires_at"`
	ClientID  string    `json:"client_id,omitempty"`
	Address   string    `json:"address,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

// DevicesHandler lets users see where they are signed in and end it. Mount it
// behind a Gate, for it goes by the principal of the request, at two patterns:
//
//	devices := auth.Require(verifier)(issuer.DevicesHandler())
//	mux.Handle("/devices", devices)
//	mux.Handle("/devices/{id}", devices)
//
// GET answers with {"data": [{id, current, created_at, last_used_at, expires_at,
// client_id, address, user_agent}]}. DELETE with an id ends that one, DELETE
// without ends all but the current one, both with 204; whether an id exists is not
// told. Without a principal it refuses with auth.ErrNoCredentials.
func (i *Issuer) DevicesHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := i.devices(w, r); err != nil {
			i.cfg.ErrorHandler(w, r, auth.Challenged(r.Context(), err))
		}
	})
}

func (i *Issuer) devices(w http.ResponseWriter, r *http.Request) error {
	p, ok := auth.FromContext(r.Context())
	if !ok {
		return auth.ErrNoCredentials
	}
	id := r.PathValue("id")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && id == "":
		return i.showDevices(w, r, p.Subject)
	case r.Method == http.MethodDelete && id != "":
		if err := i.RevokeFamily(r.Context(), p.Subject, id); err != nil {
			return err
		}
	case r.Method == http.MethodDelete:
		current := ""
		if p.Method == auth.MethodJWT {
			current = p.CredentialID
		}
		if err := i.RevokeSubject(r.Context(), p.Subject, current); err != nil {
			return err
		}
	case id != "":
		return errOnlyDelete
	default:
		return errGetOrDelete
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (i *Issuer) showDevices(w http.ResponseWriter, r *http.Request, subject string) error {
	list, err := i.List(r.Context(), subject)
	if err != nil {
		return err
	}
	out := struct {
		Data []deviceEntry `json:"data"`
	}{make([]deviceEntry, 0, len(list))}
	for _, f := range list {
		e := deviceEntry{ID: f.ID, Current: f.Current, CreatedAt: f.Created, LastUsed: f.Used, ExpiresAt: f.Expires, ClientID: f.ClientID, UserAgent: f.UserAgent}
		if f.Address.IsValid() {
			e.Address = f.Address.String()
		}
		out.Data = append(out.Data, e)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
	return nil
}

var (
	errGetOrDelete = notAllowed("GET, HEAD, DELETE")
	errOnlyDelete  = notAllowed("DELETE")
)

func notAllowed(allow string) error {
	return &problem.Error{Details: problem.New(problem.MethodNotAllowed), Header: http.Header{"Allow": {allow}}}
}
