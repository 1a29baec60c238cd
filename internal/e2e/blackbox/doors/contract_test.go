package doors_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// TestContract is the contract of the reference server, for the routes of this package,
// on every kind of backend.
func TestContract(t *testing.T) {
	t.Parallel()
	running.Each(t, func(t *testing.T, b *running.Backend) {
		s := openOn(t, b)
		p := &people{site: s, admin: s.Administrator(t), customer: s.Member(t, alice, words)}
		p.id = who(t, p.customer)
		_, p.token = s.TokenFor(t, alice, words)
		p.key = keyText(t, p.customer, "orders:read")
		on := " on " + b.Name
		corpus.Case(t, "contract GET /api/v1/profile", "by session, Bearer, X-API-Key and nothing"+on, "200 with {id,email,roles,method} of each kind; 401 UNAUTHENTICATED", p.profile)
		corpus.Case(t, "contract /api/v1/sessions", "list, end one, end all others"+on, "200 with seven members, one current; 204; 204; a key 403", p.sessions)
		corpus.Case(t, "contract /api/v1/api-keys", "create, list, revoke, twice"+on, "201 with the key, never again; 200; 204; a key 403; an unknown id 404", p.apiKeys)
		corpus.Case(t, "contract /api/v1/orders", "list, place, delete, by each role and each kind of credential"+on, "200, 201, 204; 403 without the permission, 400, 404, 415, 413", p.orders)
		corpus.Case(t, "contract /api/v1/admin", "users and roles, at the next request, by session and Bearer"+on, "200; 403, 404, 400; a key may read and not write", p.administration)
		corpus.Case(t, "contract account changes", "every route that changes an account, by a key"+on, "403 FORBIDDEN", func(t *testing.T) {
			script := s.Key(p.key)
			for _, r := range accountChanges {
				script.Want(t, script.Call(t, r.method, r.path, r.body), 403, "FORBIDDEN")
			}
		})
		corpus.Case(t, "contract GET /api/v1/auth/{provider}", "both providers there and back; one that is not configured"+on, "303 to the provider, 200 with {id,email,roles} and a session; 404", p.providers)
		corpus.Case(t, "contract GET /.well-known/jwks.json", "as the access tokens name it"+on, "200 with the public key of the kid, no private member, to be cached", p.jwks)
		corpus.Case(t, "contract GET /healthz", "as a visitor, with a bad token"+on, `200 {"status":"ok"}`, func(t *testing.T) {
			for _, c := range []*running.Client{s.Client(), s.Bearer("x")} {
				a := c.Want(t, c.Call(t, "GET", "/healthz", nil), 200)
				members(t, a.JSON(), "status")
			}
		})
		corpus.Case(t, "contract GET /dev/mailbox", "after two mails"+on, "200 with {kind,to,subject,body,token}, the newest first", p.mailbox)
		corpus.Case(t, "X-T4", "NUL, half a character and 60 KB in every id of a path, in every name that is kept, in the query"+on, "4xx or as an id that is not there, and never 5xx: what a database refuses is no outage", p.unstorable)
	})
	corpus.Case(t, "contract GET /dev/mailbox", "on a server that is not for development", "404", func(t *testing.T) {
		s := running.On(t, "SQLite", nil).Start(t, running.Options{
			Args: []string{"-dev", "false", "-base-url", "https://app.example.com"}, Env: []string{"SMTP_URL=smtp://127.0.0.1:1?from=no-reply@example.com"},
		})
		c := s.Client()
		c.Want(t, c.Call(t, "GET", "/dev/mailbox", nil), 404)
		c.Want(t, c.Page(t, "/dev/mailbox"), 404)
	})
}

// people are who use a site.
type people struct {
	*site
	admin, customer *running.Client
	id, token, key  string // of the customer
}

// members fails the test unless v is an object with these members and no others.
func members(t *testing.T, v any, names ...string) {
	t.Helper()
	object, _ := v.(map[string]any)
	have := slices.Sorted(maps.Keys(object))
	slices.Sort(names)
	if !slices.Equal(have, names) {
		t.Errorf("members %q, want %q", have, names)
	}
}

// list returns the objects of a member data, or fails the test.
func list(t *testing.T, a *running.Answer) (objects []map[string]any) {
	t.Helper()
	members(t, a.JSON(), "data")
	all, ok := a.JSON("data").([]any)
	if !ok {
		t.Fatalf("data is no list: %s", a.Text)
	}
	for _, v := range all {
		m, _ := v.(map[string]any)
		objects = append(objects, m)
	}
	return objects
}

