package main

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/problem"
)

// fresh admits whoever has signed in not long ago. Forms that end in a method of the
// library have it; those that end in one of its handlers need not, which asks by itself.
func (s *service) fresh(next http.Handler) http.Handler {
	return (&auth.StepUp{MaxAge: apikey.DefaultFreshFor, ErrorHandler: s.signInAgain}).Handler(next)
}

// createKeyPage makes a key and shows it, for the only time.
func (s *service) createKeyPage(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	if err := r.ParseForm(); err != nil {
		s.onError(w, r, problem.Wrap(problem.BodyInvalid, err))
		return
	}
	text, key, err := s.keys.Issue(r.Context(), apikey.Request{
		Subject: p.Subject, Name: r.PostForm.Get("name"), Scopes: r.PostForm["scope"],
		Limit: apikey.Limit{Max: 600, Window: time.Minute},
	})
	if err != nil {
		d := problem.From(err)
		if d.Status >= http.StatusInternalServerError {
			s.onError(w, r, err)
			return
		}
		s.showAccount(w, r, d.Status, view{Error: sayWhy(err), Field: "key_name"})
		return
	}
	s.show(w, r, http.StatusCreated, "key", view{Title: "Your new key", Data: struct {
		Text string
		Key  *apikey.Key
	}{text, key}})
}

// revokeKey ends a key of the caller.
func (s *service) revokeKey(r *http.Request, p *auth.Principal) error {
	key, err := s.keys.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if key.Subject != p.Subject {
		return apikey.ErrNotFound
	}
	return s.keys.Revoke(r.Context(), key.ID)
}

// liveKeys are those that are good now, in their order.
func liveKeys(all []*apikey.Key) []*apikey.Key {
	return slices.DeleteFunc(slices.Clone(all), func(k *apikey.Key) bool { return !k.Live(time.Now()) })
}
