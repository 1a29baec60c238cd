package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	usersql "github.com/go-sallyport/auth/password/sqlstore"
)

func TestLastAdministrator(t *testing.T) {
	s := start(t)
	c, admin := s.member(alice, first), s.administrator()
	id := func(c *caller) string { return c.want(c.call("GET", "/api/v1/profile", nil), 200).text("data", "id") }
	rolesOf := func(who string) string { return "/api/v1/admin/users/" + who + "/roles" }
	root := id(admin)

	t.Run("the role cannot be given up", func(t *testing.T) {
		for _, names := range [][]string{{}, {"customer"}, {"manager", "customer"}} {
			a := admin.want(admin.call("PUT", rolesOf(root), object{"roles": names}), 409, "LAST_ADMINISTRATOR")
			if !strings.HasSuffix(a.text("type"), "README.md#last_administrator") {
				t.Error(a.body)
			}
		}
		a := admin.want(admin.post("/admin/users/"+root+"/roles", url.Values{"user": {root}, "role": {"customer"}}), 409)
		if !strings.Contains(a.body, "Make somebody else an administrator first.") {
			t.Error(a.body)
		}
		admin.want(admin.call("PUT", rolesOf(root), object{"roles": []string{"admin", "customer"}}), 200) // is no less
		admin.want(admin.call("GET", "/api/v1/admin/users", nil), 200)
	})
	t.Run("the account cannot be deleted, and nothing of it ends", func(t *testing.T) {
		a := admin.want(admin.post("/account/delete", url.Values{"password": {s.admin}}), 409)
		if !strings.Contains(a.body, "Make somebody else an administrator first.") {
			t.Error(a.body)
		}
		admin.want(admin.call("POST", "/account/delete", object{"password": s.admin}), 409, "LAST_ADMINISTRATOR")
		admin.want(admin.call("GET", "/api/v1/admin/users", nil), 200)
	})
	t.Run("it cannot be disabled", func(t *testing.T) {
		if err := s.service.stores.users.SetDisabled(t.Context(), root, true); !errors.Is(err, errLastAdministrator) {
			t.Error(err)
		}
		admin.want(admin.call("GET", "/api/v1/admin/users", nil), 200)
	})
	t.Run("somebody who is disabled is no other one", func(t *testing.T) {
		bob := s.member("bob@example.com", first)
		other := id(bob)
		admin.want(admin.call("PUT", rolesOf(other), object{"roles": []string{"admin"}}), 200)
		if err := s.service.stores.users.SetDisabled(t.Context(), other, true); err != nil {
			t.Fatal(err)
		}
		bob.want(bob.call("GET", "/api/v1/profile", nil), 401)
		admin.want(admin.call("PUT", rolesOf(root), object{"roles": []string{}}), 409, "LAST_ADMINISTRATOR")
		admin.want(admin.call("PUT", rolesOf(other), object{"roles": []string{}}), 200)
	})
	t.Run("with another one all of it works", func(t *testing.T) {
		her := id(c)
		a := admin.want(admin.call("PUT", rolesOf(her), object{"roles": []string{"admin", "customer", "admin"}}), 200)
		if !strings.Contains(a.body, `"roles":["admin","customer"]`) { // each once
			t.Error(a.body)
		}
		c.want(c.call("PUT", rolesOf(root), object{"roles": []string{"customer"}}), 200)
		admin.want(admin.call("GET", "/api/v1/admin/users", nil), 403)
		c.want(c.call("PUT", rolesOf(root), object{"roles": []string{"admin"}}), 200)
		c.want(c.post("/account/delete", url.Values{"password": {first}}), 303)
		c.want(c.call("GET", "/api/v1/profile", nil), 401)
		admin.want(admin.call("PUT", rolesOf(root), object{"roles": []string{}}), 409, "LAST_ADMINISTRATOR")
	})
}

