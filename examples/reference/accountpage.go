package main

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/rbac"
)

// accountPage shows what belongs to an account.
func (s *service) accountPage(w http.ResponseWriter, r *http.Request) {
	s.showAccount(w, r, http.StatusOK, view{})
}

func (s *service) showAccount(w http.ResponseWriter, r *http.Request, status int, v view) {
	p, ok := auth.FromContext(r.Context())
	if !ok {
		s.loginFirst(w, r, auth.ErrNoCredentials)
		return
	}
	u, err := s.stores.users.Find(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, userError(err))
		return
	}
	sessions, err := s.sessionsOf(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	factors, err := s.factors.Status(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	keys, err := s.keys.List(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	links, err := s.links.List(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	passkeys, err := s.passkeys.List(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	devices, err := s.devicesOf(r.Context(), p.Subject)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	slices.SortFunc(sessions, func(a, b sessionJSON) int { // this one first
		switch {
		case a.Current:
			return -1
		case b.Current:
			return 1
		}
		return b.Seen.Compare(a.Seen)
	})
	v.Title = "Your account"
	v.Data = struct {
		User     account.User
		Sessions []sessionJSON
		Factors  mfa.Status
		Keys     []*apikey.Key
		Scopes   []rbac.Permission
		Links    []oauth.Link
		Passkeys []passkey.Credential
		Devices  []mfa.Device

		AtProvider string // where a sign-out can lead, as well
	}{u, sessions, factors, liveKeys(keys), s.policy.Permissions(p), links, passkeys, devices, s.atProvider(r.Context())}
	s.show(w, r, status, "account", v)
}

// device names what a User-Agent seems to be. It is a hint for its owner: anybody
// can send any.
func device(agent string) string {
	find := func(names ...string) string {
		for _, name := range names {
			if strings.Contains(agent, name) {
				return name
			}
		}
		return ""
	}
	browser, system := find("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl"), find("iPhone", "iPad", "Android", "Windows", "Mac OS X", "Linux")
	switch {
	case browser == "" && system == "":
		return "Unknown device"
	case browser == "" || system == "":
		return browser + system
	}
	return browser + " on " + system
}
