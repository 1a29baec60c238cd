package main

import (
	"context"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
)

// sessionJSON is a session as its owner sees it: enough to tell the phone from the
// stranger. The id is public, it opens nothing.
type sessionJSON struct {
	ID        string    `json:"id"`
	Current   bool      `json:"current"`
	Created   time.Time `json:"created_at"`
	Seen      time.Time `json:"last_seen_at"`
	Expires   time.Time `json:"expires_at"`
	Address   string    `json:"address,omitempty"`
	UserAgent string    `json:"user_agent,omitempty"`
}

func (s *service) sessionsOf(ctx context.Context, subject string) ([]sessionJSON, error) {
	infos, err := s.sessions.List(ctx, subject)
	if err != nil {
		return nil, err
	}
	list := make([]sessionJSON, 0, len(infos))
	for _, i := range infos {
		entry := sessionJSON{ID: i.ID, Current: i.Current, Created: i.Created, Seen: i.Seen, Expires: i.Expires, UserAgent: i.UserAgent}
		if i.Address.IsValid() {
			entry.Address = i.Address.String()
		}
		list = append(list, entry)
	}
	return list, nil
}

func (s *service) listSessions(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	list, err := s.sessionsOf(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": list})
}

func (s *service) endSession(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	if err := s.sessions.Revoke(r.Context(), p.Subject, r.PathValue("id")); err != nil {
		s.onError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// endOtherSessions ends all sessions but the one of this request, and all refresh
// tokens but the one that this request's token came from.
func (s *service) endOtherSessions(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	if err := (auth.Revokers{s.sessions, s.tokens}).RevokeSubject(r.Context(), p.Subject, p.CredentialID); err != nil {
		s.onError(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