// Who is the last one only after keepLast has looked is refused by the store.
func TestLastAdministratorDeletesLate(t *testing.T) {
	s := start(t)
	admin := s.administrator()
	p := &auth.Principal{
		Subject: admin.call("GET", "/api/v1/profile", nil).text("data", "id"), Method: auth.MethodSession, AuthenticatedAt: time.Now(),
	}
	r := httptest.NewRequestWithContext(auth.NewContext(t.Context(), p), "POST", s.url+"/account/delete", strings.NewReader(`{"password":"`+s.admin+`"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.service.accounts.Delete().ServeHTTP(w, r)
	if w.Code != 409 || !strings.Contains(w.Body.String(), `"LAST_ADMINISTRATOR"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	again := s.administrator()
	again.want(again.call("GET", "/api/v1/admin/users", nil), 200)
}

// Two processes are two stores on one database: what they know of each other is in it.
func TestLastAdministratorRace(t *testing.T) {
	onDatabases(t, func(t *testing.T, db string) {
		processes := []*service{}
		for range 2 {
			processes = append(processes, &service{stores: opened(t, db), onEvent: func(context.Context, auth.Event) {}})
		}
		users := processes[0].stores.users
		administrator := func(t *testing.T, id string) {
			t.Helper()
			email := id + "@example.com"
			if _, err := users.Create(t.Context(), account.User{ID: id, Email: email, Canonical: email, Roles: []string{"admin", "customer"}, CreatedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		left := func(t *testing.T) (n int) {
			t.Helper()
			list, err := users.List(t.Context(), "", 1000)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range list {
				for _, name := range u.Roles {
					if name == "admin" && !u.Disabled {
						n++
					}
				}
			}
			return n
		}
		clear := func(t *testing.T) {
			t.Helper()
			if err := processes[0].stores.exec(t.Context(), "DELETE FROM auth_users"); err != nil {
				t.Fatal(err)
			}
		}
		t.Run("two take the role from each other", func(t *testing.T) {
			for round := range 30 {
				clear(t)
				administrator(t, "a")
				administrator(t, "b")
				var errs [2]error
				var both sync.WaitGroup
				for i, id := range []string{"a", "b"} {
					ctx := auth.NewContext(t.Context(), &auth.Principal{Subject: []string{"b", "a"}[i]})
					both.Go(func() { errs[i] = processes[i].changeRoles(ctx, id, []string{"customer"}) })
				}
				both.Wait()
				if n := left(t); n != 1 || (errs[0] == nil) == (errs[1] == nil) {
					t.Fatalf("round %d: %d administrators are left, %v, %v", round, n, errs[0], errs[1])
				}
				for _, err := range errs {
					if err != nil && !errors.Is(err, errLastAdministrator) {
						t.Errorf("round %d: %v", round, err)
					}
				}
			}
		})
		t.Run("hundreds leave at once, in every way", func(t *testing.T) {
			const all = 200
			clear(t)
			for i := range all {
				administrator(t, fmt.Sprint(i))
			}
			var gone, last, busy atomic.Int32
			var crowd sync.WaitGroup
			for i := range all {
				crowd.Go(func() {
					ctx := auth.NewContext(t.Context(), &auth.Principal{Subject: fmt.Sprint(i)})
					p := processes[i%2]
					var err error
					switch i % 3 {
					case 0:
						err = p.changeRoles(ctx, fmt.Sprint(i), nil)
					case 1:
						err = p.stores.users.Delete(ctx, fmt.Sprint(i))
					case 2:
						err = p.stores.users.SetDisabled(ctx, fmt.Sprint(i), true)
					}
					switch {
					case err == nil:
						gone.Add(1)
					case errors.Is(err, errLastAdministrator):
						last.Add(1)
					default: // that took too long: with SQLite they wait for the file as well
						busy.Add(1)
					}
				})
			}
			crowd.Wait()
			n := left(t)
			if n == 0 || last.Load() > 1 || gone.Load() == 0 || busy.Load() == 0 && n != 1 {
				t.Errorf("%d administrators are left; %d went, %d was the last, %d took too long", n, gone.Load(), last.Load(), busy.Load())
			}
			t.Logf("%d went, %d took too long", gone.Load(), busy.Load())
		})
	})
}

// Who is gone cannot try again: a deletion that fails leaves the user.
func TestDeleteIsOneStep(t *testing.T) {
	onDatabases(t, func(t *testing.T, db string) {
		s := opened(t, db)
		for _, id := range []string{"7", "8"} {
			u := account.User{ID: id, Email: id + "@example.com", Canonical: id + "@example.com", CreatedAt: time.Now()}
			if _, err := s.users.Create(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			if _, err := s.tokens.Issue(t.Context(), id, password.PurposeReset, ""); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // a repeat finds nobody, which is no error
			if err := s.users.Delete(t.Context(), "7"); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, s, "auth_user_tokens WHERE subject = '7'"); n != 0 {
			t.Errorf("%d tokens are left", n)
		}
		if err := s.exec(t.Context(), "ALTER TABLE auth_user_tokens RENAME TO elsewhere"); err != nil {
			t.Fatal(err)
		}
		if err := s.users.Delete(t.Context(), "8"); err == nil {
			t.Error("no error, and the tokens were out of reach")
		}
		if _, err := s.users.Find(t.Context(), "8"); err != nil {
			t.Errorf("the user is gone: %v", err)
		}
	})
}

// Nearly all deletions are of users who are no administrators: they wait for none that are.
func TestDeleteWaitsForNobody(t *testing.T) {
	onDatabases(t, func(t *testing.T, db string) {
		s := opened(t, db)
		if s.dialect == usersql.SQLite {
			return // all writers of it take turns
		}
		for id, roles := range map[string][]string{"7": {"customer"}, "8": {"admin"}} {
			if _, err := s.users.Create(t.Context(), account.User{ID: id, Email: id + "@example.com", Canonical: id + "@example.com", Roles: roles, CreatedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		holder, err := s.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = holder.Rollback() }()
		if _, err := holder.ExecContext(t.Context(), "UPDATE reference_locks SET taken = taken + 1"); err != nil {
			t.Fatal(err)
		}
		if err := s.users.SetRoles(t.Context(), "7", []string{"manager"}); err != nil {
			t.Error(err)
		}
		if err := s.users.Delete(t.Context(), "7"); err != nil {
			t.Error(err)
		}
		short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := s.users.Delete(short, "8"); err == nil || errors.Is(err, errLastAdministrator) {
			t.Errorf("an administrator went, and the lock was held: %v", err)
		}
	})
}

// Who is made an administrator while their deletion is under way is one to it.
func TestDeleteSeesAPromotion(t *testing.T) {
	onDatabases(t, func(t *testing.T, db string) {
		s := opened(t, db)
		if s.dialect == usersql.SQLite {
			return // it has no second writer
		}
		if _, err := s.users.Create(t.Context(), account.User{ID: "7", Email: alice, Canonical: alice, Roles: []string{"customer"}, CreatedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
		promotion, err := s.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = promotion.Rollback() }()
		if _, err := promotion.ExecContext(t.Context(), `UPDATE auth_users SET roles = '["admin"]' WHERE id = '7'`); err != nil {
			t.Fatal(err)
		}
		deleted := make(chan error)
		go func() { deleted <- s.users.Delete(context.WithoutCancel(t.Context()), "7") }()
		<-time.After(300 * time.Millisecond) // it has read the roles, and waits for the row
		if err := promotion.Commit(); err != nil {
			t.Error(err)
		}
		if err := <-deleted; !errors.Is(err, errLastAdministrator) {
			t.Errorf("the only administrator was deleted: %v", err)
		}
		if _, err := s.users.Find(t.Context(), "7"); err != nil {
			t.Error(err)
		}
	})
}
