package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// This file stands in for a database, and for what the service is about.

type account struct{ Email, Password, Role string }

var demoAccounts = []account{
	{"alice@example.com", "alice counts her orders", "manager"},
	{"bob@example.com", "bob reads all of them", "clerk"},
}

func announce(w io.Writer, url, metrics string) {
	fmt.Fprintf(w, "Sallyport metrics: %s, measured at %s\n\n", url, metrics)
	for _, a := range demoAccounts {
		fmt.Fprintf(w, "  %-8s %-18s %s\n", a.Role, a.Email, a.Password)
	}
	fmt.Fprintln(w)
}

// users finds accounts by address and by id.
type users struct {
	hashes map[string]string
	ids    map[string]string
	byID   map[string]*auth.Principal
}

// newUsers hashes the demo passwords, as a registration would.
func newUsers() (*users, error) {
	hasher, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		return nil, err
	}
	u := &users{hashes: make(map[string]string), ids: make(map[string]string), byID: make(map[string]*auth.Principal)}
	for i, a := range demoAccounts {
		id := strconv.Itoa(i + 1) // never changes; an e-mail address can
		u.hashes[id], err = hasher.Hash(context.Background(), a.Password)
		if err != nil {
			return nil, err
		}
		u.ids[a.Email] = id
		u.byID[id] = &auth.Principal{Subject: id, Roles: []string{a.Role}}
	}
	return u, nil
}

// lookup is what a password.Checker asks: the stored hash, and who it is.
func (u *users) lookup(_ context.Context, login string) (string, *auth.Principal, error) {
	id, ok := u.ids[strings.ToLower(strings.TrimSpace(login))]
	if !ok {
		return "", nil, password.ErrNoAccount
	}
	return u.hashes[id], u.byID[id], nil
}

// current is what every use of a key asks: how its owner stands.
func (u *users) current(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
	stored, ok := u.byID[p.Subject]
	if !ok {
		return nil, auth.ErrInvalidCredentials
	}
	now := p.Clone()
	now.Roles = stored.Roles
	return now, nil
}

// login takes {"email", "password"} and answers with the cookie of a session.
func login(logins *password.Checker, sessions *session.Manager, onError problem.ErrorHandler) http.HandlerFunc {
	var clients throttle.ClientIP // the peer of the connection; behind a proxy see throttle.NewClientIP
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Email, Password string }
		var from throttle.Source
		var p *auth.Principal
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&in)
		if err != nil {
			err = problem.Wrap(problem.BodyInvalid, err)
		}
		if err == nil {
			from.Address, err = clients.Address(r)
		}
		if err == nil {
			p, err = logins.CheckFrom(r.Context(), from, in.Email, in.Password)
		}
		if err == nil {
			err = sessions.SignIn(w, r, p)
		}
		if err != nil {
			onError(w, r, err) // 401, the same for every reason; 429 after too many guesses
		}
	}
}

func showOrder(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]string{"id": r.PathValue("id")}}) // the client has gone, if this fails
}

func deleteOrder(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
