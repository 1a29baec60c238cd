package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

// This file stands in for a database: three accounts and a list of orders.

type account struct{ Email, Password, Role string }

var demoAccounts = []account{
	{"alice@example.com", "alice keeps the keys", "admin"},
	{"bob@example.com", "bob minds the store", "manager"},
	{"carol@example.com", "carol only looks around", "customer"},
}

func announce(w io.Writer, url string) {
	fmt.Fprintf(w, "Sallyport on chi: %s\n\n", url)
	for _, a := range demoAccounts {
		fmt.Fprintf(w, "  %-9s %-18s %s\n", a.Role, a.Email, a.Password)
	}
	fmt.Fprintln(w)
}

// users finds accounts by address and by id.
type users struct {
	hashes map[string]string
	byID   map[string]*auth.Principal
	ids    map[string]string
}

// newUsers hashes the demo passwords, as a registration would.
func newUsers() (*users, error) {
	hasher, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		return nil, err
	}
	u := &users{make(map[string]string), make(map[string]*auth.Principal), make(map[string]string)}
	for i, a := range demoAccounts {
		id := strconv.Itoa(i + 1) // never changes; an e-mail address can
		u.hashes[id], err = hasher.Hash(context.Background(), a.Password)
		if err != nil {
			return nil, err
		}
		u.ids[a.Email] = id
		u.byID[id] = &auth.Principal{Subject: id, Roles: []string{a.Role}, Attributes: map[string]string{"email": a.Email}}
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

// current is what each refresh asks: the user with today's roles.
func (u *users) current(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
	stored, ok := u.byID[p.Subject]
	if !ok {
		return nil, auth.ErrInvalidCredentials
	}
	now := p.Clone()
	now.Roles = stored.Roles
	return now, nil
}

type order struct {
	ID   int    `json:"id"`
	Item string `json:"item"`
}

type orderBook struct {
	onError problem.ErrorHandler

	mu   sync.Mutex
	last int
	all  []order
}

const maxOrders = 50

func (b *orderBook) list(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	orders := append([]order{}, b.all...)
	b.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"data": orders})
}

func (b *orderBook) add(w http.ResponseWriter, r *http.Request) {
	var in struct{ Item string }
	if err := readJSON(w, r, &in); err != nil {
		b.onError(w, r, err)
		return
	}
	item := strings.TrimSpace(in.Item)
	if item == "" || len(item) > 60 {
		b.onError(w, r, errItem)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	made := order{b.last, item}
	b.all = append(b.all, made)
	b.all = b.all[max(0, len(b.all)-maxOrders):]
	writeJSON(w, http.StatusCreated, map[string]any{"data": made})
}

func (b *orderBook) remove(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(chi.URLParam(r, "id"))
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.all, func(o order) bool { return err == nil && o.ID == id })
	if i < 0 {
		b.onError(w, r, problem.Sentinel(problem.NotFound, "no such order"))
		return
	}
	b.all = slices.Delete(b.all, i, i+1)
	w.WriteHeader(http.StatusNoContent)
}

var errItem = &problem.Error{Details: problem.New(problem.BadRequest).WithDetail("An order needs a name of 1 to 60 bytes.")}
