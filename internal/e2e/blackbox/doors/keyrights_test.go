package doors_test

import (
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

func TestKeyRights(t *testing.T) {
	t.Parallel()
	b := running.On(t, "SQLite", nil)
	s := b.Start(t, running.Options{})
	admin := s.Administrator(t)
	owner := s.Member(t, alice, words)
	id := who(t, owner)
	setRoles(t, admin, id, "manager")
	corpus.Case(t, "K02", "a key that is revoked, expired, without the scope, of a demoted owner, of a disabled and of a deleted one",
		"401, 401, 403, 403, 401, 401", func(t *testing.T) { endedKeys(t, b, s, admin) })
	corpus.Case(t, "K03", "a key for somebody else by userId, subject, owner in the body; a key by a key; scopes that the owner has not, wildcards, none, 100 of them",
		"400 or 403 or 422, no key", func(t *testing.T) { otherKeys(t, s, owner, admin) })
	corpus.Case(t, "KEY-07", "a key on every route that changes an account, in the API and as a form of the pages; with all scopes that its owner may give",
		"403, and nothing changes", func(t *testing.T) { keyIsNoPerson(t, s, owner, admin) })
	corpus.Case(t, "X-K1", "an administrator's key posts the form of the page that changes roles, ends sessions, opens the account page",
		"403: what the API refuses to a key no form does", func(t *testing.T) {
			script := key(t, admin, "users:read", "users:write", "orders:read")
			for _, path := range []string{"/admin/users/" + id + "/roles", "/account/sessions/end-others", "/account/sessions/x/end", "/orders"} {
				script.Want(t, script.Post(t, path, url.Values{"role": {"admin"}, "item": {"tea"}}), 403)
			}
			for _, path := range []string{"/account", "/admin", "/orders", "/account/prove"} {
				script.Want(t, script.Page(t, path), 403)
			}
			if a := owner.Call(t, "GET", profile, nil); a.Text == "" || a.StatusCode != 200 || len(a.JSON("data", "roles").([]any)) != 1 {
				t.Error(a.Text)
			}
			admin.Want(t, admin.Call(t, "GET", profile, nil), 200)
		})
	corpus.Case(t, "K04", "one route by session, Bearer and X-API-Key, for what the owner may and may not do",
		"the same status for all three", func(t *testing.T) { sameResult(t, s, owner) })
	corpus.Case(t, "K05", "a bad key with a good cookie, a bad token with a good key or cookie, a good key with a bad cookie, a good token with a bad key",
		"401 for a bad header, whatever is beside it; a bad cookie is none; a good token decides before a key", func(t *testing.T) { mixedCredentials(t, s, owner) })
	corpus.Case(t, "X-K2", "50 rotations of one key at once, by the owner; and one of somebody else's key",
		"one 201, the others 409 or 404; 404; the old key dies with an overlap of 0", func(t *testing.T) { rotations(t, owner, admin) })
	corpus.Case(t, "X-K3", "a key is revoked while 300 requests use it",
		"no success that starts after the revocation was answered", func(t *testing.T) { revokedUnderLoad(t, owner) })
}

func endedKeys(t *testing.T, b *running.Backend, s *running.Server, admin *running.Client) {
	owner := s.Member(t, bob, words)
	id := who(t, owner)
	read := func(c *running.Client, status int, code ...string) {
		t.Helper()
		c.Want(t, c.Call(t, "GET", orders, nil), status, code...)
	}
	made := owner.Want(t, owner.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}}), 201)
	revoked := s.Key(made.String("key"))
	read(revoked, 200)
	owner.Want(t, owner.Call(t, "DELETE", apiKeys+"/"+made.String("id"), nil), 204)
	read(revoked, 401, "API_KEY_REVOKED")

	short := s.Key(owner.Want(t, owner.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}, "expires_in": 1}), 201).String("key"))
	for end := time.Now().Add(endsWithin); ; {
		a := short.Call(t, "GET", orders, nil)
		if a.StatusCode == 401 && a.Code() == "API_KEY_EXPIRED" {
			break
		}
		if a.StatusCode != 200 || time.Now().After(end) {
			t.Fatalf("%d %s", a.StatusCode, a.Text)
		}
		<-time.After(20 * time.Millisecond)
	}
	setRoles(t, admin, id, "manager")
	reads, both := key(t, owner, "orders:read"), key(t, owner, "orders:read", "orders:write")
	reads.Want(t, reads.Call(t, "POST", orders, object{"item": "tea"}), 403)
	both.Want(t, both.Call(t, "POST", orders, object{"item": "tea"}), 201)
	setRoles(t, admin, id, "customer")
	both.Want(t, both.Call(t, "POST", orders, object{"item": "tea"}), 403)
	setRoles(t, admin, id)
	read(both, 403)
	setRoles(t, admin, id, "customer")
	read(both, 200)

	pool := b.DB.Open(t) // the contract has no route that disables somebody
	for _, disabled := range []bool{true, false} {
		if _, err := pool.ExecContext(t.Context(), "UPDATE auth_users SET disabled = ? WHERE id = ?", disabled, id); err != nil {
			t.Fatal(err)
		}
		if disabled {
			read(both, 401)
			owner.Want(t, owner.Call(t, "GET", profile, nil), 401)
		}
	}
	read(both, 200)
	gone := s.Login(t, bob, words)
	gone.Want(t, gone.Post(t, "/account/delete", url.Values{"password": {words}}), 303)
	read(both, 401)
}

