package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
)

// adminPage shows the users and, to those who may see it, what has happened.
func (s *service) adminPage(w http.ResponseWriter, r *http.Request) {
	s.showAdmin(w, r, http.StatusOK, view{})
}

func (s *service) showAdmin(w http.ResponseWriter, r *http.Request, status int, v view) {
	users, err := s.usersAfter(r, 50)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	p, _ := auth.FromContext(r.Context())
	var log []record
	if s.policy.Allows(p, "audit:read") {
		if log, err = s.audit.latest(r.Context(), 50); err != nil {
			s.onError(w, r, unavailable(err))
			return
		}
	}
	names := []string{"customer", "manager", "admin"}
	emails := make(map[string]string, len(users))
	for _, u := range users {
		emails[u.ID] = u.Email
		for i := range log {
			log[i].Resource = strings.ReplaceAll(log[i].Resource, u.ID, u.Email)
		}
	}
	type userRow struct {
		account.User
		Has map[string]bool
	}
	rows := make([]userRow, 0, len(users))
	for _, u := range users {
		row := userRow{u, make(map[string]bool)}
		for _, name := range u.Roles {
			row.Has[name] = true
		}
		rows = append(rows, row)
	}
	next := ""
	if len(users) == 50 {
		next = users[len(users)-1].Canonical
	}
	v.Title = "Administration"
	v.Data = struct {
		Users []userRow
		Roles []string
		After string
		Next  string
		Audit []record
		Email map[string]string
	}{rows, names, r.URL.Query().Get("after"), next, log, emails}
	s.show(w, r, status, "admin", v)
}

// rolesForm gives a user the roles whose boxes are ticked. If it would take the last
// administrator away, the page says so where the form was.
func (s *service) rolesForm(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	// No box is ticked, or this is no form: only the first takes all roles away.
	if r.PostFormValue("user") != id {
		s.onError(w, r, problem.Sentinel(problem.BodyInvalid, "this is not the form of the page"))
		return
	}
	err := userError(s.changeRoles(r.Context(), id, r.PostForm["role"]))
	switch {
	case err == nil:
		back := url.Values{account.NoticeParam: {"roles"}}
		if after := r.URL.Query().Get("after"); after != "" {
			back.Set("after", after)
		}
		http.Redirect(w, r, "/admin?"+back.Encode(), http.StatusSeeOther)
	case errors.Is(err, errLastAdministrator) && auth.WantsHTML(r):
		s.showAdmin(w, r, errLastAdministrator.Details.Status, view{Error: sayWhy(err), Field: "roles-" + id})
	default:
		s.onError(w, r, err)
	}
}
