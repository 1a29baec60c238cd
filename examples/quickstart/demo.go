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

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

// This file stands in for a database: three accounts and a list of orders.

type account struct{ Email, Password, Role string }

var demoAccounts = []account{
	{"alice@example.com", "alice keeps the keys", "admin"},
	{"bob@example.com", "bob minds the store", "manager"},
	{"carol@example.com", "carol only looks around", "customer"},
}

func announce(w io.Writer, url string) {
	fmt.Fprintf(w, "Sallyport quickstart on %s\n\n", url)
	for _, a := range demoAccounts {
		fmt.Fprintf(w, "  %-9s %-18s %s\n", a.Role, a.Email, a.Password)
	}
	fmt.Fprintln(w)
}

type user struct {
	hash      string
	principal *auth.Principal
}

type users map[string]user

// newUsers hashes the demo passwords, as a registration would.
func newUsers() (users, error) {
	hasher, err := password.NewArgon2id(password.Argon2idConfig{})
	if err != nil {
		return nil, err
	}
	u := make(users)
	for i, a := range demoAccounts {
		hash, err := hasher.Hash(context.Background(), a.Password)
		if err != nil {
			return nil, err
		}
		u[a.Email] = user{hash, &auth.Principal{
			Subject:    strconv.Itoa(i + 1), // an id that never changes; an e-mail address can
			Roles:      []string{a.Role},
			Attributes: map[string]string{"email": a.Email},
		}}
	}
	return u, nil
}

// lookup is what a password.Checker asks: the stored hash, and who it is.
func (u users) lookup(_ context.Context, login string) (string, *auth.Principal, error) {
	found, ok := u[strings.ToLower(strings.TrimSpace(login))]
	if !ok {
		return "", nil, password.ErrNoAccount
	}
	return found.hash, found.principal, nil
}

type order struct {
	ID   int
	Item string
}

type orderBook struct {
	policy  *rbac.Policy
	onError problem.ErrorHandler

	mu   sync.Mutex
	last int
	all  []order
}

const maxOrders = 50

func (b *orderBook) list(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	orders := slices.Clone(b.all)
	b.mu.Unlock()
	render(w, r, http.StatusOK, "orders", view{Title: "Orders", Data: map[string]any{
		"Orders":    orders,
		"MayWrite":  b.policy.Can(r.Context(), "orders:write"), // what a button shows, the route enforces
		"MayDelete": b.policy.Can(r.Context(), "orders:delete"),
	}})
}

func (b *orderBook) add(w http.ResponseWriter, r *http.Request) {
	item := strings.TrimSpace(r.PostFormValue("item"))
	if item == "" || len(item) > 60 {
		b.onError(w, r, errItem)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	b.all = append(b.all, order{b.last, item})
	b.all = b.all[max(0, len(b.all)-maxOrders):]
	http.Redirect(w, r, "/orders", http.StatusSeeOther)
}

func (b *orderBook) remove(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.all, func(o order) bool { return err == nil && o.ID == id })
	if i < 0 {
		b.onError(w, r, problem.Sentinel(problem.NotFound, "no such order"))
		return
	}
	b.all = slices.Delete(b.all, i, i+1)
	http.Redirect(w, r, "/orders", http.StatusSeeOther)
}

var errItem = &problem.Error{Details: problem.New(problem.BadRequest).WithDetail("An order needs a name of 1 to 60 bytes.")}