func otherKeys(t *testing.T, s *running.Server, owner, admin *running.Client) {
	victim := who(t, admin)
	count := func() int {
		list, _ := owner.Call(t, "GET", apiKeys, nil).JSON("data").([]any)
		others, _ := admin.Call(t, "GET", apiKeys, nil).JSON("data").([]any)
		return len(list) + len(others)
	}
	before := count()
	for _, name := range []string{"userId", "user_id", "subject", "owner", "id", "key", "prefix", "Name", "roles"} {
		owner.Want(t, owner.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}, name: victim}), 400)
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = "orders:read" + strconv.Itoa(i)
	}
	for _, scopes := range [][]string{{"orders:delete"}, {"users:write"}, {"*"}, {"orders:*"}, {"orders:read", "*:*"}, {}, many, {"orders:read "}, {"ORDERS:READ"}, {""}, {"admin"}, {"orders:read orders:delete"}} {
		a := owner.Call(t, "POST", apiKeys, object{"name": "n", "scopes": scopes})
		if a.StatusCode != 403 && a.StatusCode != 422 {
			t.Errorf("%.60q: %d %s", scopes, a.StatusCode, a.Text)
		}
	}
	for _, body := range []string{`null`, `{}`, `[]`, `{"name":"n","scopes":["orders:read"],"scopes":["orders:write"]}`, `{"name":"n","scopes":["orders:read"],"expires_in":-1}`, `{"name":"n","scopes":["orders:read"],"expires_in":0}`,
		`{"name":"n","scopes":["orders:read"],"expires_in":9223372036854775807}`, `{"name":"n","scopes":["orders:read"],"expires_in":1e3}`, `{"name":"a\u0000","scopes":["orders:read"]}`, `{"name":"a\r\nX: y","scopes":["orders:read"]}`} {
		a := owner.Call(t, "POST", apiKeys, body)
		if a.StatusCode != 400 && a.StatusCode != 422 {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.Text)
		}
	}
	if n := count(); n != before {
		t.Errorf("%d keys were made", n-before)
	}
	script := key(t, owner, "orders:read", "orders:write")
	script.Want(t, script.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}}), 403)
	theirs := admin.Want(t, admin.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}}), 201)
	for _, id := range []string{theirs.String("id"), theirs.String("id") + "x", "%00", "%ff", "*"} {
		owner.Want(t, owner.Call(t, "DELETE", apiKeys+"/"+url.PathEscape(id), nil), 404)
	}
	admin.Want(t, s.Key(theirs.String("key")).Call(t, "GET", orders, nil), 200)
}

func keyIsNoPerson(t *testing.T, s *running.Server, owner, admin *running.Client) {
	before := owner.Want(t, owner.Call(t, "GET", "/api/v1/sessions", nil), 200)
	script := key(t, owner, "orders:read", "orders:write")
	for _, c := range accountChanges {
		a := script.Call(t, c.method, c.path, c.body)
		if a.StatusCode != 403 {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.StatusCode, a.Text)
		}
	}
	for _, path := range []string{"password", "email", "delete", "factor/enable", "factor/verify", "factor/disable", "factor/codes", "devices/forget", "keys", "keys/x/revoke", "sessions/x/end", "sessions/end-others"} {
		a := script.Post(t, "/account/"+path, url.Values{"current_password": {words}, "password": {words + " 2"}, "email": {mallory}, "name": {"n"}, "scope": {"orders:read"}})
		if a.StatusCode != 403 {
			t.Errorf("/account/%s: %d", path, a.StatusCode)
		}
	}
	if a := owner.Want(t, owner.Call(t, "GET", "/api/v1/sessions", nil), 200); len(a.JSON("data").([]any)) != len(before.JSON("data").([]any)) {
		t.Error("a session has ended")
	}
	s.Login(t, alice, words)
	wide := key(t, admin, "users:write", "users:read")
	wide.Want(t, wide.Call(t, "PUT", "/api/v1/admin/users/"+who(t, owner)+"/roles", object{"roles": []string{"admin"}}), 403)
	wide.Want(t, wide.Call(t, "GET", "/api/v1/admin/users", nil), 200)
}