func isJSON(t *testing.T, a *running.Answer) {
	t.Helper()
	if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: %v", a.Request.URL.Path, a.Header)
	}
}

func (p *people) profile(t *testing.T) {
	for method, c := range map[string]*running.Client{"session": p.customer, "jwt": p.Bearer(p.token), "apikey": p.Key(p.key)} {
		a := c.Want(t, c.Call(t, "GET", profile, nil), 200)
		isJSON(t, a)
		members(t, a.JSON(), "data")
		members(t, a.JSON("data"), "id", "email", "roles", "method")
		if a.String("data", "id") != p.id || a.String("data", "email") != alice || a.String("data", "method") != method {
			t.Errorf("by %s: %s", method, a.Text)
		}
		hasRoles(t, c, "customer")
	}
	c := p.Client()
	c.Want(t, c.Call(t, "GET", profile, nil), 401, "UNAUTHENTICATED")
}

func (p *people) sessions(t *testing.T) {
	const path = "/api/v1/sessions"
	second, third := p.Login(t, alice, words), p.Login(t, alice, words)
	own := ""
	for _, c := range []*running.Client{p.customer, p.Bearer(p.token)} {
		a := c.Want(t, c.Call(t, "GET", path, nil), 200)
		isJSON(t, a)
		all, current := list(t, a), 0
		for _, m := range all {
			members(t, m, "id", "current", "created_at", "last_seen_at", "expires_at", "address", "user_agent")
			if m["current"] == true {
				current++
			}
			for _, name := range []string{"created_at", "last_seen_at", "expires_at"} {
				if at, err := time.Parse(time.RFC3339, m[name].(string)); err != nil || at.Location() != time.UTC {
					t.Errorf("%s: %v", name, m[name])
				}
			}
		}
		if want := map[bool]int{true: 1}[c == p.customer]; len(all) != 3 || current != want {
			t.Errorf("%d sessions, %d current, want %d", len(all), current, want)
		}
	}
	for _, m := range list(t, second.Call(t, "GET", path, nil)) {
		if m["current"] == true {
			own, _ = m["id"].(string)
		}
	}
	p.customer.Want(t, p.customer.Call(t, "DELETE", path+"/"+own, nil), 204)
	visitor(t, second)
	third.Want(t, third.Call(t, "GET", profile, nil), 200)
	if a := p.customer.Want(t, p.customer.Call(t, "DELETE", path, nil), 204); a.Text != "" {
		t.Errorf("204 with %q", a.Text)
	}
	visitor(t, third)
	p.customer.Want(t, p.customer.Call(t, "GET", profile, nil), 200)
	script := p.Key(p.key)
	script.Want(t, script.Call(t, "GET", path, nil), 403, "FORBIDDEN")
	_, p.token = p.TokenFor(t, alice, words) // "all others" has ended that one as well
}

func (p *people) jwks(t *testing.T) {
	c := p.Client()
	a := c.Want(t, c.Call(t, "GET", "/.well-known/jwks.json", nil), 200)
	members(t, a.JSON(), "keys")
	if a.Header.Get("Content-Type") != "application/jwk-set+json" || !strings.Contains(a.Header.Get("Cache-Control"), "max-age=") || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("%v", a.Header)
	}
	head, err := decodeSegment(strings.Split(p.token, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var header struct{ KID, ALG string }
	if err := json.Unmarshal(head, &header); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, v := range a.JSON("keys").([]any) {
		k := v.(map[string]any)
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
			if _, there := k[private]; there {
				t.Errorf("a key has the member %q", private)
			}
		}
		found = found || k["kid"] == header.KID && k["alg"] == header.ALG
	}
	if !found {
		t.Errorf("no key %q %s in %s", header.KID, header.ALG, a.Text)
	}
}

func (p *people) mailbox(t *testing.T) {
	for _, to := range []string{"one@example.com", "two@example.com"} {
		c := p.Client()
		c.Want(t, c.Call(t, "POST", "/api/v1/auth/register", running.Credentials(to, words)), 202)
		p.Token(t, to, "")
	}
	c := p.Client()
	a := c.Want(t, c.Call(t, "GET", "/dev/mailbox", nil), 200)
	all, _ := a.JSON().([]any)
	if len(all) < 3 { // with that of alice
		t.Fatalf("%d mails", len(all))
	}
	for i, to := range []string{"two@example.com", "one@example.com"} {
		m, _ := all[i].(map[string]any)
		members(t, m, "kind", "to", "subject", "body", "token")
		if text, _ := m["body"].(string); m["to"] != to || !strings.Contains(text, p.Base+"/verify-email?token=") {
			t.Errorf("mail %d: %v", i, m)
		}
	}
}
