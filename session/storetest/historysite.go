package storetest

import (
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// NewHistorySite returns a service over s, with a route for everything that the
// clients of a History do. It is for HistoryAt; History makes its own.
func NewHistorySite(s session.Store) (http.Handler, error) {
	m, err := session.New(s, session.Config{MaxPerUser: 10_000, TouchEvery: time.Nanosecond})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	handle := func(path string, f func(w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if err := f(w, r); err != nil {
				problem.WriteError(w, r, err)
			}
		})
	}
	handle("/login", func(_ http.ResponseWriter, r *http.Request) error {
		if err := m.Begin(r.Context(), &auth.Principal{Subject: r.URL.Query().Get("subject")}); err != nil {
			return err
		}
		m.SCS().Put(r.Context(), "n", 1)
		return nil
	})
	handle("/read", func(w http.ResponseWriter, r *http.Request) error {
		p, err := m.Authenticate(r)
		if err == nil {
			w.Header().Set("Session", p.CredentialID)
		}
		return err
	})
	handle("/write", func(_ http.ResponseWriter, r *http.Request) error {
		_, err := m.Authenticate(r)
		m.SCS().Put(r.Context(), "n", m.SCS().GetInt(r.Context(), "n")+1)
		return err
	})
	handle("/elevate", func(_ http.ResponseWriter, r *http.Request) error {
		return m.Elevate(r.Context(), auth.Factor{Kind: auth.FactorOTP})
	})
	handle("/logout", func(_ http.ResponseWriter, r *http.Request) error { return m.SignOut(r.Context()) })
	handle("/others", func(_ http.ResponseWriter, r *http.Request) error { return m.RevokeOthers(r.Context()) })
	handle("/revoke", func(_ http.ResponseWriter, r *http.Request) error {
		return m.Revoke(r.Context(), r.URL.Query().Get("subject"), r.URL.Query().Get("id"))
	})
	handle("/revokeall", func(_ http.ResponseWriter, r *http.Request) error {
		return m.RevokeSubject(r.Context(), r.URL.Query().Get("subject"), "")
	})
	return m.Handler(mux), nil
}
