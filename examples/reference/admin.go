package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
)

// adminEmail is that of the account that a development server begins with.
const adminEmail = "admin@example.com"

// begin makes the first administrator. With -admin that is all there is to do, and in
// development it says what somebody has to know who tries the service out.
func (s *service) begin(ctx context.Context, w io.Writer) (done bool, err error) {
	switch {
	case s.cfg.Admin != "":
		return true, s.promote(ctx, s.cfg.Admin, w)
	case !s.cfg.Dev:
		return false, nil
	}
	if err := s.seedAdmin(ctx, w); err != nil {
		return false, err
	}
	_, err = fmt.Fprintf(w, "mail is at %s/dev/mailbox\n", s.cfg.BaseURL)
	return false, err
}

// seedAdmin makes an administrator with a new password and says it once. One that is
// there from an earlier start keeps its password; if nobody knows it, use "forgot
// password", whose mail is in the mailbox.
func (s *service) seedAdmin(ctx context.Context, w io.Writer) error {
	if _, err := s.stores.users.FindByEmail(ctx, adminEmail); !errors.Is(err, account.ErrNotFound) {
		return err
	}
	hasher, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		return err
	}
	pw := strings.ToLower(rand.Text())
	hash, err := hasher.Hash(ctx, pw)
	if err != nil {
		return err
	}
	_, err = s.stores.users.Create(ctx, account.User{
		ID: rand.Text(), Email: adminEmail, Canonical: adminEmail, Verified: true, Hash: hash, Roles: []string{"admin"},
		CreatedAt: time.Now().UTC().Truncate(time.Millisecond),
	})
	if errors.Is(err, account.ErrExists) { // another process was faster, and has said it
		return nil
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "admin: %s password: %s\n", adminEmail, pw)
	}
	return err
}

// promote makes an administrator of an account that is there, for whoever starts the
// program: somebody has to be the first.
func (s *service) promote(ctx context.Context, email string, w io.Writer) error {
	canonical, err := account.Canonical(email)
	if err != nil {
		return fmt.Errorf("-admin %q: %w", email, err)
	}
	u, err := s.stores.users.FindByEmail(ctx, canonical)
	if errors.Is(err, account.ErrNotFound) {
		return fmt.Errorf("-admin %s: there is no such account: register first, and follow the link in the mail", email)
	}
	if err != nil {
		return err
	}
	if !slices.Contains(u.Roles, "admin") {
		ctx = auth.NewContext(ctx, &auth.Principal{Subject: "the command line"})
		if err := s.changeRoles(ctx, u.ID, append(slices.Clone(u.Roles), "admin")); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "%s is an administrator\n", u.Email)
	return err
}

// userJSON is a user as clients see one.
type userJSON struct {
	ID       string   `json:"id"`
	Email    string   `json:"email"`
	Roles    []string `json:"roles"`
	Disabled bool     `json:"disabled,omitempty"`
}

func newUserJSON(u account.User) userJSON {
	return userJSON{ID: u.ID, Email: u.Email, Roles: append([]string{}, u.Roles...), Disabled: u.Disabled}
}

// usersAfter returns users by their address, those after that of ?after.
func (s *service) usersAfter(r *http.Request, limit int) ([]account.User, error) {
	after := r.URL.Query().Get("after")
	if after != "" {
		canonical, err := account.Canonical(after)
		if err != nil {
			return nil, err
		}
		after = canonical
	}
	users, err := s.stores.users.List(r.Context(), after, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return users, nil
}

// listUsers answers with up to 100 users, after the address of ?after.
func (s *service) listUsers(w http.ResponseWriter, r *http.Request) {
	users, err := s.usersAfter(r, 100)
	if err != nil {
		s.onError(w, r, err)
		return
	}
	list := make([]userJSON, 0, len(users))
	for _, u := range users {
		list = append(list, newUserJSON(u))
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": list})
}

// setRoles replaces the roles of a user. They count at the next request of that user,
// since the gate asks for them (accounts.Current).
func (s *service) setRoles(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Roles []string `json:"roles"`
	}
	err := readJSON(w, r, &in)
	if err == nil && in.Roles == nil { // an empty list takes all roles away, no list is a mistake
		err = problem.Sentinel(problem.BodyInvalid, "there is no list of roles")
	}
	if err == nil {
		err = s.changeRoles(r.Context(), r.PathValue("id"), in.Roles)
	}
	var u account.User
	if err == nil {
		u, err = s.stores.users.Find(r.Context(), r.PathValue("id"))
	}
	if err != nil {
		s.onError(w, r, userError(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": newUserJSON(u)})
}

var errUnknownRole = &problem.Error{Details: problem.New(problem.BadRequest).WithDetail("There is no such role.")}

func (s *service) changeRoles(ctx context.Context, id string, names []string) error {
	for _, name := range names {
		if _, ok := roles[name]; !ok {
			return errUnknownRole
		}
	}
	names = once(names)
	if err := s.stores.users.SetRoles(ctx, id, names); err != nil {
		return err
	}
	by, _ := auth.FromContext(ctx)
	s.onEvent.Emit(ctx, auth.Event{
		Kind: "admin.roles", Subject: id, Method: by.Method, CredentialID: by.CredentialID,
		Resource: fmt.Sprintf("%s by %s", strings.Join(names, " "), by.Subject),
	})
	return nil
}

// once leaves out the names that have come before.
func once(names []string) []string {
	var list []string
	for _, name := range names {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// userError gives the errors of the store of users their public face.
func userError(err error) error {
	switch {
	case errors.Is(err, account.ErrNotFound):
		return problem.Wrap(problem.NotFound, err)
	case problem.From(err).Status < http.StatusInternalServerError:
		return err
	}
	return unavailable(err)
}