func sameResult(t *testing.T, s *running.Server, owner *running.Client) {
	_, token := s.TokenFor(t, alice, words)
	script := key(t, owner, "orders:read", "orders:write")
	for _, r := range []struct {
		method, path string
		in           any
		status       int
	}{
		{"GET", profile, nil, 200}, {"GET", orders, nil, 200}, {"POST", orders, object{"item": "tea"}, 201}, {"DELETE", orders + "/x", nil, 403},
		{"GET", "/api/v1/admin/users", nil, 403}, {"GET", "/api/v1/admin/audit", nil, 403}, {"PUT", "/api/v1/admin/users/x/roles", object{"roles": []string{}}, 403}, {"GET", "/api/v1/nothing", nil, 404},
	} {
		for name, c := range map[string]*running.Client{"session": owner, "bearer": s.Bearer(token), "key": script} {
			if a := c.Call(t, r.method, r.path, r.in); a.StatusCode != r.status {
				t.Errorf("%s %s by %s: %d %s", r.method, r.path, name, a.StatusCode, a.Text)
			}
		}
	}
}

func mixedCredentials(t *testing.T, s *running.Server, owner *running.Client) {
	_, token := s.TokenFor(t, alice, words)
	text := keyText(t, owner, "orders:read")
	badKey := unknown(text)
	for name, k := range map[string]struct {
		key, authorization, cookie string // cookie: "good" or a value
		status                     int
		method                     string
	}{
		"bad key, good cookie":       {badKey, "", "good", 401, ""},
		"malformed key, good cookie": {"x", "", "good", 401, ""},
		"bad token, good cookie":     {"", "Bearer x", "good", 401, ""},
		"bad token, good key":        {text, "Bearer x", "", 401, ""},
		"bad token, bad key":         {badKey, "Bearer x", "good", 401, ""},
		"good key, bad cookie":       {text, "", "session=AAAAAAAAAAAAAAAAAAAAAA", 200, "apikey"},
		"good token, bad cookie":     {"", "Bearer " + token, "session=x", 200, "jwt"},
		"good token, bad key":        {badKey, "Bearer " + token, "", 200, "jwt"},
		"good key, good cookie":      {text, "", "good", 200, "apikey"},
		"all three":                  {text, "Bearer " + token, "good", 200, "jwt"},
		"another scheme, good key":   {text, "Basic YTpi", "", 200, "apikey"},
	} {
		c := s.Client()
		if k.cookie == "good" {
			c = &running.Client{HTTP: owner.HTTP, Header: http.Header{}, Server: s}
		} else if k.cookie != "" {
			c = c.With("Cookie", k.cookie)
		}
		if k.key != "" {
			c = c.With("X-API-Key", k.key)
		}
		if k.authorization != "" {
			c = c.With("Authorization", k.authorization)
		}
		if a := c.Call(t, "GET", profile, nil); a.StatusCode != k.status || a.String("data", "method") != k.method {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
	}
}

func rotations(t *testing.T, owner, admin *running.Client) {
	first := owner.Want(t, owner.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}}), 201)
	path := apiKeys + "/" + first.String("id") + "/rotate"
	admin.Want(t, admin.Call(t, "POST", path, object{}), 404)
	var made, others atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			a, err := owner.Try(t, "POST", path, http.Header{"Content-Type": {"application/json"}}, body(`{"overlap":0}`))
			if err == nil && a.StatusCode == 201 {
				made.Add(1)
			}
			if err == nil && (a.StatusCode == 409 && a.Code() == "API_KEY_ROTATED" || a.StatusCode == 404) { // which has ended
				others.Add(1)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || others.Load() != 49 {
		t.Errorf("%d rotated, %d refused", made.Load(), others.Load())
	}
	old := owner.Server.Key(first.String("key"))
	old.Want(t, old.Call(t, "GET", orders, nil), 401)
}

func revokedUnderLoad(t *testing.T, owner *running.Client) {
	made := owner.Want(t, owner.Call(t, "POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}}), 201)
	script := owner.Server.Key(made.String("key"))
	late, before := underLoad(t, 300, script, func() int {
		owner.Want(t, owner.Call(t, "DELETE", apiKeys+"/"+made.String("id"), nil), 204)
		return 401
	})
	if late != 0 || before == 0 {
		t.Errorf("%d of those that began after the revocation were not refused; %d succeeded before", late, before)
	}
}
