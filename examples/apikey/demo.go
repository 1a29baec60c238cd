package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

// This file stands in for a database and for the weather.

type account struct{ Email, Password, Plan string }

var demoAccounts = []account{
	{"alice@example.com", "alice reads the clouds", "partner"},
	{"bob@example.com", "bob forgot his umbrella", "free"},
}

func announce(w io.Writer, url string) {
	fmt.Fprintf(w, "Sallyport API keys: %s\n\n", url)
	for _, a := range demoAccounts {
		fmt.Fprintf(w, "  %-8s %-18s %s\n", a.Plan, a.Email, a.Password)
	}
	fmt.Fprintln(w)
}

// users finds accounts by address and by id.
type users struct {
	hashes map[string]string
	ids    map[string]string

	mu   sync.Mutex
	byID map[string]*auth.Principal
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
		u.byID[id] = &auth.Principal{Subject: id, Roles: []string{a.Plan}, Attributes: map[string]string{"email": a.Email}}
	}
	return u, nil
}

// lookup is what a password.Checker asks: the stored hash, and who it is.
func (u *users) lookup(_ context.Context, login string) (string, *auth.Principal, error) {
	id, ok := u.ids[strings.ToLower(strings.TrimSpace(login))]
	if !ok {
		return "", nil, password.ErrNoAccount
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.hashes[id], u.byID[id], nil
}

// current is what every request asks, of sessions and of keys: the user with the plan
// of today.
func (u *users) current(_ context.Context, p *auth.Principal) (*auth.Principal, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	stored, ok := u.byID[p.Subject]
	if !ok {
		return nil, auth.ErrInvalidCredentials // blocked, or gone
	}
	now := p.Clone()
	now.Roles = stored.Roles
	return now, nil
}

// A meter counts what is to be paid for, by key.
type meter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (m *meter) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		m.mu.Lock()
		m.counts[p.CredentialID]++
		m.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

func (m *meter) show(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	m.mu.Lock()
	n := m.counts[p.CredentialID]
	m.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"key": p.CredentialID, "scopes": p.Scopes, "requests": n}})
}

type reading struct {
	City    string  `json:"city"`
	Celsius float64 `json:"celsius"`
}

// A station knows the temperature, or makes it up.
type station struct {
	onError problem.ErrorHandler

	mu       sync.Mutex
	readings []reading
}

const maxReadings = 100

func (s *station) forecast(w http.ResponseWriter, r *http.Request) {
	city := strings.ToLower(r.PathValue("city"))
	h := fnv.New32a()
	_, _ = io.WriteString(h, city)
	now := reading{city, float64(h.Sum32()%300) / 10}
	s.mu.Lock()
	for _, seen := range s.readings {
		if seen.City == city {
			now = seen
		}
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"data": now})
}

func (s *station) add(w http.ResponseWriter, r *http.Request) {
	var in reading
	if err := readJSON(w, r, &in); err != nil {
		s.onError(w, r, err)
		return
	}
	in.City = strings.ToLower(strings.TrimSpace(in.City))
	if in.City == "" || len(in.City) > 60 || in.Celsius < -90 || in.Celsius > 60 {
		s.onError(w, r, errReading)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readings = append(s.readings, in)
	s.readings = s.readings[max(0, len(s.readings)-maxReadings):]
	writeJSON(w, http.StatusCreated, map[string]any{"data": in})
}

var errReading = &problem.Error{Details: problem.New(problem.BadRequest).WithDetail("A reading needs a city of 1 to 60 bytes, and -90 to 60 degrees.")}
