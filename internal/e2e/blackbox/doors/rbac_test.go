package doors_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	b := running.On(t, "SQLite", nil)
	s := b.Start(t, running.Options{})
	admin := s.Administrator(t)
	customer := s.Member(t, alice, words)
	id := who(t, customer)
	rolesPath := "/api/v1/admin/users/" + id + "/roles"
	corpus.Case(t, "B01", "an administrator names roles that are none: emperor, empty, \"admin \", Admin, *, admin with NUL, a list in a list",
		"400, and the roles stay", func(t *testing.T) {
			for _, role := range []any{"emperor", "", "admin ", " admin", "Admin", "ADMIN", "*", "admin\x00", "admin\n", "admin,customer", "admin customer", "\u0430dmin", 7, nil, true, []string{"admin"}, object{"admin": true}} {
				a := admin.Call(t, "PUT", rolesPath, object{"roles": []any{"customer", role}})
				if a.StatusCode != 400 {
					t.Errorf("%q: %d %s", role, a.StatusCode, a.Text)
				}
			}
			hasRoles(t, customer, "customer")
		})
	corpus.Case(t, "B01", "the same roles written into the database, as by another program",
		"403 wherever a permission is needed", func(t *testing.T) { strangeRoles(t, b, customer, admin, id) })
	corpus.Case(t, "X-B1", "a body that two readers understand in two ways: roles twice, ROLES, null, {}, without a list, with a second object behind it",
		"400, and the roles stay", func(t *testing.T) {
			for _, body := range []string{
				`null`, `{}`, `[]`, `""`, ``, `{"roles":null}`, `{"roles":["customer"],"roles":["admin"]}`, `{"roles":["admin"],"\u0072oles":["customer"]}`, `{"Roles":["admin"]}`, `{"roles":["customer"],"ROLES":["admin"]}`,
				`{"roles":["admin"]}{}`, `{"roles":["admin"]} x`, `{"roles":"admin"}`, `{"roles":["admin"],"id":"x"}`, `{"roles":["admin"]`, `{"roles":{"0":"admin"}}`,
			} {
				if a := admin.Call(t, "PUT", rolesPath, body); a.StatusCode != 400 {
					t.Errorf("%s: %d %s", body, a.StatusCode, a.Text)
				}
			}
			hasRoles(t, customer, "customer")
		})
	corpus.Case(t, "B02", "every guarded route without a credential, and with one that is none; as HTML a page leads to the login",
		"401 with a challenge for each kind of credential, without an error code", func(t *testing.T) { withoutCredential(t, s) })
	corpus.Case(t, "X-B2", "a customer makes himself an administrator: by the route, by the form, by the id in capitals, with the method overridden, with the role in his own request",
		"403 or 404, and the roles stay", func(t *testing.T) {
			for _, c := range []*running.Client{customer, customer.With("X-HTTP-Method-Override", "GET"), customer.With("X-User-Roles", "admin")} {
				c.Want(t, c.Call(t, "PUT", rolesPath, object{"roles": []string{"admin"}}), 403)
				c.Want(t, c.Post(t, "/admin/users/"+id+"/roles", url.Values{"role": {"admin"}}), 403)
				c.Want(t, c.Call(t, "POST", "/api/v1/auth/register", object{"email": mallory, "password": words, "roles": []string{"admin"}}), 400)
			}
			hasRoles(t, customer, "customer")
		})
	corpus.Case(t, "RBA-08", "somebody else's session, key and link by their ids; an order by a customer; the subject in the query",
		"404 (no difference to an id that never was), 403; the owner keeps all of it", func(t *testing.T) { othersObjects(t, s, customer, admin) })
}

// hasRoles fails the test unless those are the roles of the user of c.
func hasRoles(t *testing.T, c *running.Client, want ...string) {
	t.Helper()
	list, _ := c.Call(t, "GET", profile, nil).JSON("data", "roles").([]any)
	var have []string
	for _, v := range list {
		have = append(have, v.(string))
	}
	if strings.Join(have, " ") != strings.Join(want, " ") {
		t.Errorf("roles %q, want %q", have, want)
	}
}

