package main

import (
	"context"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
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

// signOut ends the session of the request. If the store cannot be told, the browser has
// forgotten the session all the same (see session.Manager.SignOut): whoever uses it next
// is not signed in. So to do it again ends nothing, and its user is told what does.
func (s *service) signOut(ctx context.Context) error {
	err := s.sessions.SignOut(ctx)
	if err == nil || problem.From(err).Code != problem.Unavailable {
		return err
	}
	return &problem.Error{Details: problem.New(problem.Unavailable).WithDetail(notEnded), Err: err}
}

const notEnded = "This browser has forgotten your session, but it could not be ended. Sign in again in a while, and end it in the list of your sessions."

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