func strangeRoles(t *testing.T, b *running.Backend, customer, admin *running.Client, id string) {
	pool := b.DB.Open(t)
	var before string
	if err := pool.QueryRowContext(t.Context(), "SELECT roles FROM auth_users WHERE id = ?", id).Scan(&before); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"emperor", "", "admin ", " admin", "Admin", "*", "admin\\u0000", "orders:read", "admin,customer", "orders:*"} {
		stored := strings.ReplaceAll(before, "customer", role)
		if _, err := pool.ExecContext(t.Context(), "UPDATE auth_users SET roles = ? WHERE id = ?", stored, id); err != nil {
			t.Fatal(err)
		}
		for _, r := range guarded[2:] {
			if a := customer.Call(t, r.method, r.path, r.body); a.StatusCode < 400 {
				t.Errorf("role %q: %s %s: %d", role, r.method, r.path, a.StatusCode)
			}
		}
		if a := customer.Call(t, "GET", orders, nil); a.StatusCode != 403 {
			t.Errorf("role %q: %d %s", role, a.StatusCode, a.Text)
		}
	}
	setRoles(t, admin, id, "customer")
	hasRoles(t, customer, "customer")
}

func withoutCredential(t *testing.T, s *running.Server) {
	for _, r := range append(append([]route{}, accountChanges...), guarded...) {
		for _, header := range []http.Header{{}, {"Cookie": {"session=x; session=y"}}, {"Authorization": {"Basic YTpi"}}} {
			c := s.Client()
			c.Header = header
			a := c.Call(t, r.method, r.path, r.body)
			challenges := strings.Join(a.Header.Values("WWW-Authenticate"), "; ")
			if a.StatusCode != 401 || a.Code() != "UNAUTHENTICATED" || !strings.Contains(challenges, "Bearer") || !strings.Contains(challenges, "ApiKey") || strings.Contains(challenges, "error") {
				t.Errorf("%s %s: %d %s %q", r.method, r.path, a.StatusCode, a.Text, challenges)
			}
		}
	}
	for _, path := range pages {
		c := s.Client()
		if a := c.Want(t, c.Page(t, path), 303); !strings.HasPrefix(a.Header.Get("Location"), "/login?return_to=") {
			t.Errorf("%s leads to %q", path, a.Header.Get("Location"))
		}
		c.Want(t, c.Call(t, "GET", path, nil), 401)
	}
}

func othersObjects(t *testing.T, s *running.Server, customer, admin *running.Client) {
	list, _ := admin.Want(t, admin.Call(t, "GET", "/api/v1/sessions", nil), 200).JSON("data").([]any)
	theirs, _ := list[0].(map[string]any)["id"].(string)
	made := admin.Want(t, admin.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}}), 201)
	order := admin.Want(t, admin.Call(t, "POST", orders, object{"item": "tea"}), 201).String("data", "id")
	for _, path := range []string{"/api/v1/sessions/", apiKeys + "/", "/api/v1/links/"} {
		id := theirs
		if path == apiKeys+"/" {
			id = made.String("id")
		}
		real, never := customer.Call(t, "DELETE", path+id, nil), customer.Call(t, "DELETE", path+strings.Repeat("A", len(id)), nil)
		if real.StatusCode != never.StatusCode || real.Text != never.Text || real.StatusCode == 200 {
			t.Errorf("%s: %d %s, and for an id that never was %d %s", path, real.StatusCode, real.Text, never.StatusCode, never.Text)
		}
	}
	customer.Want(t, customer.Call(t, "DELETE", orders+"/"+order, nil), 403)
	me := who(t, customer)
	for _, q := range []string{"?id=", "?subject=", "?user=", "?userId="} {
		a := customer.Want(t, customer.Call(t, "GET", profile+q+who(t, admin), nil), 200)
		if a.String("data", "id") != me {
			t.Error(a.Text)
		}
	}
	admin.Want(t, admin.Call(t, "GET", profile, nil), 200)
	script := s.Key(made.String("key"))
	script.Want(t, script.Call(t, "GET", orders, nil), 200)
}

func TestRolesUnderLoad(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"SQLite", "PostgreSQL"} {
		corpus.Case(t, "B04", "the role is removed during 1,000 requests, by session, token and key, 8 at a time, on "+kind,
			"no success that starts after the removal was answered", func(t *testing.T) {
				var redis *redistest.Server
				if kind != "SQLite" {
					redis = redistest.Start(t)
				}
				s := running.On(t, kind, redis).Start(t, running.Options{})
				admin, c := s.Administrator(t), s.Member(t, alice, words)
				id := who(t, c)
				_, token := s.TokenFor(t, alice, words)
				for name, by := range map[string]*running.Client{"session": c, "token": s.Bearer(token), "key": key(t, c, "orders:read")} {
					setRoles(t, admin, id, "customer")
					late, before := underLoad(t, 334, by, func() int {
						setRoles(t, admin, id)
						return 403
					})
					if late != 0 || before == 0 {
						t.Errorf("%s: %d were not refused after it; %d succeeded before", name, late, before)
					}
				}
			})
	}
}
